"""What is behind a place of the stream, read and worded once for all deliveries of a process.

A hundred subscriptions stand at the same place nearly always. They share the page that is behind
it, and whoever asks first reads it. Used by :mod:`.push`; knows nothing of subscriptions.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from odimra.events.model import Event, Rendered
from odimra.store import Script, Store

READ = Script.from_package("odimra.events", "lua/later.lua", "lua/read.lua")

Render = Callable[[Event], Rendered]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, as they are and as they are worded; ``gap`` when some before may be lost.

    ``full`` when there may be more behind them: such a page never changes.
    """

    gap: bool
    events: Sequence[tuple[Event, Rendered]]
    full: bool

    @property
    def last(self) -> str:
        """The stream id of the last of them."""
        return self.events[-1][0].id

    def until(self, resource: str) -> Page:
        """Return what is before the next event about a resource; the first one is not looked at."""
        for number, (event, _) in enumerate(self.events):
            if number and event.resource == resource:
                return Page(self.gap, self.events[:number], True)
        return self


class Window:
    """The pages that were asked for last."""

    def __init__(self, store: Store, render: Render, *, batch: int, pages: int = 16) -> None:
        """Read ``batch`` events at once; keep ``pages`` of them, the last asked for."""
        self._store = store
        self._render = render
        self._batch = batch
        self._most = pages
        self._pages: OrderedDict[str, asyncio.Task[Page]] = OrderedDict()

    def grown(self) -> None:
        """Hear that the stream has grown: a page that was not full has more behind it now."""
        for cursor, reading in list(self._pages.items()):
            if not reading.done() or not _full(reading):
                del self._pages[cursor]

    def expect(self, cursor: str) -> None:
        """Begin to read what is behind ``cursor``, for whoever asks soon."""
        self._reading(cursor)

    async def after(self, cursor: str) -> Page:
        """Return what is behind the stream id ``cursor``."""
        # One who is cancelled does not take the page from the others.
        return await asyncio.shield(self._reading(cursor))

    def _reading(self, cursor: str) -> asyncio.Task[Page]:
        reading = self._pages.get(cursor)
        if reading is None or (reading.done() and _failed(reading)):
            reading = asyncio.create_task(self._read(cursor), name="events-window")
            self._pages[cursor] = reading
            if len(self._pages) > self._most:
                self._pages.popitem(last=False)
        self._pages.move_to_end(cursor)
        return reading

    async def _read(self, cursor: str) -> Page:
        gap, _, entries = await self._store.script(
            READ, keys=[self._store.keys.events], args=[cursor, self._batch]
        )
        events = [Event.load(entry) for entry in entries]
        worded = [(event, self._render(event)) for event in events]
        return Page(gap == 1, worded, len(worded) == self._batch)


def _failed(reading: asyncio.Task[Page]) -> bool:
    return reading.cancelled() or reading.exception() is not None


def _full(reading: asyncio.Task[Page]) -> bool:
    return not _failed(reading) and reading.result().full
