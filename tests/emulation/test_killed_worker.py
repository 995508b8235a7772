"""A worker process is killed in the middle of a scenario; another one goes on where it was."""

from __future__ import annotations

import asyncio
import sys

from odimra.emulation import scenarios
from odimra.emulation.operations import MachineOperations
from odimra.store import Store
from tests.emulation.stage import PAYLOAD
from tests.emulation.worker import engine_of

TEXT = """
rules:
  - play:
      duration: 2
      steps:
        - {at: 0.5, percent: 25, message: {id: Base.1.22.Success, text: one}}
        - {at: 1, percent: 50, message: {id: Base.1.22.Success, text: two}}
        - {at: 1.5, percent: 75, message: {id: Base.1.22.Success, text: three}}
"""


async def test_a_scenario_survives_the_death_of_its_worker(store: Store) -> None:
    engine, tasks, machines = engine_of(store, TEXT)
    machine = machines.fleet.machines["node-1"]

    async def worker() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.emulation.worker"),
            *(store.options.url, store.options.namespace, TEXT),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return process

    async with engine, asyncio.timeout(30):
        first = await worker()
        try:
            new = await MachineOperations(machines, scenarios.loads(TEXT)).reset_system(
                machine, "ForceOff", owner="op", payload=PAYLOAD
            )
            task = await tasks.create(new)
            while task.percent_complete < 50:
                await asyncio.sleep(0.01)  # real processes: there is no clock to move
                task = (await tasks.get(task.id)) or task
        finally:
            first.kill()
            await first.wait()
        second = await worker()
        try:
            while not task.final:
                await asyncio.sleep(0.01)
                task = (await tasks.get(task.id)) or task
        finally:
            second.kill()
            await second.wait()
    assert (task.task_state, task.epoch) == ("Completed", 2)
    assert [one.text for one in task.messages if one.text] == ["one", "two", "three"]
    assert (await machines.read("system", machine)).fields["PowerState"] == "Off"
