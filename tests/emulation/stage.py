"""A stage for scenarios: real tasks in a real store, and a clock that waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from odimra.emulation.fleet import Fleet
from odimra.emulation.kinds import FirmwareUpdate, ManagerReset, SystemReset
from odimra.emulation.operations import MachineOperations
from odimra.emulation.scenarios import Scenarios
from odimra.emulation.state import MachineStates
from odimra.engine import Limits, Registry
from odimra.engine.runner import Runner
from odimra.store import Store
from odimra.tasks import Payload, Task, TaskOptions, Tasks

PAYLOAD = Payload("POST", "/redfish/v1/Systems/node-1/Actions/ComputerSystem.Reset")


class Died(BaseException):
    """The worker is gone, as after SIGKILL: nothing of it runs any more."""


class LeapingClock:
    """Sleeping moves it on at once; what a test planned for a moment happens then."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.start = now_ms
        self._now = now_ms
        self._plans: list[tuple[int, Callable[[], Awaitable[None]]]] = []

    def now_ms(self) -> int:
        return self._now

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return (self._now - self.start) / 1000

    def plan(self, at: float, act: Callable[[], Awaitable[None]]) -> None:
        """Do ``act`` ``at`` seconds after the start."""
        self._plans.append((self.start + round(at * 1000), act))
        self._plans.sort(key=lambda plan: plan[0])

    async def sleep(self, seconds: float) -> None:
        until = self._now + round(seconds * 1000)
        while self._plans and self._plans[0][0] <= until:
            when, act = self._plans.pop(0)
            self._now = max(self._now, when)
            await act()
        self._now = max(self._now, until)
        await asyncio.sleep(0)


@dataclass
class Stage:
    store: Store
    tasks: Tasks
    machines: MachineStates
    operations: MachineOperations
    runner: Runner
    clock: LeapingClock

    async def reset(self, machine: str = "node-1", reset_type: str = "ForceRestart") -> Task:
        """Ask for a reset of a System."""
        new = await self.operations.reset_system(
            self.machines.fleet.machines[machine], reset_type, owner="op", payload=PAYLOAD
        )
        return await self.tasks.create(new)

    async def reset_manager(self, machine: str = "node-1") -> Task:
        """Ask for a reset of a Manager."""
        new = await self.operations.reset_manager(
            self.machines.fleet.machines[machine], "ForceRestart", owner="op", payload=PAYLOAD
        )
        return await self.tasks.create(new)

    async def update(self, uri: str, *targets: str) -> Task:
        """Ask for an update."""
        new = await self.operations.update_firmware(uri, targets, {}, owner="op", payload=PAYLOAD)
        return await self.tasks.create(new)

    async def run(self, task: Task) -> Task:
        """Run a task (all its sub-tasks) as a worker does, and return it as it then is."""
        ids = await self.tasks.page(self.tasks.index(parent=task.id), 0, 1000)
        for one in ids or [task.id]:
            await self.runner.run(f"{one}.0")
        return await self.get(task.id)

    async def get(self, task_id: str) -> Task:
        found = await self.tasks.get(task_id)
        assert found is not None
        return found

    async def power(self, machine: str = "node-1") -> str:
        fields = (await self.machines.read("system", self.machines.fleet.machines[machine])).fields
        return fields["PowerState"]


def build(
    store: Store,
    scenarios: Scenarios,
    fleet: Fleet,
    speed: float = 1.0,
    max_targets: int = 5000,
) -> Stage:
    """Set the stage."""
    clock = LeapingClock()
    tasks = Tasks(store, TaskOptions(), clock)
    machines = MachineStates(store, fleet)
    registry = Registry()
    for kind in (SystemReset, ManagerReset, FirmwareUpdate):
        registry.add(kind(scenarios, machines, speed))
    runner = Runner(tasks, registry, Limits(), clock)
    return Stage(
        store, tasks, machines, MachineOperations(machines, scenarios, max_targets), runner, clock
    )
