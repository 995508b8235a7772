"""Settles records of a run together: what ends at about the same time is written by one step.

Used by :mod:`.work`.
"""

from __future__ import annotations

import asyncio

from odimra.jobs.scanner.steps import Settled, Steps

#: Records that are settled by one step, and the seconds in which they gather.
MOST = 128
GATHERING = 0.01


class Settler:
    """Collects what is to be settled while a step is under way."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._waiting: list[tuple[Settled, asyncio.Future[str]]] = []
        self._wanted = asyncio.Event()

    async def settle(self, one: Settled) -> str:
        """Settle a record; return ``ok``, ``changed`` or ``lost``."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        self._wanted.set()
        return await answer

    async def run(self) -> None:
        """Settle what comes until cancelled. Raises :class:`~odimra.tasks.Fenced`."""
        while True:
            await self._wanted.wait()
            if len(self._waiting) < MOST:
                # A step for each would cost more than all else; nobody waits for this one.
                await asyncio.sleep(GATHERING)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._wanted.clear()
            outcomes = await self._steps.settle([one for one, _ in batch])
            for (_, answer), outcome in zip(batch, outcomes, strict=True):
                if not answer.done():
                    answer.set_result(outcome)
