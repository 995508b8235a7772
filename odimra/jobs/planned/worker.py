"""The job kind ``redfish-job``: performs the requests of a Redfish Job, one step after the other.

A step that starts a task is done when that has ended. A worker may die at any instant: the next one
goes on with the step that was under way. What can be done twice is done again; a task that the step
starts has the same id and is not started twice; what makes something new is not tried again, as
nobody can tell whether it was made. Must never import a face.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from odimra.access import Principal
from odimra.engine import JobContext, Outcome
from odimra.engine.context import JobCancelled, JobStopped
from odimra.engine.patience import patiently
from odimra.engine.recurrence import duration
from odimra.jobs.planned.model import KIND, Plan, Reached, Request, Step, task_of
from odimra.store import StoreUnavailable
from odimra.tasks import Result, Task, TaskMessage, TaskMissing, Tasks, states

log = logging.getLogger(__name__)

FAILED = "Odimra.1.0.JobStepFailed"
#: Seconds between two looks at the task of a step.
EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Done:
    """What a request came to: its HTTP status, whether a task goes on with it, what it says.

    ``made`` is the URI of the task or of what it has made.
    """

    status: int
    goes_on: bool = False
    said: str = ""
    made: str = ""


class Requests(Protocol):
    """Performs requests."""

    def repeats(self, request: Request, principal: Principal) -> bool:
        """Tell whether a request can be performed again when nobody knows whether it was."""

    async def perform(self, request: Request, principal: Principal, *, task_id: str) -> Done:
        """Perform a request as ``principal`` would; a task that it starts gets ``task_id``.

        Raises StoreUnavailable.
        """


#: Who an account is now; None if it is not there, or may not log in.
WhoIs = Callable[[str], Awaitable[Principal | None]]


class StepFailed(Exception):
    """A step has failed; the text says why."""


class PlannedJob:
    """The job kind."""

    name = KIND

    def __init__(self, tasks: Tasks, requests: Requests, who_is: WhoIs) -> None:
        self._tasks = tasks
        self._requests = requests
        self._who_is = who_is

    async def run(self, job: JobContext) -> Outcome:
        """Perform the steps that are left."""
        run = _Run(job, Plan.load(job.args["plan"]), Reached.load(job.checkpoint))
        made: list[str] = [one for one in run.reached.made if one]
        while run.reached.done < len(run.plan.steps):
            step = run.plan.steps[run.reached.done]
            try:
                uri = await self._step(run, step)
            except StepFailed as error:
                about = step.name or step.id
                message = TaskMessage(FAILED, (about, str(error)), "Critical")
                return Outcome(
                    states.EXCEPTION, Result(400, {}), (message,), created_resources=made
                )
            except (JobCancelled, asyncio.CancelledError):
                await self._cancel(run, step)
                raise
            made += [uri] if uri else []
            await run.advance(uri)
        return Outcome(states.COMPLETED, Result(200, {}), created_resources=made)

    async def _step(self, run: _Run, step: Step) -> str:
        """Perform a step; return the URI of what it has made, if it has. Raises StepFailed."""
        run.heed_time()
        # What may be done is asked when it is done: privileges may have been taken away since.
        principal = await patiently(lambda: self._who_is(run.plan.owner))
        if principal is None:
            raise StepFailed(
                f"the account {run.plan.owner} is not there any more, or may not log in"
            )
        found = await self._performed(run, step, principal)
        if found.status >= 400:
            request = step.request
            raise StepFailed(
                f"{request.operation} {request.target} is {found.status}: {found.said}"
            )
        if found.goes_on:
            if run.reached.now != found.made:
                await run.note(replace(run.reached, now=found.made))
            await self._wait(run, run.task_of(step))
        return found.made

    async def _performed(self, run: _Run, step: Step, principal: Principal) -> Done:
        request, task_id = step.request, run.task_of(step)
        if self._requests.repeats(request, principal):
            return await patiently(
                lambda: self._requests.perform(request, principal, task_id=task_id)
            )
        again = run.reached.begun == run.reached.done
        if again and request.operation != "DELETE":
            raise StepFailed("a worker died while it did that: nobody knows whether it was done")
        if not again:
            await run.begin()
        try:
            found = await self._requests.perform(request, principal, task_id=task_id)
        except StoreUnavailable:
            if request.operation != "DELETE":
                raise StepFailed(
                    "the store went away meanwhile: nobody knows whether it was done"
                ) from None
            found = await patiently(
                lambda: self._requests.perform(request, principal, task_id=task_id)
            )
            again = True
        # Who died, or did not hear the answer, has removed it.
        return Done(204) if again and found.status == 404 else found

    async def _wait(self, run: _Run, task_id: str) -> None:
        """Wait until the task of a step has ended; tell how far the whole is meanwhile."""
        told, job = 0, run.job
        while True:
            task = await patiently(lambda: self._tasks.get(task_id))
            if task is None:
                raise StepFailed(f"its task {task_id} was removed before it ended")
            if task.task_state == states.COMPLETED:
                return
            if task.final:
                raise StepFailed(f"its task {task_id} has ended as {task.task_state}")
            percent = run.percent(task)
            if percent > told:
                told = percent
                await job.progress(percent)
            await job.sleep(EVERY)
            await job.look()
            try:
                run.heed_time()
            except StepFailed:
                await self._stop(task_id)
                raise

    async def _cancel(self, run: _Run, step: Step) -> None:
        """Stop the task of a step as well, if it is the run that shall be stopped."""
        try:
            await run.job.look(fresh=True)
        except JobCancelled:
            await self._stop(run.task_of(step))
        except JobStopped:
            pass

    async def _stop(self, task_id: str) -> None:
        try:
            await patiently(lambda: self._tasks.cancel(task_id))
        except TaskMissing:
            log.debug("%s is not there to be cancelled", task_id)


class _Run:
    """One run, and how far it is."""

    def __init__(self, job: JobContext, plan: Plan, reached: Reached) -> None:
        self.job = job
        self.plan = plan
        self.reached = reached
        self._until: int | None = None
        if plan.longest:
            self._until = job.task.start_time + duration(plan.longest, "MaxExecutionTime")

    def task_of(self, step: Step) -> str:
        """Return the id of the task that a step starts."""
        return task_of(self.job.task, step.id)

    def heed_time(self) -> None:
        """Raise StepFailed if the run takes longer than it may."""
        if self._until is not None and self.job.clock.now_ms() > self._until:
            raise StepFailed(f"the job takes longer than its MaxExecutionTime {self.plan.longest}")

    def percent(self, task: Task) -> int:
        """Return how far the whole is while ``task`` is what goes on."""
        steps = len(self.plan.steps)
        return min(99, (100 * self.reached.done + task.percent_complete) // steps)

    async def note(self, reached: Reached, percent: int | None = None) -> None:
        """Write down how far it is."""
        self.reached = reached
        await self.job.progress(percent, checkpoint=reached.stored())

    async def begin(self) -> None:
        """Write down that a step is done now that must not be done twice."""
        before = self.reached
        try:
            await self.note(replace(before, begun=before.done))
        except JobStopped:
            # It is not: who goes on may do it.
            with contextlib.suppress(JobStopped):
                await self.note(before)
            raise

    async def advance(self, made: str) -> None:
        """Write down that a step is done."""
        reached = Reached(
            (*self.reached.ended, self.job.clock.now_ms()), (*self.reached.made, made)
        )
        await self.note(reached, min(99, 100 * reached.done // len(self.plan.steps)))
