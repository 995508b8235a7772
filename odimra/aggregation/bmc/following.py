"""An operation that a BMC goes on with after its 202, followed to its end.

BMCs differ: in where the monitor is said to be, in what it answers, in how long it is there. What
cannot be found out is said to be unknown, and never guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from odimra.aggregation.bmc.bmc import Bmc, refusal, retry_after
from odimra.aggregation.bmc.errors import BmcError, Refused, Unreachable
from odimra.aggregation.bmc.wire import Answer
from odimra.clock import Clock

COMPLETED, EXCEPTION, CANCELLED, UNKNOWN = "Completed", "Exception", "Cancelled", "Unknown"
#: How states of a task at its end are read.
ENDS: Mapping[str, str] = {
    "Completed": COMPLETED,
    "Exception": EXCEPTION,
    "Killed": CANCELLED,
    "Cancelled": CANCELLED,
}
GONE = (404, 410)
#: Messages of a task that are passed on.
MOST_MESSAGES = 20


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """Seconds: between two looks if the BMC names none, least and most of what it may name.

    ``lost`` is for how long it may be unreachable, ``longest`` for how long it may go on in all.
    """

    every: float = 1.0
    least: float = 0.2
    most: float = 30.0
    lost: float = 600.0
    longest: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Operation:
    """Where an operation can be followed; either may be empty. Can be kept as JSON."""

    monitor: str = ""
    task: str = ""

    @classmethod
    def of(cls, answer: Answer) -> Operation:
        """Read where the operation of a 202 can be followed, however the BMC says it."""
        body = answer.body or {}
        found = {
            name: _path(answer, value)
            for name, value in (
                ("location", answer.headers.get("Location")),
                ("monitor", body.get("TaskMonitor")),
                ("task", body.get("@odata.id")),
            )
        }
        is_task = "Task" in str(body.get("@odata.type", "")) or "TaskState" in body
        task = found["task"] if is_task else ""
        monitor = found["location"] or found["monitor"]
        return cls(monitor or task, task)


@dataclass(frozen=True, slots=True)
class Followed:
    """How an operation ended: its state, why, its messages, and what the monitor said at last."""

    state: str
    said: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    status: int | None = None
    body: Mapping[str, Any] | None = field(default=None, repr=False)


Progress = Callable[[int], Awaitable[None]]


async def follow(
    bmc: Bmc,
    operation: Operation,
    clock: Clock,
    progress: Progress,
    options: FollowOptions | None = None,
) -> Followed:
    """Return how an operation ends; ``progress`` is told each percentage that is higher.

    Never raises a BmcError: what goes wrong for too long is an unknown end.
    """
    return await _Following(bmc, operation, clock, progress, options or FollowOptions()).run()


class _Following:
    def __init__(
        self,
        bmc: Bmc,
        operation: Operation,
        clock: Clock,
        progress: Progress,
        options: FollowOptions,
    ) -> None:
        self._bmc = bmc
        self._monitor = operation.monitor
        self._task = operation.task
        self._clock = clock
        self._progress = progress
        self._options = options
        self._percent = 0
        self._messages: tuple[Mapping[str, Any], ...] = ()

    async def run(self) -> Followed:
        if not self._monitor:
            return self._end(UNKNOWN, "the BMC goes on with it, and does not say where to look")
        started = heard = self._now()
        wait = self._options.every
        while True:
            await self._clock.sleep(wait)
            try:
                answer = await self._bmc.ask("GET", self._monitor)
            except BmcError as error:
                lost = isinstance(error, Unreachable)
                if not lost or self._now() - heard > self._options.lost:
                    return self._end(UNKNOWN, f"it cannot be followed any more: {error}")
                wait = self._options.every
                continue
            heard = self._now()
            ended = await self._judge(answer)
            if ended is not None:
                return ended
            if self._now() - started > self._options.longest:
                return self._end(UNKNOWN, "it has not ended in the time that is given")
            asked = retry_after(answer, self._clock)
            options = self._options
            wait = options.every if asked is None else min(max(asked, options.least), options.most)

    def _now(self) -> float:
        return self._clock.now_ms() / 1000

    async def _judge(self, answer: Answer) -> Followed | None:
        body = answer.body or {}
        state = body.get("TaskState")
        if isinstance(state, str):
            # Some monitors answer 200 with the Task while it runs, some 202 when it has ended.
            await self._note(answer)
            return self._ended(state, answer) if state in ENDS else None
        if answer.status == 202:
            await self._note(answer)
            return None
        if answer.status in GONE:
            return await self._vanished()
        if answer.status >= 500 or answer.status in (408, 429):
            # Its own trouble, or the result of the operation: only the task can tell.
            return await self._look_at_task(answer)
        if answer.good:
            return self._end(COMPLETED, answer=answer)
        return self._end(EXCEPTION, _said(answer), answer)

    async def _vanished(self) -> Followed | None:
        """Find out what became of an operation whose monitor is not there any more."""
        if self._task and self._task != self._monitor:
            self._monitor = self._task
            return await self._look_at_task(None)
        return self._end(UNKNOWN, "the BMC does not know of it any more")

    async def _look_at_task(self, answer: Answer | None) -> Followed | None:
        if not self._task:
            return None if answer is None else self._end(EXCEPTION, _said(answer), answer)
        try:
            found = await self._bmc.ask("GET", self._task)
        except BmcError:
            return None
        state = (found.body or {}).get("TaskState")
        if found.status in GONE:
            return self._end(UNKNOWN, "the BMC does not know of it any more")
        if not isinstance(state, str):
            return None
        await self._note(found)
        return self._ended(state, answer or found) if state in ENDS else None

    async def _note(self, answer: Answer) -> None:
        body = answer.body or {}
        if isinstance(body.get("@odata.id"), str) and "TaskState" in body:
            self._task = self._task or _path(answer, body["@odata.id"])
        messages = body.get("Messages")
        if isinstance(messages, list):
            self._messages = tuple(one for one in messages if isinstance(one, dict))[
                -MOST_MESSAGES:
            ]
        percent = _percent(body.get("PercentComplete"))
        if percent is not None and percent > self._percent:
            self._percent = percent
            await self._progress(percent)

    def _ended(self, state: str, answer: Answer) -> Followed:
        end = ENDS[state]
        said = ""
        if end == COMPLETED and (answer.body or {}).get("TaskStatus") == "Critical":
            end = EXCEPTION
        if end != COMPLETED:
            texts = [
                one["Message"] for one in self._messages if isinstance(one.get("Message"), str)
            ]
            said = texts[-1] if texts else f"its task has ended as {state}"
        return self._end(end, said, answer)

    def _end(self, state: str, said: str = "", answer: Answer | None = None) -> Followed:
        return Followed(
            state,
            said[:1000],
            self._messages,
            None if answer is None else answer.status,
            None if answer is None else answer.body,
        )


async def cancel(bmc: Bmc, operation: Operation) -> bool:
    """Ask a BMC to give an operation up; return whether it says that it does. Never raises."""
    for uri in dict.fromkeys((operation.monitor, operation.task)):
        if not uri:
            continue
        try:
            await bmc.request("DELETE", uri)
        except Refused as error:
            if error.status in GONE:
                return False
        except BmcError:
            return False
        else:
            return True
    return False


def _path(answer: Answer, value: Any) -> str:
    """Return a place that a BMC names as a path of its own: absolute, relative, or an object."""
    if isinstance(value, dict):
        value = value.get("@odata.id")
    if not isinstance(value, str) or not value.strip():
        return ""
    # By whichever name or port it thinks that it is reached: it is this BMC.
    parts = urlsplit(urljoin(answer.uri, value.strip()))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _percent(value: Any) -> int | None:
    if isinstance(value, str):
        value = value.strip().rstrip("%")
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return int(min(100.0, max(0.0, found))) if found == found else None


def _said(answer: Answer) -> str:
    return str(refusal(answer))
