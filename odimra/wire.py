"""The body of a request: received within bounds, and read as JSON in the same way by every face.

Called by the faces, each of which words the failures in its own way; knows nobody.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

#: Bodies longer than this are parsed beside the event loop, in bytes.
LONG = 64 * 1024
#: Where a request carries a body that was read before its handler reads it.
RECEIVED = "odimra.body"
#: A number that no computer counts with any more: JSON sets no bound, a schema rarely thinks of it.
LONGEST_NUMBER = 300
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)


class BadBody(Exception):
    """The body of a request cannot be read."""


class BodyTooLong(BadBody):
    """It is longer than is taken."""


class BodyTooSlow(BadBody):
    """It did not arrive in time."""


class BadJson(BadBody):
    """It is no JSON, or nested too deeply; the text says where."""


class RepeatedName(BadJson):
    """An object of it names a member more than once."""

    def __init__(self, name: str) -> None:
        super().__init__("a name is there twice in one object")
        self.name = name


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bounds of a body: bytes, levels of nesting, seconds until it has arrived."""

    max_bytes: int = 1024 * 1024
    max_depth: int = 32
    timeout: float = 30


async def receive(request: web.Request, limits: BodyLimits) -> bytes:
    """Return the bytes of a body.

    Raises :class:`BodyTooLong`, :class:`BodyTooSlow`, :class:`BadBody` when it breaks off.
    """
    before: bytes | None = request.get(RECEIVED)
    if before is not None:
        return before
    # Not request.read(): its bound is the application's, which all faces share.
    if (request.content_length or 0) > limits.max_bytes:
        raise BodyTooLong
    received = bytearray()
    try:
        async with asyncio.timeout(limits.timeout):
            async for chunk in request.content.iter_any():
                received += chunk
                if len(received) > limits.max_bytes:
                    raise BodyTooLong
    except TimeoutError:
        raise BodyTooSlow from None
    except web.RequestPayloadError:
        # Broken chunks, a broken compression, a client that has gone.
        raise BadBody("it breaks off") from None
    request[RECEIVED] = bytes(received)
    return bytes(received)


async def parse_beside(raw: bytes, max_depth: int) -> Any:
    """Return what :func:`parse` does, without holding up others when it takes long."""
    if len(raw) <= LONG:
        return parse(raw, max_depth)
    return await asyncio.get_running_loop().run_in_executor(None, parse, raw, max_depth)


def parse(raw: bytes, max_depth: int) -> Any:
    """Return the JSON value in ``raw``. Raises :class:`BadJson`, :class:`RepeatedName`."""
    # Depth first, on the text: a parser that is led deep enough runs out of stack.
    if _depth(raw) > max_depth:
        raise BadJson(f"it is nested more than {max_depth} levels deep")
    try:
        # orjson is strict (UTF-8, no NaN, no half of a surrogate pair); the parser of the standard
        # library is the one that shows names which are there twice.
        orjson.loads(raw)
        return json.loads(raw, object_pairs_hook=_unique, parse_float=_float, parse_int=_int)
    except orjson.JSONDecodeError as error:
        # Where, but nothing of what is there.
        raise BadJson(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except (ValueError, RecursionError):
        raise BadJson("a number in it is too long") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise RepeatedName(name)
        found[name] = value
    return found


def _float(text: str) -> int | float:
    value = float(text)
    if len(text) > LONGEST_NUMBER or not math.isfinite(value):
        raise ValueError(text)
    # JSON Schema calls 5.0 an integer, and what is one by the schema should be one in Python.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _int(text: str) -> int | float:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(text)
    value = int(text)
    # What is longer than 64 bits can be compared with a schema's bounds, but not be rendered.
    return value if -(2**63) <= value < 2**63 else float(value)


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for bracket in _NOT_BRACKET.sub(b"", _STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
