"""The job kind ``reprocess``: one window of one scope, period by period.

Run by the engine's workers; a worker may die at any instant, the next one goes on behind the last
step. Must never import a face.
"""

from __future__ import annotations

from odimra.engine import JobContext, Outcome
from odimra.jobs.reprocess.rating import FENCED, INACTIVE, OK, ORDER, Rater, Step
from odimra.jobs.reprocess.windows import KIND, Windows
from odimra.tasks import Fenced, Result, TaskMessage, states

CANNOT = "Odimra.1.0.ReprocessStopped"
SKIPPED = "Odimra.1.0.ThresholdSkipped"

#: Periods that one step rates at most; how often is told how far a window is, in ms.
PERIODS = 100
TELL_MS = 1000


class Reprocess:
    """The job kind; ``period`` is how long a period is, in seconds."""

    name = KIND

    def __init__(self, windows: Windows, rater: Rater, *, period: int) -> None:
        self._windows = windows
        self._rater = rater
        self._period = period

    async def run(self, job: JobContext) -> Outcome:
        """Do a window, or what is left of it."""
        window = await self._windows.of_task(job.task.id)
        if window is None:
            return self._stopped("the window is not there any more", 404)
        total = (window.end - window.start) // self._period + 1
        current, told, skipped = window.current, 0, set[str]()
        while current != window.end:
            await job.look()
            first = window.start if current is None else current + self._period
            begins = range(
                first, min(window.end, first + (PERIODS - 1) * self._period) + 1, self._period
            )
            if not begins:
                # The settings have another period than when this was asked for.
                return self._stopped(f"{window.end} is not the beginning of a period", 409)
            begins = await self._rater.fitting(window.scope, begins)
            step = Step(
                self._windows.key(window.number),
                "current",
                "" if current is None else str(current),
                str(begins[-1]),
                job.task.id,
                job.task.epoch,
            )
            before = set(skipped)
            said = await self._rater.rate(window.scope, begins, step, skipped)
            if said == FENCED:
                raise Fenced(job.task.id)
            if said == INACTIVE:
                return self._stopped(
                    f"Scope [{window.scope}] is not active any more, or is gone", 409
                )
            if said == ORDER:
                return self._stopped("somebody else has changed the window", 409)
            assert said == OK, said
            current = begins[-1]
            for name in sorted(skipped - before):
                await job.message(TaskMessage(SKIPPED, (name, window.scope), "Warning"))
            now = job.clock.now_ms()
            if now - told >= TELL_MS:
                told = now
                done = (current - window.start) // self._period + 1
                await job.progress(min(99, done * 100 // total))
        return Outcome(states.COMPLETED, Result(200, {}))

    @staticmethod
    def _stopped(why: str, status: int) -> Outcome:
        message = TaskMessage(CANNOT, (why,), "Critical")
        return Outcome(states.EXCEPTION, Result(status), (message,))
