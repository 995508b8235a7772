"""The job manager behind a socket, with all rooms of the service; a test moves the tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from odimra.config import load
from odimra.faces import application
from odimra.house import House, build
from odimra.redfish.server import RedfishRunner
from odimra.tasks import Change
from tests.jobs.submission.conftest import WAY
from tests.redfish.conftest import basic

PASSWORD = "correct horse battery"
#: What passwords are hashed with: they are not what is tested here.
QUICK = {"access.argon2.time_cost": 1, "access.argon2.memory_kib": 64}
JOBS = "/ghibli-rest/v2/job-manager/jobs"
PEOPLE = {
    "admin": "Administrator",
    "chief": "Administrator",
    "olga": "Operator",
    "rita": "ReadOnly",
}


class Answered:
    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def said(self) -> tuple[int, str]:
        """Status and text of an error."""
        assert list(self.body) == ["message"], self.body
        return self.status, self.body["message"]


class Desk:
    def __init__(self, house: House, session: ClientSession, base: str) -> None:
        self.house = house
        self.session = session
        self.base = base

    async def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            given.setdefault("Authorization", basic(who, PASSWORD))
        more: dict[str, Any] = {"json": body}
        if isinstance(body, bytes):
            more = {"data": body}
            given.setdefault("Content-Type", "application/json")
        url = URL(self.base + path, encoded=True)
        async with self.session.request(method, url, headers=given, **more) as answer:
            content = await answer.json() if answer.content_length else None
            return Answered(answer.status, dict(answer.headers), content)

    async def get(self, path: str = JOBS, who: str | None = "admin", **headers: str) -> Answered:
        return await self.ask("GET", path, None, who, **headers)

    async def submit(self, ext: str | None = None, who: str = "admin", **values: Any) -> Answered:
        body: dict[str, Any] = {
            "contractName": "machines", "actionName": "rehearse", "actionVariables": {}, **values,
        }  # fmt: skip
        if ext is not None:
            body["extIPID"] = ext
        return await self.ask("POST", JOBS, body, who)

    async def bring(self, id: str, status: str) -> None:
        job = await self.house.submission.jobs.read(int(id))
        assert job is not None
        for state in WAY[status]:
            await self.house.tasks.change(job.task, Change(state=state))

    async def count(self) -> int:
        """Return how many tasks there are."""
        return await self.house.tasks.count(self.house.tasks.index())


@pytest.fixture
async def desk(valkey: str, tmp_path: Path) -> AsyncIterator[Desk]:
    given = {"state_folder": str(tmp_path), "store.namespace": f"jobs{tmp_path.name}", **QUICK}
    async with build(load(None, {}, given), valkey) as house:
        for name, role in PEOPLE.items():
            await house.access.accounts.create(name, PASSWORD, role)
        app, frame, lane = application(house, "u-u-i-d")
        runner = RedfishRunner(app, frame.error_response, lane=lane, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            yield Desk(house, session, f"http://127.0.0.1:{runner.addresses[0][1]}")
        await runner.cleanup()
