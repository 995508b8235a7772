"""An engine that rates: scopes, usage, rules and windows on a store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from odimra.clock import Clock, SystemClock
from odimra.engine import Engine, EngineOptions, ExecutorOptions, Registry
from odimra.jobs.reprocess.cycle import Cycle, CycleOptions
from odimra.jobs.reprocess.rating import Rater
from odimra.jobs.reprocess.windows import Asked, Windows
from odimra.jobs.reprocess.worker import Reprocess
from odimra.rating.model import Point
from odimra.rating.rules import Rules
from odimra.rating.scopes import Scope, Scopes
from odimra.rating.usage import Sample, Usage
from odimra.store import Store
from odimra.tasks import Payload, Task, TaskOptions, Tasks
from odimra.tasks.settings import ServiceSettings, task_service_settings

PERIOD = 3600
PAYLOAD = Payload("POST", "/v2/task/reprocesses")


class Yard:
    """Everything that rates, and an engine that does."""

    def __init__(
        self, store: Store, clock: Clock | None = None, *, redelivery: float = 1.0
    ) -> None:
        self.store = store
        self.clock = clock or SystemClock()
        self.tasks = Tasks(store, TaskOptions(resubmit_ms=500), self.clock)
        self.scopes = Scopes(store, self.clock)
        self.usage = Usage(store, period=PERIOD)
        self.rules = Rules(store, self.clock)
        self.windows = Windows(store, self.tasks, self.clock)
        rater = Rater(store, self.scopes, self.usage, self.rules)
        self.cycle = Cycle(self.scopes, self.usage, rater, self.clock, CycleOptions(PERIOD))
        registry = Registry()
        registry.add(Reprocess(self.windows, rater, period=PERIOD))
        executor = ExecutorOptions(
            store.options.url, f"{store.options.namespace}-engine", redelivery=redelivery
        )
        self.engine = Engine(
            self.tasks,
            registry,
            EngineOptions(executor, drain=0.2, housekeeping=0.2),
            SystemClock(),
            task_service_settings(store, ServiceSettings()),
        )
        self._stop = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Yard:
        await self.engine.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._work is not None:
            self._stop.set()
            await self._work
        await self.engine.__aexit__(*exc)

    def work(self) -> None:
        """Start to work on what is there."""
        self._work = asyncio.create_task(self.engine.work(self._stop))

    async def scope(self, id: str, last: int, *, active: bool = True) -> None:
        await self.scopes.create(Scope(id, "project_id", "fleet", "store", last, active))

    async def reprocess(self, scopes: list[str], start: int, end: int) -> Task:
        return await self.windows.schedule(Asked(scopes, start, end, "why", "ann"), PAYLOAD)

    async def ended(self, task: Task) -> Task:
        async with asyncio.timeout(60):
            while True:
                found = await self.tasks.get(task.id)
                assert found is not None
                if found.final:
                    return found
                await asyncio.sleep(0.01)

    async def sums(self, scope: str) -> dict[int, Decimal]:
        """Return what each period costs."""
        begins = await self.usage.periods(scope, 0, 2**40)
        frames = await self.usage.read_frames(scope, begins)
        return {
            begin: sum((one.point.price for one in frame), Decimal(0))
            for begin, frame in zip(begins, frames, strict=True)
        }

    async def bytes_of(self, scope: str) -> Mapping[int, Any]:
        """Return the frames of a scope, byte for byte."""
        begins = await self.usage.periods(scope, 0, 2**40)
        return {
            begin: await self.store.call("HGETALL", self.usage.frame(scope, begin))
            for begin in begins
        }


def sample(scope: str, begin: int, qty: str = "1", metric: str = "cpu", **groupby: str) -> Sample:
    return Sample(
        scope,
        metric,
        begin,
        begin + PERIOD,
        Point(Decimal(qty), "h", {"project_id": scope, **groupby}, {"flavor": "big"}),
    )
