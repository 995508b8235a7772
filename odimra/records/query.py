"""Queries: which records of a type are meant, in which order, which page of them, how many in all.

Evaluated page by page close to the data, so that memory stays the same however many records there
are: without an order records come as their ids do, with one only as many are held as the answer
may have. Called by faces and job kinds; knows :mod:`.records`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from odimra.records import cookies
from odimra.records.errors import BadQuery
from odimra.records.fields import parse_fields, shown
from odimra.records.filter import Filter
from odimra.records.model import Record
from odimra.records.ordering import Key, Smallest, SortKey, parse_sort_keys
from odimra.records.pointer import Pointer
from odimra.records.records import Records

#: How the number of all results is told (CREST ``_totalPagedResultsPolicy``).
POLICIES: Final = ("NONE", "ESTIMATE", "EXACT")
#: Records that are looked at before others have their turn.
STEP: Final = 500
#: JSON that one answer may hold, in bytes; a page that would be longer ends sooner.
ANSWER_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to a query, in the words of CREST's envelope; -1 is "not known"."""

    result: list[dict[str, Any]] = field(repr=False)
    cookie: str | None
    policy: str
    total: int
    remaining: int

    def envelope(self) -> dict[str, Any]:
        """Return the answer as CREST shows it."""
        return {
            "result": self.result,
            "resultCount": len(self.result),
            "pagedResultsCookie": self.cookie,
            "totalPagedResultsPolicy": self.policy,
            "totalPagedResults": self.total,
            "remainingPagedResults": self.remaining,
        }


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, understood."""

    type: str
    filter: Filter | None
    sort_keys: tuple[SortKey, ...]
    fields: tuple[Pointer, ...]
    page_size: int
    offset: int
    policy: str
    mark: str
    #: Behind which record the answer begins (None: at the first), and how many were answered then.
    after: Key | None
    passed: int

    def means(self, record: Record) -> bool:
        """Tell whether ``record`` is one of the results."""
        return self.filter is None or self.filter.matches(record.full)


async def query(
    records: Records,
    type: str,
    filter: Filter | None = None,
    *,
    sort_keys: Sequence[str] = (),
    fields: Sequence[str] = (),
    page_size: int = 0,
    cookie: str | None = None,
    offset: int = 0,
    total_policy: str = "NONE",
) -> QueryResult:
    """Return the records of ``type`` that ``filter`` means (None: all of them).

    ``sort_keys`` are pointers with an optional ``+`` or ``-``, ``fields`` those that are shown of a
    record besides ``_id`` and ``_rev`` (none of them or ``*``: all), ``page_size`` 0 is everything
    at once, ``cookie`` is that of the page before, ``offset`` results are skipped.
    Raises :class:`BadQuery` and what reading records raises.
    """
    order = parse_sort_keys(sort_keys)
    if cookie and offset > 0:
        raise BadQuery("_pagedResultsOffset", "does not go with _pagedResultsCookie")
    if total_policy.upper() not in POLICIES:
        raise BadQuery("_totalPagedResultsPolicy", "is one of " + ", ".join(POLICIES))
    limits = records.options
    for name, number in (("_pageSize", page_size), ("_pagedResultsOffset", offset)):
        if number < 0:
            raise BadQuery(name, "must not be negative")
    if page_size > limits.max_results:
        raise BadQuery("_pageSize", f"is at most {limits.max_results}")
    if order and offset + page_size > limits.max_sorted:
        raise BadQuery(
            "_sortKeys",
            f"at most {limits.max_sorted} results are put in order at a time; go on by a cookie",
        )
    mark = cookies.digest(type, None if filter is None else filter.text, order)
    after, passed = cookies.read(cookie, mark, order) if cookie else (None, 0)
    asked = _Asked(
        type,
        filter,
        order,
        parse_fields(fields),
        page_size,
        offset,
        total_policy.upper(),
        mark,
        after,
        passed,
    )
    return await (_in_order if order else _as_they_come)(records, asked)


async def pages(records: Records, type: str, after: str = "") -> AsyncIterator[list[Record]]:
    """Yield the records of ``type`` behind ``after``, some at a time."""
    while page := await records.page(type, after, STEP):
        yield page
        after = page[-1].id
        # What comes from memory has not waited for anything: others have their turn now.
        await asyncio.sleep(0)


async def _as_they_come(records: Records, asked: _Asked) -> QueryResult:
    """Return a page in the order of the ids, and look no further than it unless all are counted."""
    begin = "" if asked.after is None else asked.after.id
    counting = asked.policy == "EXACT" and asked.filter is not None
    room = asked.page_size or records.options.max_results
    taken: list[Record] = []
    seen = matched = skipped = held = 0
    more = False
    async for page in pages(records, asked.type, "" if counting else begin):
        for record in page:
            seen += 1
            if not asked.means(record):
                continue
            matched += 1
            if more or record.id <= begin:
                continue
            if skipped < asked.offset:
                skipped += 1
            elif len(taken) < room and (not taken or held + record.size <= ANSWER_BYTES):
                taken.append(record)
                held += record.size
            else:
                more = True
                if not counting:
                    break
        if more and not counting:
            break
    if asked.policy == "NONE":
        total = -1
    elif asked.filter is None:
        total = await records.count(asked.type)
    elif counting or not (more or begin):
        total = matched
    else:
        # As many in a hundred as of those that were looked at.
        total = round(matched / max(seen, 1) * await records.count(asked.type))
    keys = [Key((), (), record.id) for record in taken]
    return _answer(asked, taken, keys, skipped, more, total)


async def _in_order(records: Records, asked: _Asked) -> QueryResult:
    """Return a page in the order asked for: the first that are behind the page before."""
    options = records.options
    room = asked.page_size or min(options.max_results, options.max_sorted - asked.offset)
    first = Smallest(asked.offset + room + 1)
    matched = 0
    async for page in pages(records, asked.type):
        found = [
            Key.of(asked.sort_keys, record.id, record.full)
            for record in page
            if asked.means(record)
        ]
        matched += len(found)
        after = asked.after
        first.add(found if after is None else (key for key in found if after < key))
    keys = first.in_order()
    skipped = min(len(keys), asked.offset)
    more = len(keys) > asked.offset + room
    keys = keys[asked.offset : asked.offset + room]
    taken: list[Record] = []
    held = 0
    # Only their places were kept, for the records may be long.
    for start in range(0, len(keys), STEP):
        some = await records.read_many(asked.type, [key.id for key in keys[start : start + STEP]])
        for place, record in enumerate(some, start):
            if record is None or not asked.means(record):
                continue  # changed meanwhile, and none of the results any more
            if taken and held + record.size > ANSWER_BYTES:
                return _answer(asked, taken, keys[:place], skipped, True, matched)
            taken.append(record)
            held += record.size
    return _answer(asked, taken, keys, skipped, more, -1 if asked.policy == "NONE" else matched)


def _answer(
    asked: _Asked, taken: list[Record], keys: Sequence[Key], skipped: int, more: bool, total: int
) -> QueryResult:
    """Return the answer of the records ``taken``, which were at ``keys`` behind those skipped."""
    if more and not asked.page_size:
        raise BadQuery(
            "_pageSize", "there are more results than one answer may hold; ask for pages"
        )
    passed = asked.passed + skipped + len(keys)
    if asked.policy == "NONE":
        total = remaining = -1
    elif more:
        total = max(total, passed + 1)
        remaining = total - passed
    else:
        # Nobody needs to guess at the end. What came meanwhile may have been counted and not shown.
        total = max(total, passed) if asked.policy == "EXACT" else passed
        remaining = 0
    return QueryResult(
        [shown(record, asked.fields) for record in taken],
        cookies.bake(asked.mark, keys[-1], passed) if more else None,
        asked.policy,
        total,
        remaining,
    )
