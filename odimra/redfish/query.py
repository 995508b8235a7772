"""Query parameters, for all resources in one place (DSP0266, query parameters).

``$filter``, then ``$skip`` and ``$top``, then pages, then ``$expand`` and ``$select``; ``only`` by
itself. Called by the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from aiohttp import web

from odimra.redfish import errors
from odimra.redfish.expand import (
    CHUNK,
    Budget,
    Expand,
    Fetch,
    Selection,
    expand,
    parse_select,
    read,
    select,
)
from odimra.redfish.filter import BadFilter, Predicate, compile_filter
from odimra.redfish.resource import Body, Collection, Reply

#: ``$skiptoken`` is ours: where a search through a long collection goes on. Clients get it in a
#: nextLink and cannot but repeat it.
KNOWN = ("$filter", "$skip", "$top", "$expand", "$select", "$skiptoken", "only")
TOKEN = re.compile(r"([0-9]{1,10})\.([0-9]{1,10})")
LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Bounds of one answer: members of a page, members expanded, members a filter looks at."""

    page_size: int = 1000
    max_expand: int = 250
    max_filter_scan: int = 10_000
    max_levels: int = 6


def features(options: QueryOptions) -> Body:
    """Return ServiceRoot's ``ProtocolFeaturesSupported``: what this module does, and no more."""
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
        "IncludeOriginOfConditionQuery": False,
        "DeepOperations": {"DeepPATCH": False, "DeepPOST": False},
    }


