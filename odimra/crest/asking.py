"""A request as CREST means it: its operation, its parameters, its conditions, its body.

Used by :mod:`.frame`, which makes one, and by the endpoints, which answer it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from odimra import wire
from odimra.access import Principal
from odimra.crest.errors import CrestError, bad
from odimra.records.macros import unescape_macros
from odimra.wire import BodyLimits

CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
VERSION = re.compile(r"\s*(protocol|resource)\s*=\s*(\d{1,3})(?:\.(\d{1,3}))?\s*", re.IGNORECASE)
#: The newest version of the protocol, and the versions of resources that there are.
PROTOCOL, RESOURCES = (2, 1), (1, 2)
NEWEST = "2.0"

#: Parameters of CREST that say what is asked for; of each there may be one.
QUERIES = ("_queryFilter", "_queryId", "_queryExpression")
#: The action of a POST that names none.
CREATE = "create"
#: Those that every request may have.
ALWAYS = ("_fields", "_prettyPrint")
KNOWN = (
    *QUERIES,
    *ALWAYS,
    "_action",
    "_pageSize",
    "_pagedResultsCookie",
    "_pagedResultsOffset",
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
    if found.get("_prettyprint", "true").lower() not in ("true", "false"):
        raise bad("The value of the parameter '_prettyPrint' is neither true nor false")
    return found


def check_parameters(params: Mapping[str, str], method: str, querying: bool) -> None:
    """Refuse parameters of CREST that this kind of request does not have."""
    taken = set(ALWAYS)
    if method == "POST":
        taken.add("_action")
        # An action may be on what a query selects; what is made is selected by nothing.
        if params.get("_action", CREATE).lower() != CREATE:
            taken |= set(QUERIES)
    elif querying:
        taken = set(KNOWN) - {"_action"}
    lower = {name.lower() for name in taken}
    for name in KNOWN:
        if name.lower() in params and name.lower() not in lower:
            raise bad(f"The parameter '{name}' has no meaning here")


def check_version(given: str | None) -> str:
    """Return the version of the resource that is asked for (Accept-API-Version), or the newest.

    Refuses versions that are not spoken here.
    """
    resource = NEWEST
    if given is None:
        return resource
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
        else:
            resource = f"{major}.{minor}"
    return resource


def condition(value: str | None) -> str | None:
    """Return the revision of an If-Match or If-None-Match, ``*`` or None."""
    if value is None:
        return None
    value = value.strip()
    return value if value == "*" else value.removeprefix("W/").strip('"')


def has(request: web.Request, rev: str) -> bool:
    """Tell whether the client has what is of the revision ``rev`` already (If-None-Match)."""
    given = request.headers.get("If-None-Match", "").split(",")
    return any(condition(one) in ("*", rev) for one in given)


async def read_body(request: web.Request, limits: BodyLimits, *, lenient: bool) -> tuple[Any, bool]:
    """Return the JSON value of the body, None if there is none, and whether it had to be mended.

    ``lenient`` drops backslashes between a dollar sign and a brace. Raises 400, 408, 413.
    """
    if not request.body_exists:
        return None, False
    try:
        raw = await wire.receive(request, limits)
        if not raw.strip():
            return None, False
        _check_type(request.headers.get("Content-Type", ""))
        return await _parse(raw, limits.max_depth, lenient)
    except wire.BodyTooLong:
        raise CrestError(413, f"The content is longer than {limits.max_bytes} bytes") from None
    except wire.BodyTooSlow:
        raise CrestError(408, "The content has not arrived in time") from None
    except wire.BadBody as error:
        raise bad(
            "The request could not be processed because the provided content is not valid JSON",
            detail=str(error) or None,
        ) from None


def _check_type(declared: str) -> None:
    charset = CHARSET.search(declared)
    if not wire.JSON_TYPE.match(declared) or (charset and charset[1].lower() != "utf-8"):
        raise bad("The request could not be processed because its content is not declared as JSON")


async def _parse(raw: bytes, max_depth: int, lenient: bool) -> tuple[Any, bool]:
    try:
        return await wire.parse_beside(raw, max_depth), False
    except wire.BadJson:
        mended = unescape_macros(raw)
        if not lenient or mended == raw:
            raise
        try:
            return await wire.parse_beside(mended, max_depth), True
        except wire.BadJson:
            pass  # what is wrong with it as it came is told
        raise
