"""Objects of all types: ``/users``, ``/roles``, ``/computerSystems`` and so on for any name.

They are the records of the scanner's store, and the machines. Knows nothing of their content.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from odimra.clock import Clock
from odimra.jobs.bulk.computed import with_computed
from odimra.jobs.bulk.deltas import apply, parse_delta
from odimra.jobs.bulk.finding import in_order
from odimra.jobs.bulk.items import object_data
from odimra.jobs.bulk.language import Search
from odimra.jobs.bulk.machine_actions import patch_body
from odimra.jobs.bulk.query import Query, parse_query
from odimra.jobs.bulk.turn import Fleet
from odimra.jobs.bulk.types import ObjectType, of_collection
from odimra.midpoint.asking import Answer, Ask, Stream
from odimra.midpoint.errors import MidpointError
from odimra.midpoint.frame import Route
from odimra.midpoint.listing import asked_query
from odimra.records import rights
from odimra.records.errors import RevisionMismatch
from odimra.records.model import Record
from odimra.records.records import Records

#: Objects that are read together.
PAGE = 500
#: How often a change is tried again that others overtake.
TRIES = 20


class ObjectsEndpoint:
    """The objects of every type."""

    def __init__(self, records: Records, fleet: Fleet, clock: Clock) -> None:
        self._records = records
        self._fleet = fleet
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return what is served; behind all others, as it takes any name."""
        return [
            Route("GET", "*", self.listed),
            Route("POST", "*", self.create, rights.WRITE),
            Route("POST", "*/search", self.search),
            Route("GET", "*/*", self.read),
            Route("PUT", "*/*", self.put, rights.WRITE),
            Route("PATCH", "*/*", self.modify, rights.WRITE),
            Route("POST", "*/*", self.modify, rights.WRITE),
            Route("DELETE", "*/*", self.delete, rights.WRITE),
        ]

    async def read(self, ask: Ask) -> Answer:
        """One object."""
        kind = _kind(ask)
        return _answer(kind, await self._records.read(kind.records, ask.params[1]))

    async def listed(self, ask: Ask) -> Answer:
        """All objects of a type, as many as one answer may hold."""
        return await self._list(ask, Query(None))

    async def search(self, ask: Ask) -> Answer:
        """The objects of a type that a query means."""
        return await self._list(ask, await asked_query(ask, parse_query))

    async def _list(self, ask: Ask, query: Query) -> Answer:
        kind = _kind(ask)
        headers = {}
        if query.test is None:
            headers["X-Total-Count"] = str(await self._records.count(kind.records))
        elif ask.flag("returnTotalCount"):
            headers["X-Total-Count"] = str(await self._count(kind, query))
        return Answer(
            200,
            "object",
            {},
            "ObjectListType",
            headers=headers,
            stream=Stream(("object",), await self._ready(self._pages(kind, query))),
        )

    @staticmethod
    async def _ready(pages: AsyncIterator[list[Any]]) -> AsyncIterator[list[Any]]:
        """Read the first page, so that what cannot be answered is not begun to be answered."""
        first = await anext(pages, None)

        async def all_pages() -> AsyncIterator[list[Any]]:
            if first is None:
                return
            yield first
            async for page in pages:
                yield page

        return all_pages()

    async def _count(self, kind: ObjectType, query: Query) -> int:
        count, after = 0, ""
        while True:
            page = await self._records.page(kind.records, after, PAGE)
            count += sum(_meets(query, record) for record in page)
            if len(page) < PAGE:
                return count
            after = page[-1].id

    async def _pages(self, kind: ObjectType, query: Query) -> AsyncIterator[list[Any]]:
        if query.order:
            ids = await in_order(
                self._records,
                Search(kind.records, query),
                self._records.options.max_sorted,
                patient=False,
            )
            for start in range(0, len(ids), PAGE):
                found = await self._records.read_many(kind.records, ids[start : start + PAGE])
                yield [_shown(kind, record) for record in found if record is not None]
            return
        most = self._records.options.max_results
        left = most if query.max_size is None else min(most, query.max_size)
        skip, after = query.offset, ""
        while left > 0:
            page = await self._records.page(kind.records, after, PAGE)
            meant = [record for record in page if _meets(query, record)]
            shown, skip = meant[skip:], max(0, skip - len(meant))
            yield [_shown(kind, record) for record in shown[:left]]
            left -= len(shown)
            if len(page) < PAGE:
                return
            after = page[-1].id

    # Changing

    async def create(self, ask: Ask) -> Answer:
        """A new object, under the oid that it has or a fresh one."""
        kind = self._writable(ask)
        content, oid = await self._given(ask, kind)
        record = await self._records.create(kind.records, content, oid)
        return Answer(201, headers={"Location": _location(ask, kind, record.id)})

    async def put(self, ask: Ask) -> Answer:
        """An object as a whole, whether there was one or not."""
        kind = self._writable(ask)
        content, oid = await self._given(ask, kind)
        if oid not in (None, ask.params[1]):
            raise MidpointError(400, "oid: is another one than in the path")
        record, _ = await self._records.put(kind.records, ask.params[1], content)
        return Answer(201, headers={"Location": _location(ask, kind, record.id)})

    async def modify(self, ask: Ask) -> Answer:
        """Change an object by deltas; a machine by the PATCH that they come to."""
        kind = _kind(ask)
        document = await ask.document()
        if document.name not in ("objectModification", "objectDelta", "object"):
            said = f"{document.name[:80]}: the body has to be an objectModification"
            raise MidpointError(400, said)
        deltas = parse_delta(document.content, document.name)
        for _ in range(TRIES):
            record = await self._records.read(kind.records, ask.params[1])
            if kind.machine:
                body = patch_body(deltas, record.content)
                await self._fleet.modify(kind.records, record.id, body, ask.principal, check=False)
                return Answer(204)
            changed = with_computed(apply(record.content, deltas), self._clock.now_ms())
            try:
                await self._records.update(kind.records, record.id, changed, record.rev)
            except RevisionMismatch:
                continue  # somebody else was faster: on what there is now
            return Answer(204)
        raise MidpointError(409, "Others change the object all the time")

    async def delete(self, ask: Ask) -> Answer:
        """No object any more."""
        kind = self._writable(ask)
        await self._records.delete(kind.records, ask.params[1])
        return Answer(204)

    def _writable(self, ask: Ask) -> ObjectType:
        kind = _kind(ask)
        if kind.machine:
            raise MidpointError(403, f"A {kind.name} can be read and modified, nothing else")
        return kind

    async def _given(self, ask: Ask, kind: ObjectType) -> tuple[dict[str, Any], str | None]:
        document = await ask.document()
        content = document.content
        wrapped = document.name == "object" and isinstance(content, Mapping)
        name = content.get("@type", "") if wrapped else document.name
        if name not in (kind.element, kind.name):
            raise MidpointError(400, f"{str(name)[:80]}: the body has to be a {kind.element}")
        if not isinstance(content, Mapping):
            raise MidpointError(400, f"{kind.element}: has to be an object")
        oid = content.get("oid")
        if oid is not None and not isinstance(oid, str):
            raise MidpointError(400, "oid: has to be a text")
        kept = {
            key: value
            for key, value in content.items()
            if key not in ("oid", "version") and not key.startswith("@")
        }
        # Clients ask whether an object is enabled, which it is unless it says otherwise.
        kept.setdefault("activation", {})
        return with_computed(kept, self._clock.now_ms()), oid


def _kind(ask: Ask) -> ObjectType:
    """Return the type whose collection the path names. Raises 404."""
    return of_collection(ask.params[0])


def _meets(query: Query, record: Record) -> bool:
    return query.test is None or query.test(
        object_data(record.type, record.id, record.rev, record.content)
    )


def _shown(kind: ObjectType, record: Record) -> dict[str, Any]:
    return object_data(record.type, record.id, record.rev, record.content)


def _answer(kind: ObjectType, record: Record) -> Answer:
    shown = _shown(kind, record)
    del shown["@type"]
    return Answer(200, kind.element, shown)


def _location(ask: Ask, kind: ObjectType, oid: str) -> str:
    return f"{ask.root}/{kind.collection}/{quote(oid, safe='')}"
