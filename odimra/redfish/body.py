"""From the bytes of a request to a body that has passed its schema.

Every error names the property; all errors of a body are reported, up to a bound. Called by the
frame only.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import orjson
from aiohttp import web

from odimra.redfish import errors
from odimra.redfish.errors import RedfishError
from odimra.resources import data_path

#: Bodies longer than this are parsed beside the event loop, in bytes.
LONG = 64 * 1024
#: Errors reported of one body.
MOST = 20
#: An annotation of the protocol, which a PATCH may carry and which changes nothing.
ANNOTATION = re.compile(r"^[^@]*@(odata|Redfish|Message)\.")
JSON_TYPE = re.compile(r"^application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)


class BodySchema:
    """One schema file of ``schemas/``.

    A property that the schema forbids with ``"not": {}`` is one that can be read but not written.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._validator = jsonschema_rs.validator_for(dict(document), validate_formats=True)

    @classmethod
    def load(cls, name: str) -> BodySchema:
        """Read the schema file ``name``."""
        return cls(json.loads(data_path("schemas", name).read_text(encoding="utf-8")))

    def check(self, body: Mapping[str, Any], action: str | None) -> None:
        """Raise one error that tells all that the schema refuses in ``body``."""
        if self._validator.is_valid(body):
            return
        found: list[RedfishError] = []
        for error in self._validator.iter_errors(body):
            found.extend(_translate(error, action))
            if len(found) >= MOST:
                found = [*found[: MOST - 1], RedfishError(400, (_TOO_MANY,))]
                break
        raise errors.together(found)


_TOO_MANY = errors.Said("Base.MaximumErrorsExceeded")


def _name(path: list[str | int]) -> str:
    return "/".join(str(part) for part in path)


def _translate(error: Any, action: str | None) -> Iterator[RedfishError]:
    """Yield the Base messages for one error of the schema, by the keyword that refused."""
    path = list(error.instance_path)
    keyword = error.kind.name
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        for name in error.kind.unexpected:
            full = _name([*path, name])
            yield (
                errors.action_parameter_unknown(action, full)
                if action
                else errors.property_unknown(full)
            )
        return
    if keyword == "required":
        full = _name([*path, error.kind.property])
        yield (
            errors.action_parameter_missing(action, full)
            if action
            else errors.property_missing(full)
        )
        return
    full = _name(path)
    if keyword == "not" and not action:
        yield errors.property_not_writable(full)
        return
    kind = _KINDS.get(keyword, "error")
    value = error.instance
    if kind == "error":
        yield (
            errors.action_parameter_value_error(full, action)
            if action
            else errors.property_value_error(full)
        )
    elif action:
        yield _ACTION[kind](value, full, action)
    else:
        yield _PROPERTY[kind](value, full)


#: What a schema's keyword says of a value.
_KINDS = {
    "type": "type",
    "oneOf": "type",
    "anyOf": "type",
    "enum": "list",
    "const": "list",
    "minimum": "range",
    "maximum": "range",
    "exclusiveMinimum": "range",
    "exclusiveMaximum": "range",
    "pattern": "format",
    "format": "format",
    "minLength": "format",
    "maxLength": "format",
}
_PROPERTY = {
    "type": errors.property_value_type,
    "list": errors.property_value_not_in_list,
    "range": errors.property_value_out_of_range,
    "format": errors.property_value_format,
}
_ACTION = {
    "type": errors.action_parameter_value_type,
    "list": errors.action_parameter_value_not_in_list,
    "range": errors.action_parameter_value_out_of_range,
    "format": errors.action_parameter_value_format,
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise errors.property_value_error(name)
        found[name] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _parse(raw: bytes, max_depth: int) -> Any:
    # Depth first, on the text: a parser that is led deep enough runs out of stack.
    if _depth(raw) > max_depth:
        raise errors.malformed_json()
    try:
        # The parser of the standard library is the one that shows names which are there twice.
        return json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise errors.malformed_json() from None


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for bracket in _NOT_BRACKET.sub(b"", _STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


async def read(request: web.Request, *, max_depth: int) -> dict[str, Any] | None:
    """Return the JSON object that a request carries, None when it has no body.

    Raises 413 when it is too long, 415 when it is not declared as JSON, 400 when it is no JSON
    object or is nested deeper than ``max_depth``.
    """
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise errors.payload_too_large() from None
    if not raw.strip():
        return None
    declared = request.headers.get("Content-Type")
    if declared is not None and not JSON_TYPE.match(declared):
        raise errors.unsupported_media()
    if len(raw) > LONG:
        parsed = await asyncio.get_running_loop().run_in_executor(None, _parse, raw, max_depth)
    else:
        parsed = _parse(raw, max_depth)
    if not isinstance(parsed, dict):
        raise errors.unrecognized_body()
    return parsed


def without_annotations(body: dict[str, Any]) -> dict[str, Any]:
    """Return a PATCH body without the protocol's annotations.

    Raises NoOperation when nothing else is in it (DSP0266 on PATCH).
    """
    kept = {name: value for name, value in body.items() if not ANNOTATION.match(name)}
    if not kept:
        raise errors.no_operation()
    return kept


def render(body: Any) -> bytes:
    """Return a body as JSON."""
    return orjson.dumps(body)
