"""The API under /openidm behind a socket, on a real store, with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDictProxy

from odimra.access import AuthenticationFailed, HashingBusy, Principal
from odimra.crest.frame import Crest, CrestOptions
from odimra.crest.records import RecordsEndpoint
from odimra.crest.scheduler import JobsEndpoint, SchedulerEndpoint, TriggersEndpoint
from odimra.crest.taskscanner import TaskScannerEndpoint
from odimra.engine import ScheduledJobs, task_going
from odimra.jobs.invocation import Services
from odimra.jobs.scanner.runs import Runs
from odimra.records.records import RecordOptions, Records
from odimra.store import Store, StoreUnavailable
from odimra.tasks import Tasks
from odimra.wire import BodyLimits
from tests.fakes import FakeClock


def somebody(name: str, *privileges: str, change: bool = False) -> Principal:
    return Principal(name, "R", frozenset(privileges), "1", change, f"/redfish/v1/{name}")


WHO = {
    "admin": somebody("admin", "Login", "ConfigureComponents", "ConfigureUsers"),
    "op": somebody("op", "Login", "ConfigureComponents"),
    "guest": somebody("guest", "Login"),
    "nobody": somebody("nobody"),
    "new": somebody("new", "Login", "ConfigureComponents", change=True),
}


class Doorman:
    """Believes the token, or the name of HTTP Basic, to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        name = token if basic is None else basic[0]
        if name == "away":
            raise StoreUnavailable("it is away", 7)
        if name == "busy":
            raise HashingBusy
        if name not in WHO:
            raise AuthenticationFailed
        return WHO[name]


class Answered:
    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def said(self) -> tuple[int, str]:
        """Code and message of an error."""
        assert self.body["code"] == self.status, self.body
        assert list(self.body)[:3] == ["code", "reason", "message"]
        return self.status, self.body["message"]


class Desk:
    """Asks, as somebody."""

    def __init__(
        self, client: Any, records: Records, jobs: ScheduledJobs, runs: Runs, tasks: Tasks
    ) -> None:
        self.client = client
        self.records = records
        self.jobs = jobs
        self.runs = runs
        self.tasks = tasks

    async def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            given["Authorization"] = f"Bearer {who}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        answer = await self.client.request(method, f"/openidm/{path}", data=data, headers=given)
        content = await answer.read()
        return Answered(answer.status, answer.headers, json.loads(content) if content else None)

    async def get(self, path: str, who: str | None = "admin", **headers: str) -> Answered:
        return await self.ask("GET", path, who=who, **headers)

    async def put(self, path: str, body: Any, who: str | None = "admin", **headers: str) -> Any:
        return await self.ask("PUT", path, body, who, **headers)

    async def post(
        self, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        return await self.ask("POST", path, body, who, **headers)


MakeDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
def make_desk(
    store: Store, tasks: Tasks, clock: FakeClock, aiohttp_client: Callable[..., Any]
) -> MakeDesk:
    async def make(
        lenient: bool = True,
        body: BodyLimits | None = None,
        max_records: int = 10_000,
        limit: int = 5,
    ) -> Desk:
        records = Records(store, RecordOptions(max_bytes=2000, max_records=max_records), clock)
        runs = Runs(store, tasks, clock)
        jobs = ScheduledJobs(store, clock, limit=limit)
        services = Services(runs, clock, lenient=lenient)
        face = Crest(
            {
                "managed/*": RecordsEndpoint("managed", records),
                "scheduler/job": JobsEndpoint(jobs, services, task_going(tasks)),
                "scheduler/trigger": TriggersEndpoint(jobs),
                "scheduler": SchedulerEndpoint(jobs),
                "taskscanner": TaskScannerEndpoint(runs, jobs, services),
            },
            Doorman(),
            CrestOptions(body or BodyLimits(max_bytes=100_000), lenient=lenient),
        )
        app = web.Application()
        face.mount(app)
        return Desk(await aiohttp_client(app), records, jobs, runs, tasks)

    return make


@pytest.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    return await make_desk()
