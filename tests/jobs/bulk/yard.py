"""An engine that runs bulk scripts, on machines that are plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from odimra.access import Principal
from odimra.clock import Clock, SystemClock
from odimra.engine import Engine, EngineOptions, ExecutorOptions, JobContext, Outcome, Registry
from odimra.jobs.bulk.runs import BulkRuns, Output
from odimra.jobs.bulk.steps import BulkOptions
from odimra.jobs.bulk.turn import ActionFailed
from odimra.jobs.bulk.worker import BulkScript
from odimra.jobs.scripts import ScriptFailed
from odimra.records.model import Sourced
from odimra.records.records import RecordOptions, Records
from odimra.records.transaction import Transaction
from odimra.store import Store
from odimra.tasks import Change, NewTask, Payload, TaskExists, TaskOptions, Tasks, states
from odimra.tasks.settings import ServiceSettings, task_service_settings

TYPE = "managed/user"
PAYLOAD = Payload("POST", "/ws/rest/rpc/executeScript")
OPERATOR = frozenset({"Login", "ConfigureComponents", "ConfigureSelf"})


class Accounts:
    """Accounts and what they may do."""

    def __init__(self) -> None:
        self.privileges: dict[str, frozenset[str]] = {"ann": OPERATOR}

    async def principal(self, name: str) -> Principal | None:
        found = self.privileges.get(name)
        return (
            None if found is None else Principal(name, "Operator", found, None, False, f"/a/{name}")
        )


class Scripts:
    """Runs scripts that are Python functions, by the name that stands for their source."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    async def run(
        self, source: str, bindings: Mapping[str, Any], change: Transaction, account: str,
        full: Any = None,
    ) -> Any:  # fmt: skip
        if source not in self.named:
            raise ScriptFailed(f"there is no {source}")
        return await self.named[source](bindings, change)


class Machines:
    """Two machines or more, whose AssetTag can be patched, and that can be reset."""

    def __init__(self, tasks: Tasks, count: int = 2) -> None:
        self._tasks = tasks
        self.systems = {
            name: {"Name": f"System {name}", "AssetTag": ""}
            for name in (f"s{number}" for number in range(1, count + 1))
        }
        #: Seconds that a reset takes.
        self.slow = 0.0
        self.patched: list[tuple[str, dict[str, Any]]] = []
        self.started: list[str] = []
        self.state = states.COMPLETED
        #: Whether a reset has ended as soon as it was begun, without anybody who works on it.
        self.at_once = False

    # As records

    async def page(self, after: str, size: int) -> list[Sourced]:
        return [self._one(id) for id in sorted(self.systems) if id > after][:size]

    async def read_many(self, ids: Any) -> list[Sourced | None]:
        return [self._one(id) if id in self.systems else None for id in ids]

    async def count(self) -> int:
        return len(self.systems)

    def _one(self, id: str) -> Sourced:
        content = orjson.loads(orjson.dumps(self.systems[id]))
        return Sourced(id, str(abs(hash(str(content)))), content)

    # As a fleet

    async def modify(
        self, type_: str, id: str, body: Mapping[str, Any], rights: Principal, *, check: bool
    ) -> None:
        if "ConfigureComponents" not in rights.privileges:
            raise ActionFailed("this needs ConfigureComponents", 403)
        if set(body) - {"AssetTag"}:
            raise ActionFailed(f"{min(set(body) - {'AssetTag'})}: cannot be written")
        if not check:
            self.patched.append((id, dict(body)))
            self.systems[id] |= body

    async def act(
        self, type_: str, id: str, action: str, body: Mapping[str, Any], rights: Principal,
        *, task_id: str, check: bool,
    ) -> str | None:  # fmt: skip
        if body.get("ResetType") == "Never":
            raise ActionFailed("ResetType: is not allowed")
        if check:
            return None
        try:
            await self._tasks.create(
                NewTask(
                    "reset", rights.account, args={"id": id, "state": self.state, "slow": self.slow}
                ),
                task_id=task_id,
            )
            self.started.append(id)
            if self.at_once:
                for state in (states.RUNNING, self.state):
                    await self._tasks.change(task_id, Change(state=state))
        except TaskExists:
            pass
        return task_id


