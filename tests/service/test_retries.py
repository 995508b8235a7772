"""``Idempotency-Key``: every POST that starts something, through whichever face, starts it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from odimra.config import load
from odimra.faces import application
from odimra.house import House, build
from odimra.redfish.server import RedfishRunner
from tests.jobs.yard import context
from tests.redfish.conftest import basic

PASSWORD = "correct horse battery"
#: What passwords are hashed with: they are not what is tested here.
QUICK = {"access.argon2.time_cost": 1, "access.argon2.memory_kib": 64}
SEARCH = {"@element": "search", "type": "UserType", "searchFilter": {"all": {}}}
SCRIPT = {"executeScript": {"pipeline": [SEARCH]}}
HOUR = 3600


@dataclass(frozen=True)
class Starter:
    """A request that starts something, and one that differs from it."""

    path: str
    body: Mapping[str, Any]
    other: Mapping[str, Any]
    #: What makes it one that is refused, by name of a property; nothing where nothing can be wrong.
    wrong: Mapping[str, Any] = field(default_factory=dict)
    status: int = 202


STARTERS = {
    "reset of a system": Starter(
        "/redfish/v1/Systems/node-1/Actions/ComputerSystem.Reset",
        {"ResetType": "ForceRestart"},
        {"ResetType": "GracefulRestart"},
        {"ResetType": "Never"},
    ),
    "reset of a manager": Starter(
        "/redfish/v1/Managers/node-1/Actions/Manager.Reset",
        {"ResetType": "GracefulRestart"},
        {"ResetType": "ForceRestart"},
        {"ResetType": "Never"},
    ),
    "update": Starter(
        "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate",
        {"ImageURI": "http://images.example/bmc-2.0.bin"},
        {"ImageURI": "http://images.example/bmc-2.1.bin"},
        {"ImageURI": 5},
    ),
    "scan": Starter("/openidm/taskscanner?_action=execute&name=due", {}, {"a": 1}, status=200),
    "scan by its schedule": Starter(
        "/openidm/scheduler/job/due?_action=trigger", {}, {"a": 1}, status=200
    ),
    "bulk script": Starter(
        "/midpoint/ws/rest/rpc/executeScript?asynchronous=true",
        SCRIPT,
        {"executeScript": {"pipeline": [SEARCH, SEARCH]}},
        {"executeScript": {"pipeline": [{"@element": "nothing"}]}},
        201,
    ),
    "reprocess": Starter(
        "/v2/task/reprocesses",
        {
            "scope_ids": "p1", "reason": "r", "start_reprocess_time": "1970-01-01T01:00:00",
            "end_reprocess_time": "1970-01-01T02:00:00",
        },
        {
            "scope_ids": "p1", "reason": "r", "start_reprocess_time": "1970-01-01T01:00:00",
            "end_reprocess_time": "1970-01-01T03:00:00",
        },
        {"scope_ids": "p1"},
    ),
}  # fmt: skip


#: Those of which one after the other may be started, and those with which something can be wrong.
REPEATED = [name for name in STARTERS if name != "reprocess"]
REFUSED = [name for name in STARTERS if STARTERS[name].wrong]


def _login(who: str) -> dict[str, str]:
    return {"Authorization": basic(who, PASSWORD)}


class Desk:
    def __init__(self, house: House, session: ClientSession, base: str) -> None:
        self.house = house
        self.session = session
        self.base = base

    async def post(
        self, path: str, body: Any, key: str | None = None, who: str = "admin"
    ) -> tuple[int, bytes, Mapping[str, str]]:
        given = {} if key is None else {"Idempotency-Key": key}
        async with self.session.post(
            URL(self.base + path, encoded=True),
            json=body,
            headers={"Accept": "application/json", **_login(who), **given},
        ) as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    async def started(self) -> int:
        """Return how many tasks there are, and how often schedules were asked to fire."""
        tasks = self.house.tasks
        job = await self.house.scheduled.read("due")
        assert job is not None
        return await tasks.count(tasks.index(owner=None)) + job.manual


@pytest.fixture
async def desk(valkey: str, tmp_path: Path) -> AsyncIterator[Desk]:
    given = {"state_folder": str(tmp_path), "store.namespace": f"retries{tmp_path.name}", **QUICK}
    async with build(load(None, {}, given), valkey) as house:
        for name in ("admin", "deputy"):
            await house.access.accounts.create(name, PASSWORD, "Administrator")
        app, frame, lane = application(house, "u-u-i-d")
        runner = RedfishRunner(app, frame.error_response, lane=lane, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            desk = Desk(house, session, f"http://127.0.0.1:{runner.addresses[0][1]}")
            scan = {
                "type": "simple", "enabled": False, "invokeService": "taskscanner",
                "invokeContext": context("true"),
            }  # fmt: skip
            put = f"{desk.base}/openidm/scheduler/job/due"
            async with session.put(put, json=scan, headers=_login("admin")) as made:
                assert made.status == 201
            scope = {"scope_id": "p1", "last_processed_timestamp": "1970-01-01T09:00:00"}
            assert (await desk.post("/v2/scope", scope))[0] == 200
            yield desk
        await runner.cleanup()


@pytest.fixture(params=STARTERS)
def starter(request: pytest.FixtureRequest) -> Starter:
    return STARTERS[request.param]


@pytest.mark.parametrize("starter", REPEATED, indirect=True)
async def test_without_a_key_each_is_a_new_one(desk: Desk, starter: Starter) -> None:
    for expected in (1, 2):
        status, _, headers = await desk.post(starter.path, starter.body)
        assert (status, await desk.started()) == (starter.status, expected)
        assert "Idempotent-Replayed" not in headers


async def test_a_retry_is_answered_as_before(desk: Desk, starter: Starter) -> None:
    status, body, headers = await desk.post(starter.path, starter.body, "k1")
    assert status == starter.status, body
    assert "Idempotent-Replayed" not in headers
    for _ in range(2):
        again, same, replayed = await desk.post(starter.path, starter.body, "k1")
        assert (again, same) == (status, body)
        assert replayed["Idempotent-Replayed"] == "true"
        for name in ("Location", "Content-Type", "Retry-After", "OData-Version"):
            assert replayed.get(name) == headers.get(name)
    assert await desk.started() == 1


async def test_an_answer_that_was_never_given_is_made_again(desk: Desk, starter: Starter) -> None:
    """The process dies between the step that starts it and the answer."""
    status, _, headers = await desk.post(starter.path, starter.body, "k1")
    store = desk.house.store
    (key,) = await store.call("ZRANGE", store.keys.of("asked"), 0, -1)
    assert await store.call("HDEL", store.keys.of("asked", key.decode()), "answer") == 1
    again, _, replayed = await desk.post(starter.path, starter.body, "k1")
    assert (again, replayed.get("Location")) == (status, headers.get("Location"))
    assert replayed["Idempotent-Replayed"] == "true"
    assert await desk.started() == 1


async def test_of_many_at_once_one_starts_it(desk: Desk, starter: Starter) -> None:
    answers = await asyncio.gather(
        *(desk.post(starter.path, starter.body, "k1") for _ in range(10))
    )
    assert {status for status, _, _ in answers} == {starter.status}
    assert len({headers.get("Location") for _, _, headers in answers}) == 1
    marks = [headers.get("Idempotent-Replayed", "") for _, _, headers in answers]
    assert sorted(marks) == ["", *["true"] * 9]
    assert await desk.started() == 1


async def test_a_key_is_of_one_request(desk: Desk, starter: Starter) -> None:
    assert (await desk.post(starter.path, starter.body, "k1"))[0] == starter.status
    for path, body in (
        (starter.path, starter.other),
        (starter.path + ("&" if "?" in starter.path else "?") + "x=1", starter.body),
    ):
        status, said, _ = await desk.post(path, body, "k1")
        assert (status, b"Idempotency-Key" in said) == (422, True), said
    assert await desk.started() == 1


async def test_a_key_is_of_one_account(desk: Desk, starter: Starter) -> None:
    await desk.post(starter.path, starter.body, "k1")
    status, _, headers = await desk.post(starter.path, starter.body, "k1", "deputy")
    assert status != 422 and "Idempotent-Replayed" not in headers


async def test_who_is_not_known_uses_nobody_s_key(desk: Desk, starter: Starter) -> None:
    await desk.post(starter.path, starter.body, "k1")
    assert (await desk.post(starter.path, starter.body, "k1", "nobody"))[0] == 401


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\x80"])
async def test_a_key_is_a_text(desk: Desk, starter: Starter, key: str) -> None:
    status, said, _ = await desk.post(starter.path, starter.body, key)
    assert (status, b"Idempotency-Key" in said) == (400, True), said
    assert await desk.started() == 0


@pytest.mark.parametrize("starter", REFUSED, indirect=True)
async def test_a_request_that_is_refused_does_not_use_its_key_up(
    desk: Desk, starter: Starter
) -> None:
    assert (await desk.post(starter.path, starter.wrong, "k1"))[0] == 400
    status, _, headers = await desk.post(starter.path, starter.body, "k1")
    assert status == starter.status and "Idempotent-Replayed" not in headers


async def test_a_request_that_starts_nothing_does_not_use_its_key_up(desk: Desk) -> None:
    accounts = "/redfish/v1/AccountService/Accounts"
    for name in ("ann", "bea"):
        new = {"UserName": name, "Password": PASSWORD, "RoleId": "ReadOnly"}
        assert (await desk.post(accounts, new, "k1"))[0] == 201
    assert await desk.house.store.call("ZCARD", desk.house.store.keys.of("asked")) == 0


async def test_the_next_request_of_a_connection_is_another(desk: Desk) -> None:
    reset = STARTERS["reset of a system"]
    await desk.post(reset.path, reset.body, "k1")
    path = reset.path.replace("node-1", "node-2")
    _, _, headers = await desk.post(path, reset.body)
    assert "Idempotent-Replayed" not in headers and await desk.started() == 2
