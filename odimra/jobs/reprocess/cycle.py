"""The ordinary rating: each scope's next period, as soon as it is over and its usage can be there.

Runs in every worker process; who comes first rates a period, the others find it done. A scope is
behind when its last period is further back than ``wait`` periods.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from odimra.clock import Clock
from odimra.jobs.reprocess.rating import OK, Rater, Step
from odimra.rating.meters import Meters
from odimra.rating.scopes import Scope, Scopes
from odimra.rating.usage import Usage
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

#: Periods of a scope that are rated before it is another one's turn.
AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """How long a period is, how often is looked, in seconds; ``wait`` periods pass until rating."""

    period: int = 3600
    wait: int = 2
    every: float = 60.0
    #: How long usage and frames are kept, 0 for ever.
    keep: int = 0


class Cycle:
    """Rates what is over."""

    def __init__(
        self,
        scopes: Scopes,
        usage: Usage,
        rater: Rater,
        clock: Clock,
        options: CycleOptions,
        meters: Meters | None = None,
    ) -> None:
        self._scopes = scopes
        self._usage = usage
        self._meters = meters
        self._rater = rater
        self._clock = clock
        self._options = options

    async def run(self, stop: asyncio.Event) -> None:
        """Rate what is over, again and again until ``stop`` is set."""
        stopped = asyncio.create_task(stop.wait(), name="rating-stop")
        try:
            while not stop.is_set():
                try:
                    await self.once(stop)
                except StoreUnavailable as error:
                    log.warning("rating waits for the store: %s", error)
                sleeping = asyncio.create_task(self._clock.sleep(self._options.every))
                await asyncio.wait({stopped, sleeping}, return_when=asyncio.FIRST_COMPLETED)
                sleeping.cancel()
        finally:
            stopped.cancel()

    async def once(self, stop: asyncio.Event | None = None) -> int:
        """Rate every period that is over, forget those of long ago; return how many were rated."""
        # Before the look: what is over by now has all of its usage when it is rated.
        now = self._clock.now_ms() // 1000
        if self._meters is not None:
            await self._meters.look()
        done = 0
        waiting = [one for one in await self._scopes.all() if one.active]
        while waiting:
            behind: list[Scope] = []
            for scope in waiting:
                if stop is not None and stop.is_set():
                    return done
                count = await self._catch_up(scope, now)
                done += count
                if count:
                    again = await self._scopes.read(scope.id)
                    if again is not None and again.active:
                        behind.append(again)
            waiting = behind
        if self._options.keep:
            await self._usage.forget(now - self._options.keep)
        return done

    async def _catch_up(self, scope: Scope, now: int) -> int:
        period = self._options.period
        # Whoever made or reset the scope may have named any time in a period.
        last = scope.last - scope.last % period
        # As CloudKitty has it: p is rated when p and `wait` periods more have passed.
        over = (now - 1 - last - period * self._options.wait) // period
        count = min(AT_A_TIME, over)
        if count <= 0:
            return 0
        begins = range(last + period, last + period * (count + 1), period)
        begins = await self._rater.fitting(scope.id, begins)
        step = Step(self._scopes.key(scope.id), "last", str(scope.last), str(begins[-1]))
        skipped: set[str] = set()
        said = await self._rater.rate(scope.id, begins, step, skipped)
        if skipped:
            log.warning("scope %s: no number, so no threshold: %s", scope.id, ", ".join(skipped))
        # Somebody else was faster, or the scope was changed: the next look shows.
        return len(begins) if said == OK else 0
