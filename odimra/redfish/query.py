"""Query parameters, for all resources in one place (DSP0266, query parameters).

``$filter``, then ``$skip`` and ``$top``, then pages, then ``$expand`` and ``$select``; ``only`` by
itself. Called by the frame.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from odimra.redfish import errors
from odimra.redfish.filter import BadFilter, Predicate, compile_filter
from odimra.redfish.resource import Body, Collection, Reply

Fetch = Callable[[str], Awaitable[Body | None]]

KNOWN = ("$filter", "$skip", "$top", "$expand", "$select", "only")
EXPAND = re.compile(r"([*.~])(?:\(\$levels=(\d{1,3})\))?$")
SELECT = re.compile(r"[A-Za-z@#][\w.@#]*(?:/[A-Za-z@#][\w.@#]*)*$")
#: What ``$select`` never takes away.
KEPT = ("@odata.id", "@odata.type", "@odata.context", "@odata.etag")
#: Members looked at together while a filter goes through a collection.
CHUNK = 200
MOST_SELECTED = 50
LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Bounds of one answer: members of a page, members expanded, members a filter looks at."""

    page_size: int = 1000
    max_expand: int = 250
    max_filter_scan: int = 10_000
    max_levels: int = 3


def features(options: QueryOptions) -> Body:
    """Return ServiceRoot's ``ProtocolFeaturesSupported``: what this module does."""
    return {
        "ExcerptQuery": False,
        "ExpandQuery": {
            "ExpandAll": True,
            "Levels": True,
            "Links": True,
            "NoLinks": True,
            "MaxLevels": options.max_levels,
        },
        "FilterQuery": True,
        "FilterQueryComparisonOperations": True,
        "FilterQueryCompoundOperations": True,
        "OnlyMemberQuery": True,
        "SelectQuery": True,
        "TopSkipQuery": True,
        "MultipleHTTPRequests": False,
        "DeepOperations": {"DeepPATCH": False, "DeepPOST": False},
    }


@dataclass(frozen=True, slots=True)
class Expand:
    """What ``$expand`` asks for: ``*`` all, ``.`` not within Links, ``~`` only within Links."""

    what: str
    levels: int


@dataclass(frozen=True, slots=True)
class Query:
    """The query of one request."""

    options: QueryOptions
    filter: Predicate | None = None
    filter_text: str = ""
    skip: int | None = None
    top: int | None = None
    expand: Expand | None = None
    expand_text: str = ""
    select: tuple[tuple[str, ...], ...] | None = None
    select_text: str = ""
    only: bool = False

    def __bool__(self) -> bool:
        return (
            self.only
            or self.filter is not None
            or self.skip is not None
            or self.top is not None
            or self.expand is not None
            or self.select is not None
        )

    @classmethod
    def empty(cls, options: QueryOptions) -> Query:
        """Return the query of a request that has none."""
        return cls(options)

    @classmethod
    def parse(cls, request: web.Request, options: QueryOptions) -> Query:
        """Read the query of ``request``. Raises 400 and 501 as DSP0266 says."""
        if not request.query_string:
            return cls(options)
        given = request.query
        for name in given:
            if name.startswith("$") and name not in KNOWN:
                raise errors.query_unsupported(name)
        asked = [name for name in KNOWN if name in given]
        if not asked:
            return cls(options)
        if request.method not in ("GET", "HEAD"):
            raise errors.query_not_on_operation()
        for name in asked:
            if len(given.getall(name)) > 1:
                raise errors.query_combination()
        if "only" in given:
            if given["only"]:
                raise errors.query_value_format(given["only"], "only")
            if len(asked) > 1:
                raise errors.query_combination()
            return cls(options, only=True)
        text = given.get("$filter", "")
        try:
            predicate = compile_filter(text) if "$filter" in given else None
        except BadFilter:
            raise errors.query_value_format(text, "$filter") from None
        return cls(
            options,
            predicate,
            text,
            _number(given.get("$skip"), "$skip"),
            _number(given.get("$top"), "$top"),
            _expand(given.get("$expand"), options),
            given.get("$expand", ""),
            _select(given.get("$select")),
            given.get("$select", ""),
        )

    # A single resource

    async def single(self, reply: Reply, fetch: Fetch) -> Reply:
        """Shape a reply that holds one resource."""
        if self.only or self.filter or self.skip is not None or self.top is not None:
            raise errors.query_not_on_resource()
        assert reply.body is not None
        body = reply.body
        if self.expand is not None:
            budget = _Budget(self.options.max_expand)
            body = await _expanded(body, self.expand.what, self.expand.levels, fetch, budget)
        if self.select is not None:
            body = _selected(body, self.select)
        return Reply(reply.status, body, reply.headers, reply.etag)

    # A collection

    async def collection(self, found: Collection, fetch: Fetch | None) -> Reply:
        """Render a collection: its page with what the query makes of it."""
        if self.only and fetch is not None:
            uris = await found.source.page(0, 2)
            if len(uris) == 1:
                return Reply(body=await fetch(uris[0]), headers=found.headers)
        skip = self.skip or 0
        size = self.options.page_size
        if self.expand is not None:
            size = min(size, self.options.max_expand)
        wanted = size if self.top is None else min(self.top, size)
        if found.render is not None and not (self.filter or self.expand or self.select):
            return Reply(raw=await found.render(skip, wanted, self), headers=found.headers)
        if self.filter is not None and fetch is not None:
            uris, count = await self._filtered(found, fetch, skip, wanted)
        else:
            count = await found.source.count()
            uris = list(await found.source.page(skip, wanted))
        body = self.page(found, uris, count, skip)
        if self.expand is not None and fetch is not None:
            budget = _Budget(self.options.max_expand)
            # One level is the members themselves.
            body["Members"] = [await self._member(uri, self.expand, fetch, budget) for uri in uris]
            if self.select is not None:
                body["Members"] = [_selected(one, self.select) for one in body["Members"]]
        elif self.select is not None:
            body = _selected(body, self.select)
        return Reply(body=body, headers=found.headers)

    def page(self, found: Collection, uris: Iterable[str], count: int, skip: int) -> Body:
        """Return the body of one page, with the link to the next when there is more."""
        members = [{"@odata.id": uri} for uri in uris]
        short = found.type.partition(".")[0]
        body: Body = {
            "@odata.id": found.uri,
            "@odata.type": f"#{found.type}",
            "@odata.context": f"/redfish/v1/$metadata#{short}.{short}",
            "Name": found.name,
            **found.extra,
            "Members@odata.count": count,
            "Members": members,
        }
        end = skip + len(members)
        left = None if self.top is None else self.top - len(members)
        if members and end < count and (left is None or left > 0):
            body["Members@odata.nextLink"] = self._next(found.uri, end, left)
        return body

    def _next(self, uri: str, skip: int, left: int | None) -> str:
        parts = [f"$skip={skip}"]
        if left is not None:
            parts.append(f"$top={left}")
        for name, text in (
            ("$filter", self.filter_text),
            ("$expand", self.expand_text),
            ("$select", self.select_text),
        ):
            if text:
                parts.append(f"{name}={quote(text, safe='')}")
        return f"{uri}?{'&'.join(parts)}"

    async def _filtered(
        self, found: Collection, fetch: Fetch, skip: int, wanted: int
    ) -> tuple[list[str], int]:
        assert self.filter is not None
        if await found.source.count() > self.options.max_filter_scan:
            # To cut the search short would be to say that what was not looked at does not match.
            raise errors.too_much()
        matching: list[str] = []
        position = 0
        while uris := await found.source.page(position, CHUNK):
            position += len(uris)
            for uri in uris:
                member = await fetch(uri)
                if member is not None and self.filter(member):
                    matching.append(uri)
        return matching[skip : skip + wanted], len(matching)

    @staticmethod
    async def _member(uri: str, expand: Expand, fetch: Fetch, budget: _Budget) -> Body:
        member = await fetch(uri)
        if member is None:
            return {"@odata.id": uri}
        if expand.levels > 1:
            member = await _expanded(member, expand.what, expand.levels - 1, fetch, budget)
        return member