@dataclass(frozen=True, slots=True)
class Found:
    """Members that matched: those of this page, and how many are known.

    ``partly``: the collection was not searched whole; the search goes on at ``goes_on``, None at
    its end.
    """

    uris: list[str]
    bodies: list[Body]
    count: int
    partly: bool = False
    goes_on: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """The query of one request; ``texts`` holds the parameters as they were written."""

    options: QueryOptions
    texts: dict[str, str]
    filter: Predicate | None = None
    skip: int | None = None
    top: int | None = None
    expand: Expand | None = None
    select: Selection | None = None
    token: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.texts)

    @property
    def only(self) -> bool:
        """Whether a collection with one member is to be answered by that member."""
        return "only" in self.texts

    @classmethod
    def empty(cls, options: QueryOptions) -> Query:
        """Return the query of a request that has none."""
        return cls(options, {})

    @classmethod
    def parse(cls, request: web.Request, options: QueryOptions) -> Query:
        """Read the query of ``request``. Raises 400 and 501 as DSP0266 says."""
        given = request.query
        names = [name for name in given if name.startswith("$") or name in KNOWN]
        if not names:
            return cls.empty(options)  # parameters without a $ that are unknown are ignored
        if request.method not in ("GET", "HEAD"):
            raise errors.query_not_on_operation()
        for name in names:
            if name not in KNOWN:
                raise errors.query_unsupported(name)
            if len(given.getall(name)) > 1:
                raise errors.query_combination()
        texts = {name: given[name] for name in names}
        if "only" in texts:
            if texts["only"]:
                raise errors.query_value_format(texts["only"], "only")
            if len(texts) > 1:
                raise errors.query_combination()
            return cls(options, texts)
        return cls(
            options,
            texts,
            _filter(texts.get("$filter")),
            _number(texts.get("$skip"), "$skip"),
            _number(texts.get("$top"), "$top"),
            Expand.parse(texts["$expand"], options.max_levels) if "$expand" in texts else None,
            parse_select(texts["$select"]) if "$select" in texts else None,
            _token(texts),
        )

    # A single resource

    async def single(self, reply: Reply, fetch: Fetch) -> Reply:
        """Shape a reply that holds one resource."""
        if self.texts.keys() - {"$expand", "$select"}:
            raise errors.query_not_on_resource()
        assert reply.body is not None
        body = reply.body
        if self.expand is not None:
            body = await expand(body, self.expand, fetch, Budget(self.options.max_expand))
        if self.select is not None:
            body = select(body, self.select)
        # The ETag is that of one resource; an answer that shows others changes when they do.
        return Reply(reply.status, body, reply.headers, reply.etag if self.expand is None else None)

    # A collection

    async def collection(self, found: Collection, fetch: Fetch) -> Reply:
        """Render a collection: its page with what the query makes of it."""
        if self.only:
            uris = await found.source.page(0, 2)
            if len(uris) == 1 and (member := await fetch(uris[0])) is not None:
                return Reply(body=member, headers=found.headers)
        skip = self.skip or 0
        # A page holds as many members as may be shown in full.
        size = self.options.page_size
        if self.expand is not None:
            size = min(size, self.options.max_expand)
        wanted = size if self.top is None else min(self.top, size)
        if found.render is not None and not (self.filter or self.expand or self.select):
            kept = await found.render(skip, wanted, self)
            return Reply(raw=cast("bytes", kept.value), headers=found.headers, kept=kept)
        if self.filter is not None:
            matching = await self._filtered(found, fetch, skip, wanted)
            body = self.page(found, matching.uris, matching.count, skip)
            if matching.partly:
                body.pop("Members@odata.nextLink", None)
                if matching.goes_on is not None:
                    body["Members@odata.nextLink"] = matching.goes_on
            members: list[Body | None] = list(matching.bodies)
        else:
            count = await found.source.count()
            uris = await found.source.page(skip, wanted)
            body = self.page(found, uris, count, skip)
            members = [] if self.expand is None else await read(uris, fetch)
        if self.expand is not None:
            body["Members"] = await self._expanded(body["Members"], members, fetch)
        elif self.select is not None:
            body = select(body, self.select)
        return Reply(body=body, headers=found.headers)

    async def _expanded(
        self, links: list[Body], members: list[Body | None], fetch: Fetch
    ) -> list[Body]:
        """Return the members in full, further levels expanded, and of each what is selected."""
        assert self.expand is not None
        budget = Budget(self.options.max_expand)
        budget.spend(len(members))
        # "Links" is within a resource: members are links outside of it.
        if not self.expand.wants(within_links=False):
            return links
        below = self.expand.below()
        selection = self.select or {}
        if list(selection) == ["Members"]:  # both ways of writing it are met with
            selection = selection["Members"]
        shown = []
        for link, member in zip(links, members, strict=True):
            if member is None:
                shown.append(link)
                continue
            full = member if below is None else await expand(member, below, fetch, budget)
            shown.append(select(full, selection))
        return shown

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
        if members and end < count and left != 0:
            body["Members@odata.nextLink"] = self._next(found.uri, {"$skip": end, "$top": left})
        return body

    def _next(self, uri: str, changed: dict[str, int | str | None]) -> str:
        """Return the URI of this query with some parameters changed; None leaves one out."""
        parameters = {**self.texts, **changed}
        return f"{uri}?" + "&".join(
            f"{name}={quote(str(value), safe='')}"
            for name, value in parameters.items()
            # A collection that "only" did not shorten has pages like any other.
            if value is not None and name != "only"
        )

    async def _filtered(self, found: Collection, fetch: Fetch, skip: int, wanted: int) -> Found:
        """Search the collection for members that match.

        A collection of up to ``max_filter_scan`` members is searched whole, and the count is
        exact. A longer one is searched piece by piece: each answer holds what it found, the count
        of matches known so far, and a nextLink until the end is reached, so that nothing is left
        out and no request does unbounded work.
        """
        if self.token is None and await found.source.count() <= self.options.max_filter_scan:
            return await self._search(found, fetch, skip, skip + wanted)
        position, known = self.token or (0, 0)
        left = self.options.max_filter_scan
        page = Found([], [], 0)
        while left > 0 and len(page.uris) < wanted:
            chunk = await found.source.page(position, min(CHUNK, left))
            if not chunk:
                break
            left -= len(chunk)
            for uri, member in zip(chunk, await read(chunk, fetch), strict=True):
                position += 1
                if member is None or not self._matches(member):
                    continue
                known += 1
                if skip > 0:
                    skip -= 1
                    continue
                page.uris.append(uri)
                page.bodies.append(member)
                if len(page.uris) == wanted:
                    break
        top = None if self.top is None else self.top - len(page.uris)
        goes_on = None
        if top != 0 and await found.source.page(position, 1):
            goes_on = self._next(
                found.uri,
                {"$skip": skip or None, "$top": top, "$skiptoken": f"{position}.{known}"},
            )
        return Found(page.uris, page.bodies, known, True, goes_on)

    async def _search(self, found: Collection, fetch: Fetch, first: int, end: int) -> Found:
        """Look at all members and keep the matches from ``first`` to before ``end``."""
        page = Found([], [], 0)
        position = count = 0
        while position < self.options.max_filter_scan and (
            chunk := await found.source.page(position, CHUNK)
        ):
            position += len(chunk)
            for uri, member in zip(chunk, await read(chunk, fetch), strict=True):
                if member is None or not self._matches(member):
                    continue
                if first <= count < end:
                    page.uris.append(uri)
                    page.bodies.append(member)
                count += 1
        return Found(page.uris, page.bodies, count)

    def _matches(self, member: Body) -> bool:
        assert self.filter is not None
        return self.filter(member)


def _filter(text: str | None) -> Predicate | None:
    if text is None:
        return None
    try:
        return compile_filter(text)
    except BadFilter:
        raise errors.query_value_format(text, "$filter") from None


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]+", text):
        raise errors.query_value_type(text, name)
    if text.startswith("-") or len(text) > 10 or int(text) > LARGEST:
        raise errors.query_out_of_range(text, name, f"0-{LARGEST}")
    return int(text)


def _token(texts: dict[str, str]) -> tuple[int, int] | None:
    text = texts.get("$skiptoken")
    if text is None:
        return None
    found = TOKEN.fullmatch(text)
    if found is None or "$filter" not in texts:
        raise errors.query_value_format(text, "$skiptoken")
    return int(found[1]), int(found[2])
