"""A worker process: ``python -m tests.engine.worker URL NAMESPACE``; SIGTERM drains it."""

from __future__ import annotations

import asyncio
import signal
import sys

from odimra.clock import SystemClock
from odimra.engine import Engine, EngineOptions, ExecutorOptions
from odimra.store import Store, StoreOptions
from odimra.tasks import TaskOptions, Tasks
from odimra.tasks.settings import ServiceSettings, task_service_settings
from tests.engine.kinds import registry


def engine_of(store: Store, *, drain: float = 0.2, redelivery: float = 1.0) -> Engine:
    """Return an engine on ``store`` that notices a dead worker within a second or two."""
    clock = SystemClock()
    tasks = Tasks(store, TaskOptions(resubmit_ms=500), clock)
    executor = ExecutorOptions(
        store.options.url, f"{store.options.namespace}-engine", redelivery=redelivery
    )
    return Engine(
        tasks,
        registry(store),
        EngineOptions(executor, drain=drain, housekeeping=0.2),
        clock,
        task_service_settings(store, ServiceSettings()),
    )


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with engine_of(store) as engine:
        print("ready", flush=True)
        await engine.work(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
