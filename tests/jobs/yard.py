"""An engine that runs scans, with scripts in Python where it is not about JavaScript."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from odimra.clock import Clock, SystemClock
from odimra.engine import Engine, EngineOptions, ExecutorOptions, Registry
from odimra.jobs.scanner.runs import Run, Runs
from odimra.jobs.scanner.worker import Scanner, ScannerOptions, Scripts
from odimra.records.records import RecordOptions, Records
from odimra.records.transaction import Transaction
from odimra.store import Store
from odimra.tasks import Payload, TaskOptions, Tasks
from odimra.tasks.settings import ServiceSettings, task_service_settings

TYPE = "managed/user"
PAYLOAD = Payload("POST", "/openidm/taskscanner")

#: A script: it gets its bindings and what it may write.
Script = Callable[[Mapping[str, Any], Transaction], Awaitable[Any]]


class PythonScripts:
    """Runs scripts that are Python functions, by the name that stands for their source."""

    def __init__(self, **named: Script) -> None:
        self.named = named

    async def check(self, source: str, account: str) -> None:
        pass

    async def run(
        self, source: str, bindings: Mapping[str, Any], change: Transaction, account: str
    ) -> Any:
        return await self.named[source](bindings, change)


class Yard:
    """Records, runs, and an engine that works on them."""

    def __init__(
        self, store: Store, scripts: Scripts, clock: Clock | None = None, *, keep: int = 100,
        options: ScannerOptions | None = None, redelivery: float = 1.0,
    ) -> None:  # fmt: skip
        self.store = store
        self.clock = clock or SystemClock()
        self.tasks = Tasks(store, TaskOptions(resubmit_ms=500), self.clock)
        self.records = Records(store, RecordOptions(), self.clock)
        self.runs = Runs(store, self.tasks, self.clock, keep=keep)
        registry = Registry()
        registry.add(Scanner(store, self.records, self.runs, scripts, options))
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

    async def start(self, context: Mapping[str, Any], name: str = "scan") -> str:
        """Have a scan run."""
        return await self.runs.start(name, context, owner="ann", payload=PAYLOAD)

    async def ended(self, run_id: str) -> Run:
        """Return a run as soon as it has ended."""
        async with asyncio.timeout(60):
            run = await self.runs.ended(run_id, every=0.01)
        assert run is not None
        return run

    async def scan(self, context: Mapping[str, Any]) -> Run:
        """Have a scan run to its end."""
        return await self.ended(await self.start(context))

    async def fill(self, count: int, **content: Any) -> None:
        """Make records ``u00000`` and so on; what is callable is called with the number."""
        for first in range(0, count, 500):
            await asyncio.gather(
                *(
                    self.records.create(
                        TYPE,
                        {
                            name: value(number) if callable(value) else value
                            for name, value in content.items()
                        },
                        f"u{number:05d}",
                    )
                    for number in range(first, min(first + 500, count))
                )
            )

    async def all(self) -> dict[str, dict[str, Any]]:
        """Return the content of every record."""
        found: dict[str, dict[str, Any]] = {}
        after = ""
        while page := await self.records.page(TYPE, after):
            found |= {record.id: record.content for record in page}
            after = page[-1].id
        return found


def context(
    source: str = "ok",
    query: str = "/due lt 100 and !(/state/done pr)",
    recovery: str | None = "10m",
    **values: Any,
) -> dict[str, Any]:
    """Return an invokeContext."""
    scan: dict[str, Any] = {
        "_queryFilter": query,
        "object": TYPE,
        "taskState": {"started": "/state/began", "completed": "/state/done"},
    }
    if recovery is not None:
        scan["recovery"] = {"timeout": recovery}
    script = {"type": "text/javascript", "source": source}
    return {"scan": scan, "task": {"script": script}, **values}
