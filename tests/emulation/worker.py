"""A worker of the emulation: ``python -m tests.emulation.worker URL NAMESPACE SCENARIOS``."""

from __future__ import annotations

import asyncio
import sys

from odimra.clock import SystemClock
from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios
from odimra.emulation.files import locate
from odimra.emulation.kinds import SystemReset
from odimra.emulation.state import MachineStates
from odimra.engine import Engine, EngineOptions, ExecutorOptions, Registry
from odimra.store import Store, StoreOptions
from odimra.tasks import TaskOptions, Tasks
from odimra.tasks.settings import ServiceSettings, task_service_settings


def engine_of(store: Store, text: str) -> tuple[Engine, Tasks, MachineStates]:
    """Return an engine on ``store`` that notices a dead worker within a second or two."""
    clock = SystemClock()
    tasks = Tasks(store, TaskOptions(resubmit_ms=500), clock)
    machines = MachineStates(store, fleets.load(locate("fleets", "default"), 1))
    registry = Registry()
    registry.add(SystemReset(scenarios.loads(text), machines, 1.0))
    executor = ExecutorOptions(
        store.options.url, f"{store.options.namespace}-engine", redelivery=1.0
    )
    engine = Engine(
        tasks,
        registry,
        EngineOptions(executor, housekeeping=0.2),
        clock,
        task_service_settings(store, ServiceSettings()),
    )
    return engine, tasks, machines


async def main(url: str, namespace: str, text: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    engine, _, _ = engine_of(store, text)
    async with engine:
        print("ready", flush=True)
        await engine.work(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