class _Budget:
    """How many more resources one answer may hold."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise errors.too_much()


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        if re.fullmatch(r"-\d+", text):
            raise errors.query_out_of_range(text, name, f"0-{LARGEST}")
        raise errors.query_value_type(text, name)
    if len(text) > 10 or int(text) > LARGEST:
        raise errors.query_out_of_range(text, name, f"0-{LARGEST}")
    return int(text)


def _expand(text: str | None, options: QueryOptions) -> Expand | None:
    if text is None:
        return None
    found = EXPAND.match(text)
    if found is None:
        raise errors.query_value_format(text, "$expand")
    levels = int(found[2] or 1)
    if not 1 <= levels <= options.max_levels:
        raise errors.query_out_of_range(found[2], "$levels", f"1-{options.max_levels}")
    return Expand(found[1], levels)


def _select(text: str | None) -> tuple[tuple[str, ...], ...] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) > MOST_SELECTED or not all(SELECT.match(name) for name in names):
        raise errors.query_value_format(text, "$select")
    return tuple(tuple(name.split("/")) for name in names)


def _selected(body: Body, paths: tuple[tuple[str, ...], ...]) -> Body:
    chosen: Body = {name: body[name] for name in KEPT if name in body}
    for path in paths:
        _copy(body, chosen, path)
    return chosen


def _copy(source: Any, target: Body, path: tuple[str, ...]) -> None:
    name, rest = path[0], path[1:]
    if not isinstance(source, dict) or name not in source:
        return
    value = source[name]
    if not rest:
        target[name] = value
    elif isinstance(value, list):
        inner = target.setdefault(name, [{} for _ in value])
        for one, into in zip(value, inner, strict=True):
            _copy(one, into, rest)
    else:
        _copy(value, target.setdefault(name, {}), rest)


async def _expanded(body: Body, what: str, levels: int, fetch: Fetch, budget: _Budget) -> Body:
    """Return ``body`` with its links replaced by what they lead to."""

    async def walk(value: Any, within_links: bool) -> Any:
        if isinstance(value, list):
            return [await walk(one, within_links) for one in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"@odata.id"}:
            if (what == "." and within_links) or (what == "~" and not within_links):
                return value
            uri = value["@odata.id"]
            if "#" in uri or uri == body.get("@odata.id"):
                return value
            budget.spend()
            found = await fetch(uri)
            if found is None:
                return value
            if levels > 1:
                found = await _expanded(found, what, levels - 1, fetch, budget)
            return found
        return {
            name: await walk(one, within_links or name == "Links") for name, one in value.items()
        }

    walked: Body = await walk(body, False) if set(body) != {"@odata.id"} else body
    return walked
