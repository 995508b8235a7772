"""Which records a run works on, and which of them it may take now.

The filter is evaluated in pages, close to the data: only the ids of what it selects are kept, in
the store, so that memory stays flat however many records there are. Used by :mod:`.worker`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from odimra.engine.patience import patiently
from odimra.jobs.scanner.definition import Scan
from odimra.jobs.scanner.steps import Begun, Steps
from odimra.records.filter import Filter
from odimra.records.model import Record
from odimra.records.pointer import get
from odimra.records.records import Records

#: Records that are read together.
PAGE = 1000


async def select(
    records: Records,
    scan: Scan,
    test: Filter,
    begun: Begun,
    steps: Steps,
    look: Callable[[], Awaitable[None]],
) -> None:
    """Note the ids of the records that are meant, from where an earlier worker left off.

    ``look`` is called for each page; it raises when the run is not wanted any more.
    """
    cursor, selected = begun.cursor, begun.selected
    left = None if scan.most is None else scan.most - begun.total
    while not selected:
        await look()
        page = await patiently(lambda: records.page(scan.object, cursor, PAGE))  # noqa: B023
        ids = [record.id for record in page if test(record.full)]
        if left is not None:
            ids = ids[:left]
            left -= len(ids)
        selected = len(page) < PAGE or left == 0
        last = page[-1].id if page else cursor
        await steps.select(cursor, last, ids, end=selected)
        cursor = last


@dataclass(frozen=True, slots=True)
class Judge:
    """Says which records a run may take; ``since`` is when it began, in ms since the epoch."""

    scan: Scan
    test: Filter
    since: int

    def may_take(self, record: Record, now: int) -> bool:
        """Tell whether a record may be taken that no run has in its hands now.

        It may not when another run's claim still holds, when another run has had it since this one
        began, or when it has changed and is not meant any more.
        """
        started = instant(get(record.content, self.scan.started))
        if started is not None and (started >= self.since or self.scan.lease.after(started) > now):
            return False
        completed = instant(get(record.content, self.scan.completed))
        if completed is not None and completed >= self.since:
            return False
        return self.test(record.full)


def instant(value: Any) -> int | None:
    """Return a time as it stands in a record in ms since the epoch; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)
