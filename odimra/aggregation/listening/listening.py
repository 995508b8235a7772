"""Listening to all BMCs: each source is held by one process at a time, which listens to it.

Any number of processes run this; they find each other's leases in the store.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence

from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.listening.ledger import HoldingLost, Ledger
from odimra.aggregation.listening.listener import Listener, ListeningOptions, OnChanged, Rooms
from odimra.aggregation.listening.records import Word
from odimra.aggregation.sources import Sources
from odimra.clock import Clock
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

#: Sources named in one step of the store.
NAMED = 1000


async def nobody(source_id: str, path: str) -> None:
    """Is told of changes where nobody wants to know."""


class Listening:
    """The listeners of one process."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Sources,
        bmcs: Bmcs,
        clock: Clock,
        options: ListeningOptions,
        *,
        word: Word,
        on_changed: OnChanged = nobody,
    ) -> None:
        """``word`` words a message (``Prefix.Key`` and its arguments)."""
        self.options = options
        self._ledger = ledger
        self._sources = sources
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._rooms = Rooms(
            ledger, sources, bmcs, clock, options, word, on_changed, self._token,
            asyncio.Semaphore(options.at_a_time),
        )  # fmt: skip
        self._held: dict[str, tuple[Listener, asyncio.Task[None]]] = {}
        #: The versions of the sources as they were when they were looked at last.
        self._versions: dict[str, int] = {}
        self._kept = 0

    @property
    def held(self) -> frozenset[str]:
        """The sources that this process listens to."""
        return frozenset(self._held)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set."""
        stopping = asyncio.create_task(stop.wait(), name="listening-stop")
        try:
            while not stop.is_set():
                try:
                    await self._scan()
                except StoreUnavailable as error:
                    log.warning("listening waits for the store: %s", error)
                resting = asyncio.create_task(self._rest(), name="listening-rest")
                await asyncio.wait((stopping, resting), return_when=asyncio.FIRST_COMPLETED)
                resting.cancel()
        finally:
            stopping.cancel()
            await self._leave()

    async def _rest(self) -> None:
        await self._clock.sleep(self.options.scan)

    async def _leave(self) -> None:
        tasks = [task for _, task in self._held.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _scan(self) -> None:
        left = await self._keep()
        there = {one.id: one.version for one in await self._sources.all()}
        for source_id, (listener, _) in self._held.items():
            # Another password, another address, or none any more.
            if there.get(source_id) != self._versions.get(source_id):
                listener.wake()
        self._versions = there
        free = [one for one in (*there, *(left - there.keys())) if one not in self._held]
        for taken in await self._take(free):
            self._listen(taken)

    async def _take(self, free: Sequence[str]) -> list[str]:
        for at in range(0, len(free), NAMED):
            taken = await self._ledger.take(
                self._token, self.options.lease, self.options.share, free[at : at + NAMED]
            )
            if taken:
                return taken
        return []

    async def _keep(self) -> frozenset[str]:
        """Keep what is held; return the sources of which something may be left, now and then.

        Those were removed when nobody listened to them.
        """
        now = self._clock.now_ms()
        if now - self._kept < self.options.lease * 1000 / 3:
            return frozenset()
        held = list(self._held)
        for at in range(0, len(held), NAMED):
            for lost in await self._ledger.keep(
                self._token, self.options.lease, held[at : at + NAMED]
            ):
                if lost in self._held:
                    self._held[lost][1].cancel()
        self._kept = now
        return await self._ledger.known()

    def _listen(self, source_id: str) -> None:
        listener = Listener(self._rooms, source_id)
        task = asyncio.create_task(self._one(listener), name=f"listen-{source_id}")
        self._held[source_id] = (listener, task)
        task.add_done_callback(lambda done: self._ended(source_id, done))

    async def _one(self, listener: Listener) -> None:
        forget = False
        try:
            forget = await listener.run()
        except HoldingLost:
            return
        finally:
            try:
                await self._ledger.drop(self._token, listener.id, forget=forget)
            except StoreUnavailable as error:
                log.warning("source %s: its lease runs out by itself: %s", listener.id, error)

    def _ended(self, source_id: str, task: asyncio.Task[None]) -> None:
        self._held.pop(source_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("source %s: listening broke", source_id, exc_info=error)
