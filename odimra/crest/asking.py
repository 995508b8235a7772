"""A request as CREST means it: its operation, its parameters, its conditions, its body.

Used by :mod:`.frame`, which makes one, and by the endpoints, which answer it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from odimra.access import Principal
from odimra.crest.errors import CrestError, bad
from odimra.records.macros import unescape_macros

#: Bodies longer than this are parsed beside the event loop, in bytes.
LONG = 64 * 1024
#: Seconds until a body has to be there.
BODY_TIMEOUT = 30
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
VERSION = re.compile(r"\s*(protocol|resource)\s*=\s*(\d{1,3})(?:\.(\d{1,3}))?\s*", re.IGNORECASE)
#: The newest version of the protocol, and the versions of resources that there are.
PROTOCOL, RESOURCES = (2, 1), (1, 2)

#: Parameters of CREST that say what is asked for; of each there may be one.
QUERIES = ("_queryFilter", "_queryId", "_queryExpression")
KNOWN = (
    *QUERIES,
    "_action",
    "_fields",
    "_pageSize",
    "_pagedResultsCookie",
    "_pagedResultsOffset",
    "_prettyPrint",
    "_sortKeys",
    "_totalPagedResultsPolicy",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``body`` is None where there is none."""

    request: web.Request
    principal: Principal
    params: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False, default=None)
    if_match: str | None = None
    if_none_match: str | None = None

    def param(self, name: str) -> str | None:
        """Return a parameter, whatever the case it was written in."""
        return self.params.get(name.lower())

    def listed(self, name: str) -> list[str]:
        """Return the elements of a parameter that is a list with commas."""
        return [one.strip() for one in (self.param(name) or "").split(",") if one.strip()]

    def number(self, name: str) -> int:
        """Return a parameter that is a number, 0 if it is not there."""
        given = self.param(name)
        if given is None:
            return 0
        if not given.isascii() or not given.isdigit() or len(given) > 9:
            raise bad(f"The value '{given[:50]}' for parameter '{name}' is no number")
        return int(given)

    @property
    def query(self) -> str | None:
        """The name of the query parameter, None if there is none."""
        given = [name for name in QUERIES if self.param(name) is not None]
        if len(given) > 1:
            raise bad(f"The parameters {' and '.join(given)} cannot stand together")
        return given[0] if given else None

    @property
    def content(self) -> dict[str, Any]:
        """The body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise bad("The request could not be processed because its content is no JSON object")
        return self.body


def parameters(request: web.Request) -> dict[str, str]:
    """Return the parameters by their names in lower case. Raises 400."""
    found: dict[str, str] = {}
    known = {name.lower() for name in KNOWN}
    for name, value in request.query.items():
        lower = name.lower()
        if lower in found:
            raise bad(f"The parameter '{name[:50]}' is there more than once")
        if lower.startswith("_") and lower not in known:
            raise bad(f"Unrecognized parameter '{name[:50]}'")
        found[lower] = value
    return found


def check_version(given: str | None) -> None:
    """Refuse versions (Accept-API-Version) that are not spoken here."""
    if given is None:
        return
    for part in given.split(","):
        found = VERSION.fullmatch(part)
        if found is None:
            raise bad(f"The value '{given[:50]}' of Accept-API-Version makes no sense")
        major, minor = int(found[2]), int(found[3] or 0)
        if found[1].lower() == "protocol":
            if not (1, 0) <= (major, minor) <= PROTOCOL:
                raise bad(f"Unsupported major version: {found[2]}.{minor}")
        elif major not in RESOURCES or minor:
            raise CrestError(404, f"Resource version {found[2]}.{minor} is not available here")


def condition(value: str | None) -> str | None:
    """Return the revision of an If-Match or If-None-Match, ``*`` or None."""
    if value is None:
        return None
    value = value.strip()
    return value if value == "*" else value.removeprefix("W/").strip('"')


async def read_body(request: web.Request, limit: int, *, lenient: bool) -> tuple[Any, bool]:
    """Return the JSON value of the body, None if there is none, and whether it had to be mended.

    ``limit`` is in bytes; ``lenient`` drops backslashes between a dollar sign and a brace.
    """
    raw = await _receive(request, limit)
    if not raw.strip():
        return None, False
    if not JSON_TYPE.match(request.headers.get("Content-Type", "")):
        raise bad("The request could not be processed because its content is not declared as JSON")
    if len(raw) > LONG:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, _parse, raw, lenient)
    return _parse(raw, lenient)


def _parse(raw: bytes, lenient: bool) -> tuple[Any, bool]:
    try:
        return orjson.loads(raw), False
    except orjson.JSONDecodeError as error:
        mended = unescape_macros(raw)
        if lenient and mended != raw:
            try:
                return orjson.loads(mended), True
            except orjson.JSONDecodeError:
                pass  # what is wrong with it as it came is told
        raise bad(
            "The request could not be processed because the provided content is not valid JSON",
            detail=f"{error.msg}: line {error.lineno} column {error.colno}",
        ) from None


async def _receive(request: web.Request, limit: int) -> bytes:
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > limit:
        raise CrestError(413, f"The content is longer than {limit} bytes")
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                received += chunk
                if len(received) > limit:
                    raise CrestError(413, f"The content is longer than {limit} bytes")
    except TimeoutError:
        raise CrestError(408, "The content has not arrived in time") from None
    except web.RequestPayloadError:
        raise bad("The content has arrived broken") from None
    return bytes(received)