class Reset:
    """The task of an action."""

    name = "reset"

    async def run(self, job: JobContext) -> Outcome:
        await job.sleep(job.args["slow"])
        return Outcome(job.args["state"])


class Yard:
    """Records, runs, and an engine that works on them."""

    def __init__(
        self, store: Store, options: BulkOptions | None = None, clock: Clock | None = None,
        *, redelivery: float = 1.0, record_options: RecordOptions | None = None, machines: int = 2,
    ) -> None:  # fmt: skip
        self.store = store
        self.clock = clock or SystemClock()
        self.tasks = Tasks(store, TaskOptions(resubmit_ms=500), self.clock)
        self.records = Records(store, record_options or RecordOptions(), self.clock)
        self.machines = Machines(self.tasks, machines)
        self.records.mount("redfish/Systems", self.machines)
        self.accounts = Accounts()
        self.scripts = Scripts()
        self.runs = BulkRuns(store, self.tasks, self.clock)
        registry = Registry()
        self.kind = BulkScript(
            store, self.tasks, self.records, self.accounts, self.machines, self.scripts,
            options or BulkOptions(),
        )  # fmt: skip
        registry.add(self.kind)
        registry.add(Reset())
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

    async def start(self, script: Any, name: str = "executeScript", owner: str = "ann") -> str:
        """Have a script run."""
        return await self.runs.start(name, script, owner=owner, payload=PAYLOAD)

    async def ended(self, oid: str) -> Output:
        """Return what a run has put out as soon as it has ended."""
        async with asyncio.timeout(60):
            task = await self.runs.ended(oid, every=0.01)
        assert task is not None
        return await self.runs.output(task)

    async def run(self, script: Any, name: str = "executeScript", owner: str = "ann") -> Output:
        """Have a script run to its end."""
        return await self.ended(await self.start(script, name, owner))

    async def values(self, output: Output) -> list[Any]:
        """Return the values of the data output."""
        kept = await self.runs.data(output.task, 0, 100_000)
        return [orjson.loads(one)["value"] for one in kept]

    async def fill(self, count: int, **content: Any) -> None:
        """Make users ``u00000`` and so on; what is callable is called with the number."""
        for first in range(0, count, 500):
            await asyncio.gather(
                *(
                    self.records.create(
                        TYPE,
                        {
                            name: value(number) if callable(value) else value
                            for name, value in {"name": name_of, **content}.items()
                        },
                        name_of(number),
                    )
                    for number in range(first, min(first + 500, count))
                )
            )

    async def content(self, id: str, type_: str = TYPE) -> dict[str, Any]:
        """Return what a record holds."""
        return (await self.records.read(type_, id)).content


def name_of(number: int) -> str:
    return f"u{number:05d}"


def search(type_: str = "UserType", **more: Any) -> dict[str, Any]:
    return {"@element": "search", "type": type_, **more}


def action(name: str, **parameters: Any) -> dict[str, Any]:
    return {
        "@element": "action",
        "type": name,
        "parameter": [{"name": key, "value": value} for key, value in parameters.items()],
    }


def pipeline(*expressions: Any, **more: Any) -> dict[str, Any]:
    return {"pipeline": list(expressions), **more}


def replace(path: str, *values: Any) -> dict[str, Any]:
    return {"itemDelta": [{"modificationType": "replace", "path": path, "value": list(values)}]}


#: The typed form of actions whose names are others there.
TYPED = {"resolve": "resolveReference", "execute-script": "execute"}


def typed(name: str, **parameters: Any) -> dict[str, Any]:
    return {"@element": TYPED.get(name, name), **parameters}


def children(output: Output) -> dict[str, tuple[str, int]]:
    """Return the status and the number of the results of each operation."""
    return {
        one["operation"]: (one["status"], one.get("count", 1))
        for one in output.result.get("partialResults", [])
    }
