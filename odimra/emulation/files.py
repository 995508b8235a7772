"""Reading the emulation's own YAML files: fleets and scenarios.

Called by :mod:`odimra.emulation.fleet` and :mod:`odimra.emulation.scenarios`; reads files and must
never import a room.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from odimra.resources import data_path


class BadEmulationFile(ValueError):
    """A fleet or scenario file that cannot be used: one line, with the file and the place in it."""


def locate(kind: Literal["fleets", "scenarios"], name: str) -> Path:
    """Return the file that a setting names: one of ``config/<kind>/``, or a path.

    A name without a slash or a suffix means the file of that name that comes with the package.
    """
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        return data_path("config", kind, f"{name}.yaml")
    return Path(name)


def read(path: Path, schema: str) -> Any:
    """Return the content of ``path``, checked by ``schemas/<schema>``.

    Raises :class:`BadEmulationFile`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadEmulationFile(f"{path}: cannot be read: {reason}") from error
    return parse(text, schema, str(path))


def parse(text: str, schema: str, origin: str) -> Any:
    """Return the content of the YAML ``text``, checked by ``schemas/<schema>``.

    ``origin`` names it in errors. Raises :class:`BadEmulationFile`.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadEmulationFile(f"{origin}: not valid YAML{where}") from error
    rules = json.loads(data_path("schemas", schema).read_text(encoding="utf-8"))
    worst = best_match(Draft202012Validator(rules).iter_errors(content))
    if worst is not None:
        path = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in worst.absolute_path
        ).lstrip(".")
        raise BadEmulationFile(f"{origin}: {path or 'the file'}: {worst.message[:300]}")
    return content
