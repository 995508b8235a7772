"""The job kind ``redfish-job``: performs the requests of a Redfish Job, one step after the other.

A step that starts a task is done when that has ended. A worker may die at any instant: the next one
goes on with the step that was under way, whose task has the same id and is not started twice.
Must never import a face.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from odimra.access import Principal
from odimra.engine import JobContext, Outcome
from odimra.engine.patience import patiently
from odimra.jobs.planned.model import KIND, Plan, Step, task_of
from odimra.tasks import Result, Task, TaskMessage, Tasks, states

log = logging.getLogger(__name__)

FAILED = "Odimra.1.0.JobStepFailed"
#: Seconds between two looks at the task of a step.
EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Done:
    """What a request came to: its HTTP status, whether a task goes on with it, what it says."""

    status: int
    goes_on: bool = False
    said: str = ""


class Perform(Protocol):
    """Performs a request as ``principal`` would; a task that it starts gets ``task_id``."""

    async def __call__(
        self, verb: str, uri: str, body: Mapping[str, Any], principal: Principal, *, task_id: str
    ) -> Done:
        """Return what it came to. Raises StoreUnavailable."""


#: Who an account is now; None if it is not there, or may not log in.
WhoIs = Callable[[str], Awaitable[Principal | None]]


class PlannedJob:
    """The job kind."""

    name = KIND

    def __init__(self, tasks: Tasks, perform: Perform, who_is: WhoIs) -> None:
        self._tasks = tasks
        self._perform = perform
        self._who_is = who_is

    async def run(self, job: JobContext) -> Outcome:
        """Perform the steps that are left."""
        plan = Plan.load(job.args["plan"])
        done = int((job.checkpoint or {}).get("done", 0))
        for at in range(done, len(plan.steps)):
            wrong = await self._step(job, plan, at)
            if wrong is not None:
                about = plan.steps[at].name or plan.steps[at].id
                message = TaskMessage(FAILED, (about, wrong), "Critical")
                return Outcome(states.EXCEPTION, Result(400, {}), (message,))
            percent = min(99, 100 * (at + 1) // len(plan.steps))
            await job.progress(percent, checkpoint={"done": at + 1})
        return Outcome(states.COMPLETED, Result(200, {}))

    async def _step(self, job: JobContext, plan: Plan, at: int) -> str | None:
        """Perform a step; return why it failed, None if it did not."""
        step = plan.steps[at]
        # What may be done is asked when it is done: privileges may have been taken away since.
        principal = await patiently(lambda: self._who_is(plan.owner))
        if principal is None:
            return f"the account {plan.owner} is not there any more, or may not log in"
        task_id = task_of(job.task.id, f"{job.task.start_time}/{step.id}")
        found = await self._performed(step, principal, task_id)
        if found.status >= 400:
            return f"{step.request.operation} {step.request.target} is {found.status}: {found.said}"
        if not found.goes_on:
            return None
        task = await self._ended(job, task_id, at, len(plan.steps))
        if task is None:
            return f"its task {task_id} was removed before it ended"
        if task.task_state != states.COMPLETED:
            return f"its task {task_id} has ended as {task.task_state}"
        return None

    async def _performed(self, step: Step, principal: Principal, task_id: str) -> Done:
        request = step.request
        return await patiently(
            lambda: self._perform(
                request.operation, request.target, request.body, principal, task_id=task_id
            )
        )

    async def _ended(self, job: JobContext, task_id: str, at: int, of: int) -> Task | None:
        """Return the task of a step when it has ended; tell how far the whole is meanwhile."""
        told = 0
        while True:
            task = await patiently(lambda: self._tasks.get(task_id))
            if task is None or task.final:
                return task
            percent = min(99, (100 * at + task.percent_complete) // of)
            if percent > told:
                told = percent
                await job.progress(percent)
            await job.sleep(EVERY)
