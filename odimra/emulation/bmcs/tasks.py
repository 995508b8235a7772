"""Operations of an emulated BMC that take their time.

They are not run but looked at: what a task is follows from when it began and what its scenario says
of then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odimra.clock import iso_seconds
from odimra.emulation.bmcs.tree import ROOT
from odimra.emulation.scenarios import CANCELLED, COMPLETED, Chance, Scenario, Timeline

TASKS = f"{ROOT}/TaskService/Tasks"
MONITORS = f"{ROOT}/TaskService/TaskMonitors"
ENDS = ("Completed", "Exception", "Cancelled")
#: Tasks that a BMC keeps; the oldest that has ended makes room.
MOST = 100


@dataclass(slots=True)
class BmcTask:
    """A task: what it is of, when it began and will end (seconds), and what it does at its end."""

    id: str
    name: str
    began: float
    scenario: Scenario
    chance: Chance
    effect: Callable[[], None]
    values: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0
    cancelled: float | None = None
    settled: str = ""
    _line: Timeline = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._line = self.scenario.timeline(self.chance)

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"{TASKS}/{self.id}"

    @property
    def monitor(self) -> str:
        """Where its monitor is."""
        return f"{MONITORS}/{self.id}"

    @property
    def ends(self) -> float:
        """When it ends by itself."""
        return self.began + (self._line.starting + self._line.duration) * self.factor

    def settle(self, now: float) -> str:
        """Return its state at ``now``; what it does it does when it is first seen to have ended."""
        if self.settled:
            return self.settled
        after = self.scenario.cancel_after
        if self.cancelled is not None and after is not None:
            if now >= self.cancelled + after * self.factor:
                self.settled = CANCELLED
                return self.settled
            return "Cancelling"
        if now >= self.ends:
            self.settled = self.scenario.end
            if self.settled == COMPLETED:
                self.effect()
            return self.settled
        return "Starting" if now < self.began + self._line.starting * self.factor else "Running"

    def percent(self, now: float) -> int:
        """Return how far it is at ``now``."""
        if self.settled == COMPLETED:
            return 100
        at = (now - self.began) / max(self.factor, 1e-9) - self._line.starting
        told = [beat.percent for beat in self._line.beats if beat.at <= at]
        known = [one for one in told if one is not None]
        return known[-1] if known else 0

    def represent(self, now: float) -> dict[str, Any]:
        """Return the Task."""
        state = self.settle(now)
        shown: dict[str, Any] = {
            "@odata.id": self.uri,
            "@odata.type": "#Task.v1_7_0.Task",
            "Id": self.id,
            "Name": self.name,
            "TaskState": state,
            "StartTime": iso_seconds(int(self.began * 1000)),
            "PercentComplete": self.percent(now),
            "TaskMonitor": self.monitor,
            "Messages": [],
        }
        if state in ENDS:
            shown["TaskStatus"] = "OK" if state == COMPLETED else "Critical"
            shown["EndTime"] = iso_seconds(int(min(now, self.ends) * 1000))
            if state != CANCELLED:
                shown["Messages"] = [
                    {"MessageId": one.id, "Message": one.text, "MessageArgs": list(one.args),
                     "Severity": one.severity, "MessageSeverity": one.severity}
                    for one in (words.fill(self.values) for words in self.scenario.messages)
                ]  # fmt: skip
        return shown

    def result(self) -> int:
        """Return the HTTP status that its monitor answers at its end."""
        if self.scenario.status is not None and self.settled == self.scenario.end:
            return self.scenario.status
        return 204 if self.settled == COMPLETED else 500


class BmcTasks:
    """The tasks of one BMC."""

    def __init__(self) -> None:
        self._tasks: dict[str, BmcTask] = {}
        self._number = 0

    def next_id(self) -> str:
        """Return the id of the next one."""
        self._number += 1
        return str(self._number)

    def add(self, task: BmcTask, now: float) -> None:
        """Keep one more."""
        if len(self._tasks) >= MOST:
            ended = [id for id, one in self._tasks.items() if one.settle(now) in ENDS]
            if ended:
                del self._tasks[ended[0]]
        self._tasks[task.id] = task

    def get(self, id: str) -> BmcTask | None:
        """Return one, or None."""
        return self._tasks.get(id)

    def remove(self, id: str) -> None:
        """Forget one."""
        self._tasks.pop(id, None)

    def clear(self) -> None:
        """Forget all."""
        self._tasks.clear()

    def settle(self, now: float) -> None:
        """Do what has come to its end by ``now``."""
        for one in self._tasks.values():
            one.settle(now)

    def running(self, now: float) -> bool:
        """Tell whether any goes on."""
        return any(one.settle(now) not in ENDS for one in self._tasks.values())

    def all(self) -> list[BmcTask]:
        """Return all."""
        return list(self._tasks.values())
