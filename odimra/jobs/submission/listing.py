"""Finds jobs: by their indexes, page after page, never by looking at all of them.

The smallest index that the query names leads: its jobs are read, and what else is asked for is
looked at in them. If it is long, it, or the index of the order, is walked from where the
page before ended; then a page looks at so many jobs and no more, and may be short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from odimra.jobs.submission.jobs import Jobs
from odimra.jobs.submission.model import Job, Query
from odimra.store import Store

#: Jobs of an index that is read as a whole; jobs that a page looks at; how many are read together.
FEW = 1000
MOST_LOOKED = 10_000
TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, and what the next page comes after; None if there is none."""

    jobs: Sequence[Job]
    after: tuple[str, int] | None


class Listing:
    """The lists of jobs of a store."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    def _by(self, name: str, value: str) -> str:
        return self._store.keys.of("jobs", "by", name, value)

    def _sorted(self, name: str) -> str:
        return self._store.keys.of("jobs", "sort", name)

    @property
    def _all(self) -> str:
        return self._store.keys.of("jobs", "all")

    async def page(self, query: Query) -> Page:
        """Return a page."""
        if query.number is not None:
            found = await self._jobs.read_many([query.number])
            return self._cut(query, [one for one in found if one is not None])
        leading, count = await self._leading(query)
        # The index that leads is in the order of the numbers: there is nothing to put in order.
        if query.sort != "id" and count <= FEW:
            ids = await self._store.call("ZRANGE", leading, 0, FEW - 1)
            return self._cut(query, await self._read([int(one) for one in ids]))
        return await self._walk(query, leading)

    async def _leading(self, query: Query) -> tuple[str, int]:
        """Return the shortest index that has all jobs which are meant, and its length."""
        keys = [self._by(name, value) for name, value in query.equal.items()] or [self._all]
        counts = await asyncio.gather(*(self._store.call("ZCARD", key) for key in keys))
        at = min(range(len(keys)), key=counts.__getitem__)
        return keys[at], counts[at]

    async def _read(self, numbers: Sequence[int]) -> list[Job]:
        found: list[Job] = []
        for start in range(0, len(numbers), TOGETHER):
            read = await self._jobs.read_many(numbers[start : start + TOGETHER])
            found += [one for one in read if one is not None]
        return found

    @staticmethod
    def _cut(query: Query, jobs: Sequence[Job]) -> Page:
        """Return the page of all jobs that may be meant."""
        meant = sorted(
            (one for one in jobs if query.meets(one)),
            key=lambda one: one.order(query.sort),
            reverse=query.descending,
        )
        if query.after is not None:
            after = query.after
            meant = [
                one
                for one in meant
                if (
                    one.order(query.sort) < after
                    if query.descending
                    else one.order(query.sort) > after
                )
            ]
        page = meant[: query.size]
        more = len(meant) > query.size
        return Page(page, page[-1].order(query.sort) if more else None)

    async def _walk(self, query: Query, leading: str) -> Page:
        found: list[Job] = []
        after, looked, size = query.after, 0, min(TOGETHER, query.size + 1)
        while True:
            numbers, places = await self._next(query, leading, after, size)
            jobs = await self._jobs.read_many(numbers)
            for job, place in zip(jobs, places, strict=True):
                after = place
                if job is None or not query.meets(job):
                    continue
                if len(found) == query.size:
                    return Page(found, found[-1].order(query.sort))
                found.append(job)
            looked += len(numbers)
            if len(numbers) < size:
                return Page(found, None)
            size = min(TOGETHER, 2 * size)
            if looked >= MOST_LOOKED:
                return Page(found, after)

    async def _next(
        self, query: Query, leading: str, after: tuple[str, int] | None, size: int
    ) -> tuple[list[int], list[tuple[str, int]]]:
        """Return the jobs that come next in the order, and the place of each in it."""
        down = query.descending
        if query.sort == "id":
            start = "+inf" if down else "-inf"
            if after is not None:
                start = f"({after[1]}"
            command = "ZREVRANGEBYSCORE" if down else "ZRANGEBYSCORE"
            end = "-inf" if down else "+inf"
            ids = await self._store.call(command, leading, start, end, "LIMIT", 0, size)
            numbers = [int(one) for one in ids]
            return numbers, [(str(one).rjust(16, "0"), one) for one in numbers]
        first, last = self._bounds(query)
        if after is not None:
            place = b"(" + _member(*after)
            first, last = (first, place) if down else (place, last)
        key = self._sorted(query.sort)
        if down:
            members = await self._store.call("ZREVRANGEBYLEX", key, last, first, "LIMIT", 0, size)
        else:
            members = await self._store.call("ZRANGEBYLEX", key, first, last, "LIMIT", 0, size)
        places = []
        for member in members:
            value, _, number = member.rpartition(b"\0")
            places.append((value.decode(), int(number)))
        return [number for _, number in places], places

    @staticmethod
    def _bounds(query: Query) -> tuple[bytes, bytes]:
        """Return where the index of the order begins and ends to be of interest."""
        first, last = {"created": query.created, "updated": query.updated}.get(
            query.sort, (None, None)
        )
        low = b"-" if first is None else f"[{max(0, first):016d}".encode()
        # Behind all jobs of that moment: the separator is the least byte.
        high = b"+" if last is None else f"({max(-1, last) + 1:016d}".encode()
        return low, high


def _member(value: str, number: int) -> bytes:
    return f"{value}\0{number:016d}".encode()
