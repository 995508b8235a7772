"""From the bytes of a request to a body that has passed its schema.

Every error names the property; all errors of a body are reported, up to a bound. Called by the
frame only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jsonschema_rs
import orjson
from aiohttp import web

from odimra import wire
from odimra.redfish import errors
from odimra.redfish.errors import RedfishError
from odimra.resources import data_path
from odimra.wire import BodyLimits

#: Errors reported of one body.
MOST = 20
#: Control information of OData: a body may carry it, and it changes nothing (DSP0266 on PATCH).
ANNOTATION = "@odata."
REFERENCE = "@odata.id"

_TOO_MANY = errors.Said("Base.MaximumErrorsExceeded")


class BodySchema:
    """One schema file of ``schemas/``.

    A property that can be read but not written has ``"readOnly": true`` or is forbidden with
    ``"not": {}``.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._read_only = _read_only(document)
        self._validator = jsonschema_rs.validator_for(dict(document), validate_formats=True)

    @classmethod
    def load(cls, name: str) -> BodySchema:
        """Read the schema file ``name``."""
        return cls(json.loads(data_path("schemas", name).read_text(encoding="utf-8")))

    def check(self, body: Mapping[str, Any], action: str | None = None) -> None:
        """Raise one error that tells all that the schema refuses in ``body``."""
        seen = set(_written(body, self._read_only))
        found = [errors.property_not_writable(name) for name in sorted(seen)]
        if not found and self._validator.is_valid(body):
            return
        for error in self._validator.iter_errors(body):
            for name, one in _translate(error, action):
                # One message for one value: what is not of the type is not in the list either.
                if name not in seen:
                    seen.add(name)
                    found.append(one)
            if len(found) > MOST:
                raise errors.together([*found[: MOST - 1], RedfishError(400, (_TOO_MANY,))])
        raise errors.together(found)


