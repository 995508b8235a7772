"""Plays a scenario on a task: waits, progress, messages, and how it ends.

The checkpoint is the number of steps done and the seconds that have passed, so that a worker that
takes the task over goes on where the last one was. Called by :mod:`odimra.emulation.kinds` only;
must never import a face.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from odimra.emulation.scenarios import (
    CANCELLED,
    COMPLETED,
    NEVER,
    Chance,
    Scenario,
    Words,
)
from odimra.engine import JobCancelled, JobContext, Outcome
from odimra.tasks import Result, TaskMessage, TransitionRefused, states

#: Seconds between checkpoints while a step is waited for: what a crash may repeat.
TICK = 5.0
FAILED = TaskMessage("Base.1.22.OperationFailed", severity="Critical", text="The operation failed.")
#: One wait of a scenario that never ends.
LONG = 3600.0


def task_message(words: Words, values: Mapping[str, str]) -> TaskMessage:
    """Return the message of a scenario with its variables filled in."""
    said = words.fill(values)
    return TaskMessage(said.id, said.args, said.severity, said.text)


class Player:
    """One performance of one scenario.

    ``speed`` is how many seconds of the scenario pass in one second; 0 does not wait at all.
    ``success`` and ``failure`` are the status of the result where the scenario names none.
    """

    def __init__(
        self,
        job: JobContext,
        scenario: Scenario,
        chance: Chance,
        values: Mapping[str, str],
        *,
        speed: float,
        success: int,
        failure: int = 500,
    ) -> None:
        self._job = job
        self._scenario = scenario
        self._timeline = scenario.timeline(chance)
        self._values = values
        self._speed = speed
        self._success = success
        self._failure = failure
        saved: Mapping[str, Any] = job.checkpoint or {}
        self._phase: str = saved.get("phase", "starting")
        self._elapsed: float = saved.get("elapsed", 0.0)
        self._done: int = saved.get("steps", 0)
        #: Set once the task is asked to end and its scenario goes on: when it obeys (clock ms).
        self._deaf = False
        self._obeys_at: float | None = None

    async def play(self) -> Outcome:
        """Play to the end and return it, without effects: those are the job kind's."""
        if self._phase == "starting":
            await self._wait_until(self._timeline.starting)
            await self._start()
        for number, beat in enumerate(self._timeline.beats):
            if number < self._done:
                continue
            await self._wait_until(beat.at)
            self._done = number + 1
            message = task_message(beat.message, self._values) if beat.message else None
            await self._record(percent=beat.percent, message=message)
        await self._wait_until(self._timeline.duration)
        while self._scenario.end == NEVER:
            await self._pause(LONG)
        return self._outcome()

    def _outcome(self) -> Outcome:
        messages = tuple(task_message(one, self._values) for one in self._scenario.messages)
        if self._scenario.end == COMPLETED:
            return Outcome(
                states.COMPLETED, Result(self._scenario.status or self._success), messages
            )
        if self._scenario.end == CANCELLED:
            return Outcome(states.CANCELLED, messages=messages)
        return Outcome(
            states.EXCEPTION,
            Result(self._scenario.status or self._failure),
            messages or (FAILED,),
        )

    async def _start(self) -> None:
        self._phase, self._elapsed = "running", 0.0
        try:
            await self._record(state=states.RUNNING)
        except TransitionRefused:
            # It was asked to end while it was Starting, and from Cancelling it cannot run.
            self._asked_to_end()

    def _checkpoint(self) -> dict[str, Any]:
        return {"phase": self._phase, "elapsed": self._elapsed, "steps": self._done}

    async def _record(
        self,
        *,
        percent: int | None = None,
        message: TaskMessage | None = None,
        state: str | None = None,
    ) -> None:
        try:
            await self._job.progress(
                percent,
                messages=(message,) if message else (),
                checkpoint=self._checkpoint(),
                state=state,
            )
        except JobCancelled:  # the step itself is recorded
            self._asked_to_end()

    async def _wait_until(self, at: float) -> None:
        while self._elapsed < at:
            if not self._speed:
                self._elapsed = at
                return
            part = min(at - self._elapsed, TICK * self._speed)
            await self._pause(part / self._speed)
            self._elapsed += part
            if self._elapsed < at:
                await self._record()

    async def _pause(self, seconds: float) -> None:
        """Wait, and heed a cancellation as the scenario says."""
        clock = self._job.clock
        until = clock.now_ms() + seconds * 1000
        if not self._deaf:
            try:
                await self._job.sleep(seconds)
                return
            except JobCancelled:
                self._asked_to_end()
            except asyncio.CancelledError:
                # From the engine: because of the task, or because the worker goes down.
                if self._scenario.cancel_after == 0:
                    raise
                await self._asked_or_raise()
        if self._obeys_at is not None and self._obeys_at <= until:
            await clock.sleep(max(0.0, (self._obeys_at - clock.now_ms()) / 1000))
            raise JobCancelled
        await clock.sleep(max(0.0, (until - clock.now_ms()) / 1000))

    async def _asked_or_raise(self) -> None:
        try:
            await self._job.look(fresh=True)
        except JobCancelled:
            running = asyncio.current_task()
            assert running is not None
            running.uncancel()
            self._asked_to_end()
            return
        raise asyncio.CancelledError

    def _asked_to_end(self) -> None:
        """Go deaf for as long as the scenario says; raises at once when it says nothing."""
        if self._deaf:
            return
        patience = self._scenario.cancel_after
        if patience == 0:
            raise JobCancelled
        self._deaf = True
        if patience is not None:
            real = patience / self._speed if self._speed else 0.0
            self._obeys_at = self._job.clock.now_ms() + real * 1000
