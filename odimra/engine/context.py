"""What a running job may do to its task.

Each method is one atomic step, fenced by the epoch under which the worker took the task. While the
store is away a step waits for it: a job does not fail because the store restarts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from odimra.clock import Clock
from odimra.engine.patience import patiently
from odimra.engine.registry import Outcome
from odimra.store import StoreUnavailable
from odimra.tasks import Change, Task, TaskMessage, Tasks, TransitionRefused, states

log = logging.getLogger(__name__)

#: A sleeping job looks this often (seconds) whether it is still wanted: nobody wakes it to be
#: suspended, and the signal that it is cancelled may be lost.
LOOK = 2.0


class JobStopped(BaseException):
    """The job shall stop now; it is no failure.

    A BaseException, as ``asyncio.CancelledError`` is, so that a job's own ``except Exception``
    does not keep it running.
    """


class JobCancelled(JobStopped):
    """The task is to be cancelled."""


class JobSuspended(JobStopped):
    """The task is to be suspended; it goes on from its checkpoint."""


class JobContext:
    """One run of one task."""

    def __init__(self, tasks: Tasks, task: Task, clock: Clock) -> None:
        self.task = task
        self.args = task.args
        self.checkpoint: Any = task.checkpoint
        self.clock = clock
        self._tasks = tasks
        self._sequence = 0

    async def progress(
        self,
        percent: int | None = None,
        *,
        messages: Sequence[TaskMessage] = (),
        checkpoint: Any = None,
        state: str | None = None,
    ) -> None:
        """Record how far the job is; ``checkpoint`` (JSON-able) is where a next run would go on.

        Raises :class:`JobCancelled`, :class:`JobSuspended` when the task is no longer wanted to
        run, :class:`~odimra.tasks.Fenced` when another worker has it.
        """
        change = Change(
            state=state,
            percent=percent,
            messages=tuple(messages),
            checkpoint=checkpoint,
            epoch=self.task.epoch,
            sequence=self._next(),
        )
        self._heed(await self._step(change))

    async def message(self, *messages: TaskMessage) -> None:
        """Append messages to the task, all in one step."""
        await self.progress(messages=messages)

    async def running(self) -> None:
        """Say that a task which was taken as Starting now runs."""
        await self.progress(state=states.RUNNING)

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of the job's clock; ends early as :meth:`progress` does."""
        while seconds > 0:
            part = min(seconds, LOOK)
            await self.clock.sleep(part)
            seconds -= part
            if seconds > 0:
                await self.look()

    async def look(self, *, fresh: bool = False) -> None:
        """Raise as :meth:`progress` does if the task is no longer wanted to run.

        ``fresh`` asks the store: a signal may be here before the push that empties the cache.
        """
        if fresh:
            self._tasks.forget(self.task.id)
        try:
            task = await self._tasks.get(self.task.id)
        except StoreUnavailable:
            return  # nobody can have said anything
        if task is not None:
            self._heed(task.desired)

    async def finish(self, outcome: Outcome) -> None:
        """End the task; done once, however often it is tried."""
        change = Change(
            state=outcome.state,
            messages=outcome.messages,
            result=outcome.result,
            effects=outcome.effects,
            created_resources=outcome.created_resources,
            epoch=self.task.epoch,
            sequence=self._next(),
        )
        try:
            await self._step(change)
        except TransitionRefused:
            log.debug("%s had ended already", self.task.id)

    async def suspend(self) -> None:
        """Put the task to rest until it is wanted again.

        Raises :class:`~odimra.tasks.TransitionRefused` when it is to be cancelled.
        """
        if self.task.task_state == states.STARTING:
            # Only what runs can rest; perhaps it does by now.
            await self._step(
                Change(state=states.RUNNING, epoch=self.task.epoch, sequence=self._next())
            )
        await self._step(
            Change(state=states.SUSPENDED, epoch=self.task.epoch, sequence=self._next())
        )

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    @staticmethod
    def _heed(desired: str) -> None:
        if desired == states.CANCEL:
            raise JobCancelled
        if desired == states.SUSPEND:
            raise JobSuspended

    async def _step(self, change: Change) -> str:
        return await patiently(lambda: self._tasks.change(self.task.id, change), who=self.task.id)
