"""Fires scheduled jobs, each fire once, in however many workers there are.

A worker reads which jobs are due, computes what comes next, and takes a fire by one atomic step
that has it only if nothing it computed from has changed: number of the last firing, revision, time
of the fire. The step gives the firing its number, and from that follows the id of its run. The
worker then has the run started under that id, and acknowledges. One that dies in between is
replaced, after a lease, by another that starts the same run; creating its task with
:attr:`Firing.once <odimra.engine.scheduled.Firing.once>` makes sure that this creates no second.

Times are those of the hosts' clocks: between hosts that disagree a fire may be early or late by as
much, and is still one.

Called by worker processes; knows ``tasks`` and ``store``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from odimra.clock import Clock
from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.schedules import BadSchedule
from odimra.store import StoreError, StoreUnavailable
from odimra.tasks import TaskError, TaskExists, Tasks

log = logging.getLogger(__name__)

#: Starts the run of a firing and returns its id, or None if there is nothing that goes on. It
#: returns soon, and may be called again for a firing: what it raises, and its end before it was
#: acknowledged, has the firing tried again. TaskExists, which creating the task may raise, says
#: that the run is started.
Fire = Callable[[ScheduledJob, Firing], Awaitable[str | None]]
#: Whether the run of that id goes on still.
Going = Callable[[str], Awaitable[bool]]


class CannotFire(Exception):
    """The job cannot be run as it is; its text is shown. The job is in ERROR until it is changed.

    To be raised by the callable that starts runs.
    """


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """How jobs are fired; times in seconds.

    ``node`` names this worker. A firing that is not acknowledged within ``lease`` is another
    worker's. A run that the next one must wait for is looked at every ``recheck``; the queue, when
    it has nothing due, every ``idle``. ``batch`` jobs are looked at together.
    """

    node: str = ""
    lease: float = 10.0
    recheck: float = 1.0
    idle: float = 0.5
    batch: int = 32


def task_going(tasks: Tasks) -> Going:
    """Return what tells whether the task of a run goes on."""

    async def going(run_id: str) -> bool:
        task = await tasks.get(run_id)
        return task is not None and not task.final

    return going


class Scheduler:
    """Fires the jobs of a store."""

    def __init__(
        self,
        jobs: ScheduledJobs,
        going: Going,
        clock: Clock,
        options: SchedulerOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._going = going
        self._clock = clock
        self._options = options or SchedulerOptions()

    async def run(self, stop: asyncio.Event, fire: Fire) -> None:
        """Fire what is due until ``stop`` is set."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    wait = await self.turn(fire)
                except StoreUnavailable as error:
                    log.warning("the scheduler waits for the store: %s", error)
                    wait = error.retry_after
                except StoreError:
                    log.exception("the scheduler failed and goes on")
                    wait = self._options.idle
                slept = asyncio.ensure_future(self._clock.sleep(wait))
                await asyncio.wait((stopping, slept), return_when=asyncio.FIRST_COMPLETED)
                slept.cancel()
        finally:
            stopping.cancel()

    async def turn(self, fire: Fire) -> float:
        """Look once at a batch of what is due; return the seconds until it is worth another look.

        Raises :class:`~odimra.store.StoreUnavailable`, :class:`~odimra.store.StoreError`.
        """
        options, now = self._options, self._clock.now_ms()
        reply = await self._jobs.store.call(
            "ZRANGE", self._jobs.queue, 0, options.batch - 1, "WITHSCORES"
        )
        queue = [
            (member.decode(), int(at)) for member, at in zip(reply[::2], reply[1::2], strict=True)
        ]
        due = [job_id for job_id, at in queue if at <= now]
        if not due:
            return min(options.idle, (queue[0][1] - now) / 1000) if queue else options.idle
        done = await asyncio.gather(
            *(self._attend_safely(job_id, fire) for job_id in due), return_exceptions=True
        )
        for outcome in done:
            if isinstance(outcome, (StoreUnavailable, StoreError)):
                raise outcome
        # When others were faster with all of them, there is no haste.
        return 0 if any(done) else options.idle

    async def _attend_safely(self, job_id: str, fire: Fire) -> bool:
        try:
            return await self._attend(job_id, fire)
        except (StoreUnavailable, StoreError):
            raise
        except Exception:  # whatever is wrong with one job, the others are fired
            log.exception("%s could not be attended to", job_id)
            return False

    async def _attend(self, job_id: str, fire: Fire) -> bool:
        """Do what is to be done about one job; False when another worker has done it."""
        job = await self._jobs.read(job_id)
        now = self._clock.now_ms()
        if job is None:
            return False
        if job.firing is not None:
            return job.firing.lease <= now and await self._retake(job, job.firing, now, fire)
        if job.running is not None:
            return await self._look_at_run(job, job.running, now)
        if job.manual:
            return await self._claim(job, "manual", now, None, now, fire)
        if job.next is None:
            return await self._jobs.forget(job_id)
        if job.next > now or job.paused or job.error is not None:
            return False
        try:
            schedule = job.schedule
        except BadSchedule as error:
            return await self._fail(job, str(error))
        if schedule is None:
            return False
        due = schedule.due(job.next, now, job.anchor)
        kind = "fire" if due.fire else "skip"
        if due.late:
            log.warning(
                "%s missed its fire of %d ms ago: %s", job.id, now - job.next, schedule.misfire
            )
        return await self._claim(job, kind, job.next, due.next, now if due.late else job.next, fire)

    async def _claim(
        self, job: ScheduledJob, kind: str, at: int, following: int | None, told: int, fire: Fire
    ) -> bool:
        now = self._clock.now_ms()
        outcome, reply = await self._jobs.step(
            "claim",
            job.id,
            *(now, job.number, job.rev, kind, at, "" if following is None else following),
            *(now + round(self._options.lease * 1000), self._options.node, told),
        )
        if outcome != "ok":
            return False
        if kind != "skip":
            await self._start(self._jobs.load(job.id, reply), fire)
        return True

    async def _retake(self, job: ScheduledJob, firing: Firing, now: int, fire: Fire) -> bool:
        outcome, reply = await self._jobs.step(
            "retake",
            job.id,
            *(now, firing.number, now + round(self._options.lease * 1000), self._options.node),
        )
        if outcome != "ok":
            return False
        log.warning("the firing %d of %s is taken over", firing.number, job.id)
        await self._start(self._jobs.load(job.id, reply), fire)
        return True

    async def _start(self, job: ScheduledJob, fire: Fire) -> None:
        """Have the run of a firing started, and acknowledge it."""
        firing = job.firing
        assert firing is not None
        run: str | None = firing.run_id
        wrong: str | None = None
        try:
            # Real time on purpose: another worker will not wait either.
            async with asyncio.timeout(self._options.lease):
                run = await fire(job, firing)
        except TaskExists:
            pass  # whoever had this firing before got as far as that
        except CannotFire as error:
            run, wrong = None, str(error)
        except (TaskError, TimeoutError) as error:
            log.warning("the firing %d of %s has to wait: %r", firing.number, job.id, error)
            return
        now = self._clock.now_ms()
        check = now + round(self._options.recheck * 1000)
        if job.next is not None and now < job.next < check:
            check = job.next  # if the run has ended by then, that fire is not kept waiting
        await self._jobs.step("acknowledge", job.id, now, firing.number, run or "", check)
        if wrong is not None:
            await self._fail(job, wrong)

    async def _look_at_run(self, job: ScheduledJob, run: str, now: int) -> bool:
        again: int | str = ""
        if await self._going(run):
            again = now + round(self._options.recheck * 1000)
        outcome, _ = await self._jobs.step("release", job.id, now, run, again)
        return outcome == "ok"

    async def _fail(self, job: ScheduledJob, why: str) -> bool:
        log.error("%s cannot be fired: %s", job.id, why)
        now = self._clock.now_ms()
        outcome, _ = await self._jobs.step("fail", job.id, now, job.rev, why)
        return outcome == "ok"
