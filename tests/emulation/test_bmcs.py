"""Emulated BMCs: what each answers, how its operations go, and what may be wrong with it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from odimra.aggregation.bmc import (
    Bmc,
    BmcOptions,
    CertificateRefused,
    Credentials,
    Operation,
    Refused,
    Unreachable,
    Wire,
    WireOptions,
    cancel,
    follow,
)
from odimra.aggregation.bmc.following import FollowOptions
from odimra.clock import SystemClock
from odimra.emulation.bmcs.bmc import Account, Ask, EmulatedBmc, Reply
from odimra.emulation.bmcs.faults import FAULTS, KINDS, assigned
from odimra.emulation.bmcs.fleet import FleetOptions, stations
from odimra.emulation.bmcs.serving import Stations, addresses
from odimra.emulation.bmcs.tree import generated, mockup
from odimra.emulation.files import BadEmulationFile
from odimra.emulation.scenarios import loads

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
BASIC = {"Authorization": "Basic cm9vdDpwdw=="}
SCENARIOS = """
scenarios:
  fine: {duration: 10, steps: [{percent: 50}], cancel_after: 1}
  broken:
    duration: 10
    end: Exception
    messages: [{id: Base.1.0.Bad, text: "No power on $target.", severity: Critical}]
rules:
  - {parameters: {ResetType: ForceOff}, play: broken}
  - {parameters: {ResetType: PowerCycle}, refuse: {status: 503, retry_after: 7}}
  - {play: fine}
