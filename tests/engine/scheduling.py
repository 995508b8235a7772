"""What the tests of scheduled jobs share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.scheduler import Scheduler
from odimra.engine.schedules import Schedule

MINUTE = 60_000


def every(interval: int = MINUTE, **properties: Any) -> Schedule:
    return Schedule.load({"type": "simple", "repeatInterval": interval, **properties})


class Runs:
    """Starts runs and remembers them; those in ``going`` have not ended."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.firings: list[Firing] = []
        self.going: set[str] = set()
        self.goes_on = False
        self.trouble: Exception | None = None
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def fire(self, job: ScheduledJob, firing: Firing) -> str | None:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.trouble is not None:
            raise self.trouble
        self.started.append((job.id, firing.number))
        self.firings.append(firing)
        if self.goes_on:
            self.going.add(firing.run_id)
        return firing.run_id

    async def is_going(self, run_id: str) -> bool:
        return run_id in self.going


async def settle(worker: Scheduler, runs: Runs, turns: int = 100) -> float:
    """Let a worker do all that is due now; return what it would wait then."""
    for _ in range(turns):
        if wait := await worker.turn(runs.fire):
            return wait
    raise AssertionError("it does not come to rest")


async def read(jobs: ScheduledJobs, job_id: str = "a") -> ScheduledJob:
    job = await jobs.read(job_id)
    assert job is not None
    return job
