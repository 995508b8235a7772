"""The engine as the composition root sees it: hands tasks over, runs them, keeps house."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from odimra.clock import Clock
from odimra.engine.executor import Executor, ExecutorOptions
from odimra.engine.registry import Registry
from odimra.engine.runner import Limits, Runner
from odimra.store import StoreError, StoreUnavailable
from odimra.tasks import Step, Tasks
from odimra.tasks.settings import TaskServiceSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How tasks are run; ``drain`` and ``housekeeping`` in seconds."""

    executor: ExecutorOptions
    limits: Limits = field(default_factory=Limits)
    drain: float = 30.0
    housekeeping: float = 1.0


class Engine:
    """Runs the tasks of a store, in as many processes as there are."""

    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        options: EngineOptions,
        clock: Clock,
        service: TaskServiceSettings,
    ) -> None:
        self.options = options
        self._tasks = tasks
        self._clock = clock
        self._service = service
        self._runner = Runner(tasks, registry, options.limits, clock)
        self._executor = Executor(options.executor, self._runner.run)

    async def __aenter__(self) -> Engine:
        await self._executor.__aenter__()
        self._tasks.dispatch = self._dispatch
        return self

    async def __aexit__(self, *error: object) -> None:
        self._tasks.dispatch = None
        await self._executor.__aexit__(None, None, None)

    def _dispatch(self, step: Step) -> None:
        self._executor.submit(step.submit)

    async def work(self, stop: asyncio.Event) -> None:
        """Run tasks until ``stop`` is set and what runs has ended or was handed back."""
        keeping = asyncio.create_task(self._keep_house(), name="engine-housekeeping")
        listening = asyncio.create_task(
            self._tasks.store.listen(self._tasks.store.keys.of("signal"), self._runner.signal),
            name="engine-signals",
        )
        try:
            await self._executor.work(stop, drain=self.options.drain)
        finally:
            keeping.cancel()
            listening.cancel()
            await asyncio.gather(keeping, listening, return_exceptions=True)

    async def _keep_house(self) -> None:
        while True:
            try:
                await self.keep_house()
            except StoreUnavailable as error:
                log.warning("housekeeping waits for the store: %s", error)
            except StoreError:
                log.exception("housekeeping failed and goes on")
            await asyncio.sleep(self.options.housekeeping)

    async def keep_house(self) -> None:
        """Hand over what was left behind, remove what has outlived its time."""
        await self._tasks.sweep()
        minutes = (await self._service.read()).auto_delete_minutes
        if minutes is not None:
            await self._tasks.expire(self._clock.now_ms() - minutes * 60_000)
