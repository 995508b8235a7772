"""Redfish Jobs in the store: each is a scheduled job of the one scheduler there is.

One that is to run at once is one whose first and only time has come. Called by the face, which
makes, shows and changes them, and by workers that fire.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import datetime

from odimra.clock import Clock
from odimra.engine import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.recurrence import Recurrence, duration
from odimra.engine.schedules import Schedule, to_ms
from odimra.jobs.planned.model import KIND, PREFIX, Plan
from odimra.store import DocumentMissing
from odimra.tasks import NewTask, TaskExists, TaskMissing, Tasks, TransitionRefused, states
from odimra.tasks.payload import payload_of


class NeverRuns(ValueError):
    """By its schedule the job would never run."""


def schedule_of(plan: Plan) -> Schedule:
    """Return when a job runs: at its start, or as its Redfish Schedule says.

    Raises :class:`~odimra.engine.recurrence.BadRecurrence`.
    """
    given = plan.schedule
    start = plan.start
    if given.get("InitialStartTime") is not None:
        start = to_ms(datetime.fromisoformat(given["InitialStartTime"]))
    start = plan.created if start is None else start
    end = None
    if given.get("Lifetime") is not None:
        end = plan.created + duration(given["Lifetime"], "Lifetime")
    return Schedule(Recurrence.of(given), start, end)


class Plans:
    """The Redfish Jobs of a store; one is removed ``keep_days`` after it has ended for good."""

    def __init__(
        self,
        jobs: ScheduledJobs,
        tasks: Tasks,
        clock: Clock,
        *,
        keep_days: float = 7,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.jobs = jobs
        self._tasks = tasks
        self._clock = clock
        self._keep = round(keep_days * 86_400_000)
        self._new_uuid = new_uuid

    async def create(self, plan: Plan, job_id: str | None = None) -> ScheduledJob:
        """Keep a job, which runs when its time has come: at once if it names none.

        Raises :class:`NeverRuns`, what :func:`schedule_of` raises, and what
        :meth:`~odimra.engine.ScheduledJobs.create` raises.
        """
        schedule = schedule_of(plan)
        if schedule.first(schedule.anchor(plan.created)) is None:
            raise NeverRuns
        return await self.jobs.create(
            PREFIX + (job_id or str(self._new_uuid())),
            plan.stored(),
            schedule,
            owner=plan.owner,
            keep=self._keep,
        )

    async def update(
        self, job: ScheduledJob, plan: Plan, *, begins: bool, rev: int | None = None
    ) -> ScheduledJob:
        """Make another plan of a job, if it is of revision ``rev``; a run that goes on is kept.

        Unless it ``begins`` anew, it does not make good what it would have done before now. Raises
        as :meth:`create` and :meth:`~odimra.engine.ScheduledJobs.update` do.
        """
        schedule, now = schedule_of(plan), self._clock.now_ms()
        after = None if begins else now
        anchor = schedule.anchor(now)
        if (schedule.first(anchor) if begins else schedule.next_after(now, anchor)) is None:
            raise NeverRuns
        return await self.jobs.update(
            job.id, plan.stored(), schedule, rev=rev, after=after, owner=plan.owner
        )

    # What operators do, with jobs of the scanner, too

    async def suspend(self, job: ScheduledJob) -> None:
        """Let a job rest, and the run that goes on. Raises DocumentMissing."""
        await self.jobs.pause(job.id)
        await self._want(job, states.SUSPEND)

    async def resume(self, job: ScheduledJob) -> None:
        """Let a job and its run go on. Raises DocumentMissing."""
        await self.jobs.resume(job.id)
        await self._want(job, states.RUN)

    async def _want(self, job: ScheduledJob, desired: str) -> None:
        if job.running is not None:
            # It has ended meanwhile: nothing is there to rest.
            with contextlib.suppress(TaskMissing, TransitionRefused):
                await self._tasks.want(job.running, desired)

    async def start(self, job: ScheduledJob) -> None:
        """Have a job run now; one that was to run once runs now instead. Raises DocumentMissing."""
        timing = None if job.schedule is None else job.schedule.timing
        if isinstance(timing, Recurrence) and not timing.interval:
            await self.jobs.force(job.id)
        else:
            await self.jobs.trigger(job.id)

    async def cancel(self, job_id: str) -> ScheduledJob:
        """Have a job fire no more, and its run end. Raises DocumentMissing."""
        job = await self.jobs.cancel(job_id)
        runs = [] if job.running is None else [job.running]
        if job.firing is not None:
            # Started, and not told yet. Ids of the scanner's runs end in the number of the firing.
            runs += [job.firing.run_id, f"{job.firing.run_id}-{job.firing.number}"]
        for run in runs:
            with contextlib.suppress(TaskMissing):
                await self._tasks.cancel(run)
        return job

    async def cancel_all(self, batch: int = 100) -> int:
        """Cancel every job there is; return how many."""
        found, ids = 0, await self.jobs.ids(size=batch)
        while ids:
            for job_id in ids:
                with contextlib.suppress(DocumentMissing):
                    await self.cancel(job_id)
                    found += 1
            ids = await self.jobs.ids(ids[-1], batch)
        return found

    # What workers do

    async def fire(self, scheduled: ScheduledJob, firing: Firing) -> str:
        """Start the run of a firing; return the id of its task."""
        plan = Plan.load(scheduled.definition)
        first, payload = plan.steps[0].request, None
        if len(plan.steps) == 1 and not plan.hide:
            payload = payload_of(first.operation, first.target, first.header_pairs, first.body)
        new = NewTask(
            KIND,
            plan.owner,
            name=plan.name,
            args={"plan": plan.stored()},
            payload=payload,
            hide_payload=plan.hide,
            run_of=scheduled.id,
        )
        # Whoever had this firing before may have got as far as that.
        with contextlib.suppress(TaskExists):
            await self._tasks.create(new, task_id=firing.run_id, once=firing.once)
        return firing.run_id