"""


class Desk:
    """One BMC, asked without a socket at a time that the test says."""

    def __init__(self, **more: Any) -> None:
        self.bmc = EmulatedBmc(
            7, lambda: generated(7, 1), Account("root", "pw"), loads(SCENARIOS), **more
        )
        self.now = 1000.0

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Reply:
        given = BASIC if headers is None else headers
        return self.bmc.answer(Ask(method, path, given, body), self.now)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_the_root_is_open(desk: Desk) -> None:
    assert desk.ask("GET", "/redfish/v1/", headers={}).status == 200
    for path in (SYSTEM, SESSIONS, "/redfish/v1/TaskService"):
        assert desk.ask("GET", path, headers={}).status == 401
    wrong = {"Authorization": "Basic cm9vdDp3cm9uZw=="}
    assert desk.ask("GET", SYSTEM, headers=wrong).status == 401
    assert desk.ask("GET", SYSTEM, headers={"Authorization": "Basic *"}).status == 401


def test_a_session_from_its_beginning_to_its_end(desk: Desk) -> None:
    login = {"UserName": "root", "Password": "pw"}
    assert desk.ask("POST", SESSIONS, {**login, "Password": "no"}, {}).status == 401
    made = desk.ask("POST", SESSIONS, login, {})
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert made.status == 201 and desk.ask("GET", SYSTEM, headers=token).status == 200
    listed = desk.ask("GET", SESSIONS, headers=token).body
    assert listed is not None and listed["Members"] == [{"@odata.id": made.headers["Location"]}]
    assert desk.ask("DELETE", made.headers["Location"], headers=token).status == 204
    assert desk.ask("GET", SYSTEM, headers=token).status == 401


def test_links_lead_somewhere(desk: Desk) -> None:
    seen: set[str] = set()

    def visit(path: str) -> None:
        if path in seen:
            return
        seen.add(path)
        reply = desk.ask("GET", path)
        assert reply.status == 200 and reply.body is not None, path
        assert reply.body["@odata.id"] == path

        def look(value: Any) -> None:
            if isinstance(value, dict):
                for name, one in value.items():
                    if name == "@odata.id":
                        visit(one)
                    else:
                        look(one)
            elif isinstance(value, list):
                for one in value:
                    look(one)

        look(reply.body)

    visit("/redfish/v1")
    assert {SYSTEM, SESSIONS, SUBSCRIPTIONS, "/redfish/v1/TaskService/Tasks"} <= seen


def test_a_patch_changes_what_is_there_and_nothing_else(desk: Desk) -> None:
    before = desk.ask("GET", SYSTEM)
    changed = desk.ask(
        "PATCH", SYSTEM, {"AssetTag": "x", "Boot": {"BootSourceOverrideTarget": "Pxe"}}
    )
    assert changed.status == 200 and changed.body is not None
    assert (
        changed.body["AssetTag"] == "x" and changed.body["Boot"]["BootSourceOverrideMode"] == "UEFI"
    )
    assert changed.headers["ETag"] != before.headers["ETag"]
    for body in ({"Id": "2"}, {"Color": "red"}, {}, [], None):
        assert desk.ask("PATCH", SYSTEM, body).status == 400
    assert desk.ask("PATCH", "/redfish/v1/Systems/2", {"AssetTag": "x"}).status == 404


def test_a_reset_takes_its_time(desk: Desk) -> None:
    started = desk.ask("POST", RESET, {"ResetType": "GracefulShutdown"})
    assert started.status == 202 and started.body is not None
    monitor, task = started.headers["Location"], started.body["@odata.id"]
    for after, state, percent in ((1, "Running", 0), (6, "Running", 50)):
        desk.now = 1000.0 + after
        shown = desk.ask("GET", monitor)
        assert shown.status == 202 and shown.body is not None
        assert (shown.body["TaskState"], shown.body["PercentComplete"]) == (state, percent)
        system = desk.ask("GET", SYSTEM).body
        assert system is not None and system["PowerState"] == "On"
    desk.now = 1011.0
    system = desk.ask("GET", SYSTEM).body
    assert system is not None and system["PowerState"] == "Off"
    assert desk.ask("GET", monitor).status == 204
    ended = desk.ask("GET", task).body
    assert ended is not None
    assert (ended["TaskState"], ended["PercentComplete"], ended["TaskStatus"]) == (
        "Completed", 100, "OK",
    )  # fmt: skip


def test_a_reset_that_fails_says_why(desk: Desk) -> None:
    monitor = desk.ask("POST", RESET, {"ResetType": "ForceOff"}).headers["Location"]
    desk.now += 11
    failed = desk.ask("GET", monitor)
    assert failed.status == 500 and failed.body is not None
    assert failed.body["error"]["message"] == f"No power on {SYSTEM}."


def test_what_is_refused(desk: Desk) -> None:
    busy = desk.ask("POST", RESET, {"ResetType": "PowerCycle"})
    assert (busy.status, busy.headers["Retry-After"]) == (503, "7")
    assert desk.ask("POST", RESET, {"ResetType": "Never"}).status == 400
    assert desk.ask("POST", f"{SYSTEM}/Actions/Chassis.Reset", {}).status == 404
    assert desk.ask("POST", "/redfish/v1/Systems/2/Actions/ComputerSystem.Reset", {}).status == 404
    assert desk.ask("PUT", SYSTEM, {}).status == 405
    assert desk.ask("GET", "/redfish/v1/Nothing").status == 404


def test_a_task_is_cancelled(desk: Desk) -> None:
    started = desk.ask("POST", RESET, {"ResetType": "On"})
    monitor = started.headers["Location"]
    desk.now += 2
    assert desk.ask("DELETE", monitor).status == 202
    shown = desk.ask("GET", monitor).body
    assert shown is not None and shown["TaskState"] == "Cancelling"
    desk.now += 2
    assert desk.ask("GET", monitor).status == 404
    assert started.body is not None
    ended = desk.ask("GET", started.body["@odata.id"]).body
    assert ended is not None and ended["TaskState"] == "Cancelled"


def test_one_that_forgets_knows_no_task(desk: Desk) -> None:
    forgetful = Desk(forgets=True)
    monitor = forgetful.ask("POST", RESET, {"ResetType": "On"}).headers["Location"]
    assert forgetful.ask("GET", monitor).status == 404


def test_each_is_another_one() -> None:
    trees = [generated(number, 1) for number in range(50)]
    for path, name in ((SYSTEM, "UUID"), (SYSTEM, "SerialNumber"), ("/redfish/v1", "UUID")):
        assert len({one[path][name] for one in trees}) == 50
    assert generated(3, 1) == generated(3, 1) != generated(3, 2)


# Fleets


def test_addresses_are_loopback_ones() -> None:
    found = addresses("127.1.0.250", 10)
    assert found[:6] == [
        "127.1.0.250", "127.1.0.251", "127.1.0.252", "127.1.0.253", "127.1.0.254", "127.1.1.1",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="more than 127"):
        addresses("127.255.255.250", 10)


def test_so_many_are_faulty_and_always_the_same() -> None:
    faults = assigned(1000, 0.05, 1)
    found = [one.kind for one in faults if one is not None]
    assert len(found) == 50 and set(found) == set(KINDS)
    assert faults == assigned(1000, 0.05, 1) != assigned(1000, 0.05, 2)
    assert not any(assigned(10, 0, 1)) and all(assigned(10, 1, 1, ["slow"]))


def test_a_mockup_is_what_they_show(tmp_path: Path) -> None:
    root = tmp_path / "redfish" / "v1"
    for path, body in (
        ("", {"@odata.id": "/redfish/v1", "Systems": {"@odata.id": "/redfish/v1/Systems"}}),
        ("Systems", {"@odata.id": "/redfish/v1/Systems", "Members": []}),
        ("Systems/abc", {
            "@odata.id": "/redfish/v1/Systems/abc", "PowerState": "On", "AssetTag": "",
            "Actions": {"#ComputerSystem.Reset": {"target": "x"}},
        }),
    ):  # fmt: skip
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path / "index.json").write_text(json.dumps(body), "utf-8")
    for folder in (tmp_path, root):
        tree = mockup(folder)
        assert set(tree) == {"/redfish/v1", "/redfish/v1/Systems", "/redfish/v1/Systems/abc"}
    one, other = (
        EmulatedBmc(number, lambda: tree, Account("root", "pw"), loads(SCENARIOS))
        for number in (1, 2)
    )
    path = "/redfish/v1/Systems/abc"
    ask = Ask("PATCH", path, BASIC, {"AssetTag": "x"})
    assert one.answer(ask, 0).body["AssetTag"] == "x"  # type: ignore[index]
    assert other.answer(Ask("GET", path, BASIC), 0).body["AssetTag"] == ""  # type: ignore[index]
    reset = Ask("POST", f"{path}/Actions/ComputerSystem.Reset", BASIC, {"ResetType": "On"})
    assert one.answer(reset, 0).status == 202
    with pytest.raises(BadEmulationFile, match="service root"):
        mockup(tmp_path / "redfish")


# On the network

Up = Callable[..., AbstractAsyncContextManager[Stations]]


@pytest.fixture
def up(unused_tcp_port: int) -> Up:
    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[Stations]:
        given = {"count": 3, "port": unused_tcp_port, "password": "pw", "factor": 20.0, **options}
        fleet = stations(FleetOptions(**given), loads(SCENARIOS), SystemClock())
        async with Stations(fleet, SystemClock()) as running:
            yield running

    return start


@asynccontextmanager
async def client(running: Stations, at: int = 0, **more: Any) -> AsyncIterator[Bmc]:
    async with Wire(WireOptions(timeout=5)) as wire:
        one = running.stations[at]
        account = Credentials(one.bmc.account.user, one.bmc.account.password)
        options = BmcOptions(backoff=0.05, failures=1000)
        yield Bmc(wire, one.url, account, SystemClock(), options=options, **more)


FAST = FollowOptions(every=0.05, least=0.05, most=0.2, lost=10, longest=30)


async def reset(bmc: Bmc, kind: str = "On") -> Any:
    async def ignore(percent: int) -> None:
        return

    answer = await bmc.request("POST", RESET, {"ResetType": kind})
    return await follow(bmc, Operation.of(answer), SystemClock(), ignore, FAST)


async def test_each_listens_for_itself(up: Up) -> None:
    async with up() as running:
        for at in range(3):
            async with client(running, at) as bmc:
                assert (await bmc.get(SYSTEM)).body["HostName"] == f"host-{at + 1}"  # type: ignore[index]
        assert len({one.place.address for one in running.stations}) == 3
        async with client(running) as bmc:
            assert (await reset(bmc)).state == "Completed"
            assert (await reset(bmc, "ForceOff")).state == "Exception"


async def test_a_cancelled_operation_ends(up: Up) -> None:
    async with up(factor=1.0) as running, client(running) as bmc:
        answer = await bmc.request("POST", RESET, {"ResetType": "On"})
        assert await cancel(bmc, Operation.of(answer))


async def test_tls_and_somebody_else_s_certificate(up: Up, tmp_path: Path) -> None:
    kinds = {"share": 0.34, "kinds": ["certificate"], "folder": tmp_path}
    async with up(**kinds) as running:
        trust = ssl.create_default_context(cafile=str(tmp_path / "bmcs.pem"))
        for at, one in enumerate(running.stations):
            assert one.url.startswith("https://127.")
            async with client(running, at, tls=trust) as bmc:
                if one.fault is None:
                    assert (await bmc.get(SYSTEM)).good
                else:
                    with pytest.raises(CertificateRefused):
                        await bmc.get(SYSTEM)


@pytest.mark.parametrize("kind", ["busy", "drops", "slow"])
async def test_trouble_that_patience_overcomes(up: Up, kind: str) -> None:
    async with up(count=1, share=1.0, kinds=[kind]) as running, client(running) as bmc:
        seen = 0
        for _ in range(20):
            try:
                assert (await bmc.get(SYSTEM)).good
                seen += 1
            except (Refused, Unreachable):
                pass
        assert seen > 10
        assert FAULTS[kind].kind == kind


async def test_one_that_reboots_in_the_middle_comes_back_and_has_done_it(up: Up) -> None:
    async with up(count=1, share=1.0, kinds=["reboots"], factor=60.0) as running:
        async with client(running) as bmc:
            ended = await reset(bmc, "GracefulShutdown")
            assert ended.state == "Completed", ended
            system = (await bmc.get(SYSTEM)).body
            assert system is not None and system["PowerState"] == "Off"


async def test_one_that_forgets_leaves_the_end_unknown(up: Up) -> None:
    async with up(count=1, share=1.0, kinds=["forgets"]) as running, client(running) as bmc:
        assert (await reset(bmc)).state == "Unknown"


async def test_who_subscribes_hears(up: Up, aiohttp_server: Callable[..., Any]) -> None:
    heard: list[dict[str, Any]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(await request.json())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", listen)
    destination = str((await aiohttp_server(app)).make_url("/"))
    async with up(count=1) as running, client(running) as bmc:
        body = {"Destination": destination, "Context": "me", "Protocol": "Redfish"}
        made = await bmc.request("POST", SUBSCRIPTIONS, body)
        await bmc.request("PATCH", SYSTEM, {"AssetTag": "x"})
        await bmc.request("POST", RESET, {"ResetType": "GracefulShutdown"})
        async with asyncio.timeout(30):
            while len(heard) < 3:
                await asyncio.sleep(0.02)
        records = [one["Events"][0] for one in heard]
        assert {one["Context"] for one in heard} == {"me"}
        assert [one["MessageId"].rpartition(".")[2] for one in records] == [
            "ResourceChanged", "ResourceChanged", "TaskCompletedOK",
        ]  # fmt: skip
        assert records[0]["OriginOfCondition"] == {"@odata.id": SYSTEM}
        await bmc.request("DELETE", made.headers["Location"])
        await bmc.request("PATCH", SYSTEM, {"AssetTag": "y"})
        await asyncio.sleep(0.5)
        assert len(heard) == 3