def _read_only(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the read-only properties of a schema: True, or a mapping of those below."""
    found: dict[str, Any] = {}
    for name, entry in schema.get("properties", {}).items():
        if not isinstance(entry, Mapping):
            continue
        if entry.get("readOnly") is True:
            found[name] = True
        elif below := _read_only(entry):
            found[name] = below
    return found


def _written(body: Any, read_only: Mapping[str, Any], path: str = "") -> Iterator[str]:
    if isinstance(body, Mapping):
        for name, below in read_only.items():
            if name not in body:
                continue
            if below is True:
                yield f"{path}{name}"
            else:
                yield from _written(body[name], below, f"{path}{name}/")


def _translate(error: Any, action: str | None) -> Iterator[tuple[str, RedfishError]]:
    """Yield property and message for one error of the schema, by the keyword that refused."""
    path = [str(part) for part in error.instance_path]
    keyword = error.kind.name
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        for unexpected in error.kind.unexpected:
            name = "/".join([*path, unexpected])
            yield name, _unknown(name, action)
        return
    if keyword == "required":
        name = "/".join([*path, error.kind.property])
        yield (
            name,
            errors.action_parameter_missing(action, name)
            if action
            else errors.property_missing(name),
        )
        return
    name = "/".join(path)
    if keyword in ("not", "falseSchema") and not action:
        yield name, errors.property_not_writable(name)
    elif not name:
        # Of the body as a whole: too few properties, too many.
        yield name, errors.unrecognized_body()
    elif keyword == "maxItems" and not action:
        yield name, errors.array_size_too_long(name, error.kind.limit)
    elif keyword == "minItems" and not action:
        yield name, errors.array_size_too_short(name, error.kind.limit)
    elif (kind := _KINDS.get(keyword)) is None:
        yield (
            name,
            errors.action_parameter_value_error(name, action)
            if action
            else errors.property_value_error(name),
        )
    elif action:
        yield name, _ACTION[kind](error.instance, name, action)
    else:
        yield name, _PROPERTY[kind](error.instance, name)


def _unknown(name: str, action: str | None) -> RedfishError:
    return (
        errors.action_parameter_unknown(action, name) if action else errors.property_unknown(name)
    )


#: What a schema's keyword says of a value; of others only that it is not valid.
_KINDS = {
    "type": "type",
    "oneOf": "type",
    "oneOfNotValid": "type",
    "anyOf": "type",
    "enum": "list",
    "const": "list",
    "constant": "list",
    "minimum": "range",
    "maximum": "range",
    "exclusiveMinimum": "range",
    "exclusiveMaximum": "range",
    "pattern": "format",
    "format": "format",
    "minLength": "format",
    "maxLength": "format",
}
_PROPERTY: Mapping[str, Callable[[Any, str], RedfishError]] = {
    "type": errors.property_value_type,
    "list": errors.property_value_not_in_list,
    "range": errors.property_value_out_of_range,
    "format": errors.property_value_format,
}
_ACTION: Mapping[str, Callable[[Any, str, str], RedfishError]] = {
    "type": errors.action_parameter_value_type,
    "list": errors.action_parameter_value_not_in_list,
    "range": errors.action_parameter_value_out_of_range,
    "format": errors.action_parameter_value_format,
}


def refuse_all(body: Mapping[str, Any], action: str | None) -> None:
    """Refuse every property of a body where none is expected."""
    found = [_unknown(name, action) for name in list(body)[:MOST]]
    if found:
        raise errors.together(found)


# From bytes to JSON


def parse(raw: bytes, max_depth: int) -> Any:
    """Return the JSON value in ``raw``. Raises 400 when it is none, or nested too deeply."""
    with worded():
        return wire.parse(raw, max_depth)


@contextmanager
def worded() -> Iterator[None]:
    """Word the failures of a body as Redfish does."""
    try:
        yield
    except wire.RepeatedName as error:
        raise errors.property_duplicate(error.name) from None
    except wire.BodyTooLong:
        raise errors.payload_too_large() from None
    except wire.BodyTooSlow:
        raise errors.body_timeout() from None
    except wire.BadBody:
        raise errors.malformed_json() from None


async def read(request: web.Request, limits: BodyLimits) -> dict[str, Any] | None:
    """Return the JSON object that a request carries, None when it has no body.

    Raises 413 when it is too long, 408 when it does not arrive in time, 415 when it is not declared
    as JSON, 400 when it is no JSON object or is nested too deeply.
    """
    if not request.body_exists:
        return None
    declared = request.headers.get("Content-Type")
    if declared is not None and not wire.JSON_TYPE.match(declared):
        raise errors.unsupported_media()
    with worded():
        raw = await wire.receive(request, limits)
        if not raw.strip():
            return None
        parsed = await wire.parse_beside(raw, limits.max_depth)
    if not isinstance(parsed, dict):
        raise errors.unrecognized_body()
    return parsed


def without_annotations(body: dict[str, Any], *, change: bool) -> dict[str, Any]:
    """Return a body without OData's control information, at every depth, links apart.

    Of a ``change`` (PATCH, PUT) raises EmptyJSON when it is empty and NoOperation when nothing is
    left (DSP0266 on PATCH).
    """
    kept: dict[str, Any] = _strip(body)
    if change and not kept:
        raise errors.no_operation() if body else errors.empty_json()
    return kept


def _strip(value: Any, *, inner: bool = False) -> Any:
    if isinstance(value, dict):
        kept = {
            name: _strip(content, inner=True)
            for name, content in value.items()
            if ANNOTATION not in name
        }
        # A link to another resource is nothing but its "@odata.id".
        if inner and not kept and REFERENCE in value:
            return {REFERENCE: value[REFERENCE]}
        return kept
    if isinstance(value, list):
        return [_strip(content, inner=True) for content in value]
    return value


def render(body: Any) -> bytes:
    """Return a body as JSON."""
    return orjson.dumps(body)
