"""The job kind that follows what a BMC goes on with after its 202.

The request was sent before the task was made, by whoever was asked; a worker that dies leaves the
BMC at work, and the next one goes on following. Must never import a face.
"""

from __future__ import annotations

import asyncio
import contextlib

from odimra.aggregation import mirror
from odimra.aggregation.bmc import Bmc
from odimra.aggregation.bmc.following import CANCELLED, UNKNOWN, Followed, Operation, cancel, follow
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.known import Known
from odimra.aggregation.sources import NoSuchSource
from odimra.aggregation.vault import NotOpened
from odimra.engine import JobCancelled, JobContext, JobStopped, Outcome
from odimra.engine.patience import patiently
from odimra.tasks import TaskMessage, states

REQUEST = "bmc-request"
GOES_ON = "Odimra.1.0.BmcGoesOn"


class JobClock:
    """The clock of a job: who sleeps by it wakes up when the task is no longer wanted."""

    def __init__(self, job: JobContext) -> None:
        self._job = job

    def now_ms(self) -> int:
        """Return the time."""
        return self._job.clock.now_ms()

    async def sleep(self, seconds: float) -> None:
        """Wait; ends early as :meth:`JobContext.sleep` does."""
        await self._job.sleep(seconds)


class BmcRequest:
    """Follows one operation: the arguments are the ``source``, its ``monitor`` and ``task``."""

    name = REQUEST

    def __init__(self, bmcs: Bmcs, known: Known) -> None:
        self._bmcs = bmcs
        self._known = known

    async def run(self, job: JobContext) -> Outcome:
        """Follow an operation to its end; one that is cancelled is cancelled at the BMC."""
        source_id = job.args["source"]
        operation = Operation(job.args["monitor"], job.args["task"])
        try:
            bmc = await patiently(lambda: self._bmcs.of(source_id), who=job.task.id)
        except (NoSuchSource, NotOpened) as error:
            why = "the source was removed" if isinstance(error, NoSuchSource) else str(error)
            return mirror.outcome(source_id, Followed(UNKNOWN, why))

        async def progress(percent: int) -> None:
            await job.progress(min(99, percent))

        try:
            ended = await follow(bmc, operation, JobClock(job), progress)
        except (JobCancelled, asyncio.CancelledError):
            if await _is_cancelled(job):
                await self._give_up(job, bmc, operation)
            raise
        await patiently(lambda: self._known.changed(source_id), who=job.task.id)
        if ended.state == CANCELLED:
            # By somebody at the BMC: nobody here has asked for it.
            return Outcome(states.CANCELLED, messages=mirror.messages(source_id, ended.messages))
        return mirror.outcome(source_id, ended)

    async def _give_up(self, job: JobContext, bmc: Bmc, operation: Operation) -> None:
        if await cancel(bmc, operation):
            return
        with contextlib.suppress(JobStopped):  # noted all the same
            await job.message(TaskMessage(GOES_ON, severity="Warning"))


async def _is_cancelled(job: JobContext) -> bool:
    """Tell whether a run that was cut short is one that nobody wants any more."""
    try:
        await job.look(fresh=True)
    except JobCancelled:
        return True
    except BaseException:  # noqa: BLE001 - suspended, or the worker goes down: the BMC goes on
        return False
    return False
