"""The settings: from YAML, environment and flags to frozen dataclasses.

``config/odimra.yaml`` holds every setting with its default, comment and unit,
``schemas/odimra.config.json`` its bounds, :mod:`.sections` its type. Read by the doors
(``cli``, ``supervisor``, ``doctor``) and ``app``; a room gets the dataclass of its own section.
Must never import a room.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError

from odimra import networks
from odimra.resources import data_path
from odimra.sections import LogSettings, Settings

__all__ = ["BadConfiguration", "LogSettings", "Settings", "load"]

LOCAL_FILE = "odimra.yaml"
PREFIX = "ODIMRA_"
FILE_VARIABLE = "ODIMRA_CONFIG"


class BadConfiguration(Exception):
    """The settings cannot be used; one line in ``problems`` for each thing that is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class _Layer:
    """One source of settings, and how it names a setting when it complains."""

    source: str
    values: Mapping[str, Any]


class _UniqueKeys(yaml.SafeLoader):  # type: ignore[misc]  # pyyaml ships no types
    """A safe loader that refuses a key written twice, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' is there twice", key.start_mark
                    )
                seen.add(key.value)
        return cast("dict[Any, Any]", super().construct_mapping(node, deep=deep))


def load(path: str | Path | None, env: Mapping[str, str], overrides: Mapping[str, Any]) -> Settings:
    """Return the settings in force.

    ``path`` is the file that a flag named; without it ``ODIMRA_CONFIG`` or, if it is there,
    ``./odimra.yaml``. ``overrides`` are the flags, by dotted path (``{"http.port": 9443}``).
    Later sources win: defaults, file, environment, flags.

    Raises :class:`BadConfiguration` with a line for every unknown setting and bad value.
    """
    layers = [_Layer("config/odimra.yaml", _read(data_path("config", "odimra.yaml")))]
    chosen = path or env.get(FILE_VARIABLE) or None
    if chosen is None and Path(LOCAL_FILE).is_file():
        chosen = LOCAL_FILE
    if chosen is not None:
        layers.append(_Layer(str(chosen), _read(Path(chosen))))
    schema = config_schema()
    layers.extend(_environment(env, schema))
    layers.extend(
        _Layer("command line", _nested(tuple(dotted.split(".")), value))
        for dotted, value in overrides.items()
    )
    validator = Draft202012Validator(schema)
    problems = [
        f"{layer.source}: {problem}" for layer in layers for problem in _problems(validator, layer)
    ]
    if problems:
        raise BadConfiguration(*problems)
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer.values)
    merged["state_folder"] = str(Path(merged["state_folder"]).expanduser().absolute())
    problems = list(_contradictions(merged))
    if problems:
        raise BadConfiguration(*problems)
    return from_document(merged)


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the settings."""
    text = data_path("schemas", "odimra.config.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def from_document(document: Mapping[str, Any]) -> Settings:
    """Return the settings that :func:`to_document` wrote down."""
    return cast("Settings", _build(Settings, document))


def to_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain data, secrets included (for a child process)."""
    return dataclasses.asdict(settings)


def masked(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain data in which no secret can be read (for people)."""
    document = to_document(settings)
    document["store"]["url"] = mask_url(settings.store.url)
    return document


def mask_url(url: str) -> str:
    """Return ``url`` with the password of its login, and those of its query, as stars."""
    head, query_mark, query = url.partition("?")
    scheme, separator, rest = head.partition("://")
    login, at, host = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        login = f"{user}:***" if colon else "***"
    shown = [
        f"{name}=***" if "password" in name.lower() else pair
        for pair in query.split("&")
        for name in (pair.partition("=")[0],)
    ]
    return f"{scheme}{separator}{login}{at}{host}{query_mark}{'&'.join(shown)}"


def setting_paths(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every setting that the schema knows."""
    for name, entry in schema["properties"].items():
        if "properties" in entry:
            yield from setting_paths(entry, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadConfiguration(f"{path}: cannot be read: {reason}") from error
    try:
        # A subclass of the safe loader, so as safe.
        values = yaml.load(text, _UniqueKeys)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise BadConfiguration(f"{path}: {where}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise BadConfiguration(f"{path}: is not YAML: {error}".splitlines()[0]) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise BadConfiguration(f"{path}: must hold sections (name: value), not a single value")
    # An empty section is read as null; who wrote only its name meant its defaults.
    return {name: {} if value is None else value for name, value in values.items()}


def _environment(env: Mapping[str, str], schema: Mapping[str, Any]) -> Iterator[_Layer]:
    known = {_variable(dotted): dotted for dotted in setting_paths(schema)}
    flattened = {name.replace("__", "_"): name for name in known}
    problems = []
    for name in sorted(env):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        if name in known:
            path = tuple(known[name].split("."))
            yield _Layer(name, _nested(path, _typed(env[name], _entry(schema, path))))
        elif "__" in name:
            problems.append(f"{name}: is not a setting{_hint(name, known)}")
        elif name in flattened:
            # Anything else without "__" may be another program's: Kubernetes sets ODIMRA_PORT.
            problems.append(f"{name}: is not a setting (did you mean '{flattened[name]}'?)")
    if problems:
        raise BadConfiguration(*problems)


def _variable(dotted: str) -> str:
    return PREFIX + dotted.upper().replace(".", "__")


def _entry(schema: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    for name in path:
        schema = schema["properties"][name]
    return schema


def _typed(text: str, entry: Mapping[str, Any]) -> Any:
    if entry.get("type") == "string" or "enum" in entry:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return cast("dict[str, Any]", value)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merge(old, value) if isinstance(old, dict) else value
    return merged


def _problems(validator: Draft202012Validator, layer: _Layer) -> Iterator[str]:
    errors = sorted(
        validator.iter_errors(layer.values), key=lambda error: [str(x) for x in error.absolute_path]
    )
    for error in errors:
        yield from _lines(error)
    yield from _not_finite(layer.values)


def _not_finite(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    # NaN is neither less nor greater than any bound, so the schema lets it pass.
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _not_finite(value, f"{prefix}{name}.")
        elif isinstance(value, float) and math.isnan(value):
            yield f"{prefix}{name}: is not a number"


def _lines(error: ValidationError) -> Iterator[str]:
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in error.instance:
            if name not in known:
                yield f"{path}{'.' if path else ''}{name}: is not a setting{_hint(name, known)}"
        return
    if error.validator == "propertyNames" or "propertyNames" in error.absolute_schema_path:
        yield f"{path}: '{error.instance}' cannot be the name of a job kind"
        return
    if path == "store.url":
        # The value may hold a password: it is not repeated.
        yield (
            f"{path}: is not a URL of a store (embedded:, redis://, rediss://, unix://, "
            "redis+sentinel:// or redis+cluster://)"
        )
        return
    yield f"{path or 'the file'}: {error.message}"


def _hint(name: object, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _contradictions(merged: Mapping[str, Any]) -> Iterator[str]:
    access, tls = merged["access"], merged["http"]["tls"]
    if access["min_password_length"] > access["max_password_length"]:
        yield (
            f"access.min_password_length: {access['min_password_length']} is greater than "
            f"access.max_password_length, which is {access['max_password_length']}"
        )
    if access["lockout_reset_after_seconds"] > access["lockout_duration_seconds"] > 0:
        # Redfish: AccountLockoutCounterResetAfter shall not exceed AccountLockoutDuration.
        yield (
            f"access.lockout_reset_after_seconds: {access['lockout_reset_after_seconds']} is "
            "greater than access.lockout_duration_seconds, which is "
            f"{access['lockout_duration_seconds']}"
        )
    for name in ("denied_networks", "allowed_networks"):
        try:
            networks.parse(merged["events"][name])
        except ValueError as error:
            yield f"events.{name}: {error}"
    if bool(tls["certificate"]) != bool(tls["key"]):
        missing = "key" if tls["certificate"] else "certificate"
        other = "certificate" if tls["certificate"] else "key"
        yield f"http.tls.{missing}: is empty although http.tls.{other} is set"


def _build(cls: Any, document: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, hint in hints.items():
        value = document[name]
        if dataclasses.is_dataclass(hint):
            values[name] = _build(hint, value)
        elif hint is float:
            values[name] = float(value)
        elif isinstance(value, dict):
            values[name] = {str(key): entry for key, entry in value.items()}
        else:
            values[name] = value
    return cls(**values)
