"""Searches: the objects that a query means.

They are found page by page in the order of their ids, or in another order as far as that can be
held in memory. Called by :mod:`.work`; knows the records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from odimra.engine.patience import patiently
from odimra.jobs.bulk.items import Item, object_data
from odimra.jobs.bulk.language import Search
from odimra.jobs.bulk.state import Frame
from odimra.jobs.bulk.turn import ActionFailed, Stopped
from odimra.records import claims
from odimra.records.claims import Kept
from odimra.records.model import Record
from odimra.records.ordering import Key, Smallest, SortKey
from odimra.records.records import Records

#: Records that are looked at together, and how often before others have a say.
PAGE = 500
PAGES = 10


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was found: what is kept of it, and how many were looked at by then."""

    item: Item
    kept: Kept
    looked: int = 0


def meets(search: Search, record: Record) -> bool:
    """Tell whether a search means an object."""
    test = search.query.test
    if test is None:
        return True
    return test(object_data(record.type, record.id, record.rev, record.content))


class Finder:
    """A search that goes on where ``frame`` says, one round of it."""

    def __init__(self, records: Records, search: Search, frame: Frame) -> None:
        self._records = records
        self._search = search
        self._after = frame.after
        self._met = frame.met
        self._looked = frame.looked
        self._found: deque[Found] = deque()
        self._exhausted = False
        self._full = False

    @property
    def over(self) -> bool:
        """Whether there are no more objects."""
        return self._full or (self._exhausted and not self._found)

    @property
    def place(self) -> tuple[str, int]:
        """The id behind which it goes on, and how many were looked at, when none is in hand."""
        return self._after, self._looked

    async def next(self, size: int) -> list[Found]:
        """Return at most ``size`` objects more; fewer, or none, also where few are meant.

        Only those that the query's paging lets through; the frame counts all.
        """
        query = self._search.query
        if query.max_size is not None:
            size = min(size, query.offset + query.max_size - self._met)
            self._full = size <= 0
        for _ in range(PAGES):
            if len(self._found) >= size or self._exhausted:
                break
            await self._page()
        found = [self._found.popleft() for _ in range(min(size, len(self._found)))]
        self._met += len(found)
        return found

    def back(self, found: list[Found]) -> None:
        """Take objects back that come next after all."""
        self._found.extendleft(reversed(found))
        self._met -= len(found)

    async def _page(self) -> None:
        type_, after = self._search.type, self._after
        page = await patiently(lambda: self._records.page(type_, after, PAGE))
        self._exhausted = len(page) < PAGE
        if page:
            self._after = page[-1].id
        there: list[tuple[Record, int]] = []
        for record in page:
            self._looked += 1
            if meets(self._search, record):
                there.append((record, self._looked))
        if self._records.source(type_) is None:
            kept: list[Kept | None] = [
                Kept(record, record.rev, record.content) for record, _ in there
            ]
        else:
            ids = [record.id for record, _ in there]
            kept = await patiently(lambda: claims.read(self._records, type_, ids))
        self._found += (
            Found(Item(type_, record.id), one, looked)
            for (record, looked), one in zip(there, kept, strict=True)
            if one is not None
        )


async def in_order(
    records: Records,
    search: Search,
    most: int,
    *,
    patient: bool = True,
    look: Callable[[], Awaitable[None]] | None = None,
) -> list[str]:
    """Return the ids of the objects that an ordered search means.

    While the store is away it waits, unless it is not ``patient``; now and then it has a ``look``
    whether it is to go on. Raises
    :class:`~odimra.jobs.bulk.turn.Stopped` when they are more than ``most``.
    """
    query = search.query
    order = [SortKey(tuple(path), not ascending) for path, ascending in query.order]
    room = most if query.max_size is None else min(most, query.offset + query.max_size)
    smallest, count, pages, after = Smallest(max(1, room)), 0, 0, ""
    while True:
        if patient:
            page = await patiently(lambda: records.page(search.type, after, PAGE))  # noqa: B023
        else:
            page = await records.page(search.type, after, PAGE)
        meant = [record for record in page if meets(search, record)]
        count += len(meant)
        smallest.add(
            Key.of(order, one.id, object_data(one.type, one.id, one.rev, one.content))
            for one in meant
        )
        if len(page) < PAGE:
            break
        after = page[-1].id
        pages += 1
        if look is not None and not pages % PAGES:
            await look()
    if count > most and (query.max_size is None or query.offset + query.max_size > most):
        raise Stopped(
            ActionFailed(
                f"a search puts at most {most} objects in order, this one means {count}; "
                "ask for fewer by its paging, or for no order"
            ),
            "search",
        )
    end = None if query.max_size is None else query.offset + query.max_size
    return [key.id for key in smallest.in_order()[query.offset : end]]
