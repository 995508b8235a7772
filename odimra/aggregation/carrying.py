"""What the job kinds share that carry on with what a BMC does: clock, progress, giving up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from odimra.aggregation.bmc import Bmc, Followed, FollowOptions, Operation, cancel, follow
from odimra.engine import JobCancelled, JobContext, JobStopped, JobSuspended
from odimra.tasks import TaskMessage

GOES_ON = "Odimra.1.0.BmcGoesOn"


class JobClock:
    """A clock whose sleep ends when the task is no longer wanted to run."""

    def __init__(self, job: JobContext) -> None:
        self._job = job

    def now_ms(self) -> int:
        """Return the time in ms."""
        return self._job.clock.now_ms()

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises as :meth:`~odimra.engine.JobContext.sleep` does."""
        await self._job.sleep(seconds)


async def follow_for(
    job: JobContext, bmc: Bmc, operation: Operation, options: FollowOptions | None = None
) -> Followed:
    """Follow an operation and tell the task how far it is; raises as the job's steps do."""

    async def progress(percent: int) -> None:
        # 100 is for the end, which this is not yet.
        await job.progress(min(percent, 99))

    async with giving_up(job, bmc, operation):
        return await follow(bmc, operation, JobClock(job), progress, options)


@contextlib.asynccontextmanager
async def giving_up(job: JobContext, bmc: Bmc, operation: Operation | None) -> AsyncIterator[None]:
    """Have the BMC give up what is cancelled meanwhile."""
    try:
        yield
    except JobCancelled:
        await _give_up(job, bmc, operation)
        raise
    except asyncio.CancelledError:
        # The engine interrupts what is cancelled, and what has to go to another worker.
        try:
            with contextlib.suppress(JobSuspended):
                await job.look(fresh=True)
        except JobCancelled:
            await _give_up(job, bmc, operation)
        raise


async def _give_up(job: JobContext, bmc: Bmc, operation: Operation | None) -> None:
    if operation is not None and await cancel(bmc, operation):
        return
    # It is told all the same: the step is done when it says so.
    with contextlib.suppress(JobStopped):
        await job.message(TaskMessage(GOES_ON, (), "Warning"))
