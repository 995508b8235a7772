"""Runs one task: claim it, let its kind work, record how that ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from odimra import measures, tracing, trail
from odimra.clock import Clock
from odimra.engine.context import JobCancelled, JobContext, JobSuspended
from odimra.engine.registry import Outcome, Registry, UnknownKind
from odimra.store import StoreUnavailable
from odimra.tasks import (
    Fenced,
    ResultTooLong,
    TaskMessage,
    TaskMissing,
    Tasks,
    TransitionRefused,
    states,
)
from odimra.tasks.model import Result

log = logging.getLogger(__name__)

#: What the task says of a job that broke; the reason is in the log, not in the answer.
BROKEN = TaskMessage("Base.1.22.InternalError", severity="Critical")

#: What the task says of a result that is too long to be kept.
TOO_LONG = TaskMessage("Base.1.22.InsufficientStorage", severity="Critical")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many tasks may run at once: by kind, and on one target; 0 is any number."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    per_target: int = 1


def split(handover: str) -> tuple[str, int]:
    """Take ``<task id>.<submission>`` apart."""
    task_id, _, submission = handover.rpartition(".")
    return task_id, int(submission)


class Runner:
    """Runs tasks by their hand-overs."""

    def __init__(self, tasks: Tasks, registry: Registry, limits: Limits, clock: Clock) -> None:
        self._tasks = tasks
        self._registry = registry
        self._limits = limits
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self, handover: str) -> None:
        """Run the task of a hand-over, if there is anything to do.

        Returns when the task ended, waits, was suspended or belongs to someone else; what it
        raises leaves the hand-over to be delivered again.
        """
        task_id, submission = split(handover)
        kind = await self._kind(task_id)
        if kind is None:
            return
        outcome, task = await self._tasks.claim(
            task_id,
            submission,
            state=self._registry.claim_state(kind),
            kind_limit=self._limits.kinds.get(kind, 0),
            target_limit=self._limits.per_target,
        )
        if task is None:
            log.debug("%s: nothing to run, it is %s", task_id, outcome)
            return
        run = asyncio.current_task()
        assert run is not None
        self._running[handover] = run
        if task.epoch == 1:
            measures.WAITS.labels(kind).observe((self._clock.now_ms() - task.start_time) / 1000)
        # What no request has begun is found by its own id, on BMCs too.
        ids = trail.task_id.set(task.id), trail.request_id.set(task.request or task.id)
        measures.SLOTS_BUSY.inc()
        log.info("begins to work: %s", kind)
        told = {"odimra.task": task.id, "odimra.request": task.request}
        try:
            with tracing.span(f"run {kind}", "consumer", task.trace, told):
                await self._work(kind, JobContext(self._tasks, task, self._clock))
        finally:
            self._running.pop(handover, None)
            measures.SLOTS_BUSY.dec()
            trail.task_id.reset(ids[0])
            trail.request_id.reset(ids[1])

    def signal(self, handover: str) -> None:
        """Interrupt the run of a hand-over, if it is here: its task is cancelled.

        Only that: who is to be suspended goes on later and ends its step before.
        """
        run = self._running.get(handover)
        if run is not None:
            run.cancel()

    async def _kind(self, task_id: str) -> str | None:
        task = await self._tasks.get(task_id)
        return None if task is None or task.final else task.kind

    async def _work(self, kind: str, job: JobContext) -> None:
        try:
            outcome = await self._registry.get(kind).run(job)
        except JobCancelled:
            outcome = Outcome(states.CANCELLED)
        except JobSuspended:
            await self._rest(job)
            return
        except Fenced:
            log.warning("%s was taken over by another worker", job.task.id)
            return
        except TaskMissing:
            log.info("%s was removed while it ran", job.task.id)
            return
        except TransitionRefused as error:
            log.info("stopped: %s", error)
            return
        except asyncio.CancelledError:
            run = asyncio.current_task()
            assert run is not None
            run.uncancel()  # it was meant for the job, not for what is around it
            await self._cut_short(job)
            return
        except UnknownKind:
            log.error("%s is of the kind %s, which this worker does not know", job.task.id, kind)
            outcome = Outcome(states.EXCEPTION, Result(501), (BROKEN,))
        except Exception:  # a job is foreign code: whatever breaks in it ends its task only
            log.exception("%s (%s) broke", job.task.id, kind)
            outcome = Outcome(states.EXCEPTION, Result(500), (BROKEN,))
        try:
            try:
                await job.finish(outcome)
                log.info("has ended: %s", outcome.state)
                if outcome.state == states.EXCEPTION:
                    tracing.fail_current(outcome.state)
            except ResultTooLong as error:
                log.error("%s", error)
                await job.finish(Outcome(states.EXCEPTION, Result(507), (TOO_LONG,)))
        except (Fenced, TaskMissing) as error:
            log.warning("the end of %s was refused: %s", job.task.id, error)

    async def _rest(self, job: JobContext) -> None:
        resting = asyncio.create_task(self._come_to_rest(job))
        try:
            # A signal that comes now would leave it half done; what it says is in the store.
            await asyncio.shield(resting)
        except asyncio.CancelledError:
            run = asyncio.current_task()
            assert run is not None
            run.uncancel()
            await resting

    async def _come_to_rest(self, job: JobContext) -> None:
        try:
            await job.suspend()
        except TransitionRefused:
            # Cancelled since it was told to rest.
            await self._cut_short(job)

    async def _cut_short(self, job: JobContext) -> None:
        """The engine cancelled this run: because the task was, or because the worker goes down."""
        try:
            await job.look(fresh=True)
        except JobCancelled:
            await job.finish(Outcome(states.CANCELLED))
            return
        except JobSuspended:
            await job.suspend()
            return
        try:
            await self._tasks.interrupt(job.task.id, job.task.epoch)
        except StoreUnavailable:
            raise asyncio.CancelledError from None  # the engine delivers it again
