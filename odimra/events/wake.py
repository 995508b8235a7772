"""Waiting that can be called off. Used by :mod:`.push` and :mod:`.delivery`."""

from __future__ import annotations

import asyncio

from odimra.clock import Clock


class Wake:
    """Waits on the clock, but no longer than until it is called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._called = False
        self._waiting: asyncio.Future[None] | None = None

    def call(self) -> None:
        """End the wait that is under way, or else the next one."""
        self._called = True
        if self._waiting is not None:
            self._end(self._waiting)

    async def wait(self, seconds: float) -> None:
        """Return after ``seconds`` or when it is called."""
        if not self._called:
            waiting = self._waiting = asyncio.get_running_loop().create_future()
            slept = asyncio.ensure_future(self._clock.sleep(seconds))
            slept.add_done_callback(lambda _: self._end(waiting))
            try:
                await waiting
            finally:
                slept.cancel()
                self._waiting = None
        self._called = False

    @staticmethod
    def _end(waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)
