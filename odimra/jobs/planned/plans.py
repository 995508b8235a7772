"""Redfish Jobs in the store: each is a scheduled job of the one scheduler there is.

One that is to run at once is one whose first and only time has come. Called by the face, which
makes and shows them, and by workers that fire.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from odimra.clock import Clock
from odimra.engine import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.recurrence import Recurrence, duration
from odimra.engine.schedules import Schedule, to_ms
from odimra.jobs.planned.model import KIND, PREFIX, Plan
from odimra.tasks import NewTask, Payload, TaskExists, Tasks


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
    """The Redfish Jobs of a store."""

    def __init__(
        self,
        jobs: ScheduledJobs,
        tasks: Tasks,
        clock: Clock,
        *,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.jobs = jobs
        self._tasks = tasks
        self._clock = clock
        self._new_uuid = new_uuid

    async def create(self, plan: Plan, job_id: str | None = None) -> ScheduledJob:
        """Keep a job, which runs when its time has come: at once if it names none.

        Raises :class:`~odimra.store.LimitReached`, and what :func:`schedule_of` raises.
        """
        name = PREFIX + (job_id or str(self._new_uuid()))
        return await self.jobs.create(name, plan.stored(), schedule_of(plan))

    async def fire(self, scheduled: ScheduledJob, firing: Firing) -> str:
        """Start the run of a firing; return the id of its task."""
        plan = Plan.load(scheduled.definition)
        first: Any = plan.steps[0].request if len(plan.steps) == 1 else None
        payload = None
        if first is not None and not plan.hide:
            payload = Payload(first.operation, first.target)
        new = NewTask(
            KIND,
            plan.owner,
            name=plan.name,
            args={"plan": plan.stored(), "job": scheduled.id},
            payload=payload,
            hide_payload=plan.hide,
        )
        # Whoever had this firing before may have got as far as that.
        with contextlib.suppress(TaskExists):
            await self._tasks.create(new, task_id=firing.run_id, once=firing.once)
        return firing.run_id
