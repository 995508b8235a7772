"""Contracts: which jobs may be submitted, what they are told, and what they start.

Read from a YAML file, checked as a whole; a file that was changed is read again, and one that
is wrong then leaves things as they were.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from odimra.clock import Clock
from odimra.resources import data_path

log = logging.getLogger(__name__)

SCHEMA = "contracts.json"
#: How often is looked whether the file has changed, in ms.
LOOK_MS = 1000
#: A variable in an argument: "$name" alone is its value, whatever that is.
VARIABLE = re.compile(r"^\$([A-Za-z_][A-Za-z0-9_]*)$")


class BadContracts(ValueError):
    """The file cannot be used: one line, with the file and the place in it."""


class BadVariables(ValueError):
    """``actionVariables`` are not what the action takes: one line that names the property."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: so many of its jobs run at a time, 0 for any number."""

    name: str
    concurrency: int = 0
    enabled: bool = True


@dataclass(frozen=True)
class Action:
    """What can be asked for under a contract, and the kind of job that does it."""

    name: str
    kind: str
    trigger: str
    template: Mapping[str, Any]
    variables: Mapping[str, Any] = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        validator = jsonschema_rs.validator_for(dict(self.variables), validate_formats=True)
        object.__setattr__(self, "_validator", validator)

    def filled(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the kind. Raises :class:`BadVariables`."""
        errors = [*self._validator.iter_errors(dict(variables))]  # type: ignore[attr-defined]
        if errors:
            first = errors[0]
            path = "/".join(["actionVariables", *map(str, first.instance_path)])
            # The message may quote the value: no more of that than helps.
            raise BadVariables(f"{path}: {first.message[:200]}")
        found: dict[str, Any] = _fill(dict(self.arguments), variables)
        return found


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract with its actions, by name."""

    name: str
    type: str
    actor: str
    queue: str
    enabled: bool
    actions: Mapping[str, Action]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All contracts and queues of a file."""

    contracts: Mapping[str, Contract]
    queues: Mapping[str, Queue]


_ABSENT = object()


def _fill(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        filled = {name: _fill(one, variables) for name, one in value.items()}
        return {name: one for name, one in filled.items() if one is not _ABSENT}
    if isinstance(value, list):
        return [one for one in (_fill(one, variables) for one in value) if one is not _ABSENT]
    if isinstance(value, str):
        found = VARIABLE.match(value)
        if found is not None:
            return variables.get(found[1], _ABSENT)
        return value[1:] if value.startswith("$$") else value
    return value


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_names, value.values()))
    if isinstance(value, list):
        return set().union(*map(_names, value))
    found = VARIABLE.match(value) if isinstance(value, str) else None
    return {found[1]} if found is not None else set()


def locate(name: str) -> Path:
    """Return the file that the setting names: ``default`` is the one of the package."""
    return data_path("config", "contracts.yaml") if name == "default" else Path(name).expanduser()


def load(path: Path, kinds: Mapping[str, Collection[str]]) -> Catalogue:
    """Read a file; ``kinds`` are those that there are, with the arguments they take.

    Raises :class:`BadContracts`.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadContracts(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadContracts(f"{path}: not valid YAML{where}") from None
    rules = json.loads(data_path("schemas", SCHEMA).read_text("utf-8"))
    worst = best_match(Draft202012Validator(rules).iter_errors(content))
    if worst is not None:
        place = ".".join(map(str, worst.absolute_path)) or "the file"
        raise BadContracts(f"{path}: {place}: {worst.message[:300]}")
    queues = {
        name: Queue(name, given.get("concurrency", 0), given.get("enabled", True))
        for name, given in content["queues"].items()
    }
    contracts: dict[str, Contract] = {}
    for name, given in content["contracts"].items():
        where = f"{path}: contracts.{name}"
        if given["queue"] not in queues:
            raise BadContracts(f"{where}.queue: there is no queue '{given['queue']}'")
        actions = {
            action: _action(action, made, kinds, f"{where}.actions.{action}")
            for action, made in given["actions"].items()
        }
        contracts[name] = Contract(
            name, given["type"], given["actor"], given["queue"], given.get("enabled", True), actions
        )
    return Catalogue(contracts, queues)


def _action(
    name: str, given: Mapping[str, Any], kinds: Mapping[str, Collection[str]], where: str
) -> Action:
    kind, variables = given["kind"], given.get("variables", {"type": "object"})
    if kind not in kinds:
        raise BadContracts(f"{where}.kind: there is no kind '{kind}', there are {', '.join(kinds)}")
    unknown = set(given["arguments"]) - set(kinds[kind])
    if unknown:
        takes = ", ".join(sorted(kinds[kind]))
        raise BadContracts(f"{where}.arguments: {kind} takes no '{min(unknown)}', it takes {takes}")
    try:
        Draft202012Validator.check_schema(variables)
        made = Action(
            name, kind, given.get("trigger", "REST"), given["template"], variables,
            given["arguments"],
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - two libraries, each with errors of its own
        said = str(error).partition("\n")[0][:200]
        raise BadContracts(f"{where}.variables: is no JSON Schema: {said}") from None
    strange = _names(given["arguments"]) - set(variables.get("properties", {}))
    if strange:
        raise BadContracts(f"{where}.arguments: ${min(strange)} is no property of its variables")
    return made


class Contracts:
    """The contracts as they are now."""

    def __init__(self, path: Path, kinds: Mapping[str, Collection[str]], clock: Clock) -> None:
        """Read the file. Raises :class:`BadContracts`."""
        self._path = path
        self._kinds = kinds
        self._clock = clock
        self._seen = self._mark()
        self._looked = clock.now_ms()
        self._known = load(path, kinds)

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def now(self) -> Catalogue:
        """Return all contracts; a file that has changed is read again."""
        at = self._clock.now_ms()
        if at - self._looked >= LOOK_MS:
            self._looked = at
            mark = self._mark()
            if mark != self._seen:
                self._seen = mark
                try:
                    self._known = load(self._path, self._kinds)
                    log.info("contracts were read again: %s", self._path)
                except BadContracts as error:
                    log.error("contracts stay as they were: %s", error)
        return self._known
