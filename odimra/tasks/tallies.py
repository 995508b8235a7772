"""How many tasks there are, by kind and state, and what became of them minute by minute.

All of it is counted in the steps that change tasks, so reading it costs the same however many
there are. Called by the console and by what is told to those who watch the service.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from odimra.store import Store
from odimra.tasks import history
from odimra.tasks.history import Span
from odimra.tasks.tasks import Tasks

MINUTE = 60_000


@dataclass(slots=True)
class Totals:
    """Tasks that began to work by kind, that ended by kind and state, milliseconds by kind."""

    began: dict[str, int] = field(default_factory=dict)
    ended: dict[tuple[str, str], int] = field(default_factory=dict)
    took_ms: dict[str, int] = field(default_factory=dict)


class Tallies:
    """Reads what is counted of tasks."""

    def __init__(self, tasks: Tasks) -> None:
        self._store: Store = tasks.store
        self._clock = tasks.clock

    async def by_kind_and_state(self) -> dict[tuple[str, str], int]:
        """Return how many top-level tasks there are, by kind and state; those that have some."""
        found = await self._hash(self._store.keys.of("tally"))
        counts = {}
        for name, value in found.items():
            state, _, kind = name.decode().partition(" ")
            if int(value) > 0:
                counts[kind, state] = int(value)
        return counts

    async def totals(self) -> Totals:
        """Return what has been counted since the store is there."""
        totals = Totals()
        for name, value in (await self._hash(self._store.keys.of("totals"))).items():
            what, _, rest = name.decode().partition(" ")
            if what == "began":
                totals.began[rest] = int(value)
            elif what == "took":
                totals.took_ms[rest] = int(value)
            elif what == "ended":
                state, _, kind = rest.partition(" ")
                totals.ended[kind, state] = int(value)
        return totals

    async def history(self, minutes: int, step: int) -> tuple[int, list[Span]]:
        """Return the last ``minutes``, together ``step`` at a time, with when the first began.

        The time in ms since the epoch. The last of the spans holds the minute that goes on; spans
        begin at multiples of their length, so that each is the same whenever it is asked for.
        """
        last = self._clock.now_ms() // MINUTE // step * step
        first = last - (max(1, min(minutes, history.LONGEST) // step) - 1) * step
        key = self._store.keys.of
        every = range(first, last + step)
        # Given in one turn they leave as one pipeline.
        found = await asyncio.gather(*(self._hash(key("history", str(one))) for one in every))
        spans = [Span() for _ in range(0, len(found), step)]
        for at, minute in enumerate(found):
            spans[at // step].add(minute)
        return first * MINUTE, spans

    async def _hash(self, key: str) -> dict[bytes, bytes]:
        reply = await self._store.call("HGETALL", key)
        if isinstance(reply, dict):
            return reply
        return dict(zip(reply[::2], reply[1::2], strict=True))
