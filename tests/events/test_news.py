"""Resources of the whole service change over HTTP: what is told of it, where from, and to whom."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from odimra import config
from odimra.aggregation.listening import KINDS
from odimra.faces import application, feed, push, redfish_resources
from odimra.house import House, build
from odimra.redfish.event_json import ORIGINS, RESOURCE_TYPES, EventRepresentation
from odimra.redfish.messages import Messages
from tests.events.conftest import Sink
from tests.redfish.conftest import basic
from tests.support.news import News

ROOT = "/redfish/v1"
ACCOUNTS = f"{ROOT}/AccountService/Accounts"
ROLES = f"{ROOT}/AccountService/Roles"
SESSIONS = f"{ROOT}/SessionService/Sessions"
SUBSCRIPTIONS = f"{ROOT}/EventService/Subscriptions"
SETTINGS = {
    "emulation.time_factor": 0,
    "engine.poll_milliseconds": 10,
    "access.argon2.memory_kib": 64,
    "access.argon2.time_cost": 1,
    "events.progress_interval_seconds": 0,
}
#: Accounts and their roles; the name is in the password.
PEOPLE = {"root": "Administrator", "op": "Operator", "reader": "ReadOnly"}


def password(name: str) -> str:
    return f"hush hush {name[::-1]}"


@dataclass
class Desk:
    """The whole service behind one socket, with its stream."""

    house: House
    client: TestClient[Any, Any]
    news: News
    shown: EventRepresentation

    async def ask(
        self, method: str, uri: str, body: object = None, *, who: str = "root", **headers: str
    ) -> tuple[int, dict[str, Any], Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["Authorization"] = basic(who, password(who))
        async with self.client.request(method, uri, json=body, headers=given) as answer:
            return answer.status, await answer.json() if await answer.read() else {}, answer.headers

    async def done(self, method: str, uri: str, body: object = None, **more: Any) -> Any:
        status, shown, headers = await self.ask(method, uri, body, **more)
        assert status in (200, 201, 202, 204), (uri, shown)
        return headers if method == "POST" else shown

    async def told(self) -> list[tuple[str, str]]:
        """Return what was told since the last time: what happened, and to which URI.

        Each record is judged on the way: what it points to is there, unless it was removed.
        """
        found = []
        for event in await self.news.resources():
            rendered = self.shown.event(event)
            record, uri = rendered.record, rendered.origin
            what = record["MessageId"].rpartition(".")[2].removeprefix("Resource")
            assert record["MessageId"] == f"ResourceEvent.1.4.Resource{what}"
            assert record["MessageArgs"] == [] and record["MessageSeverity"] == "OK"
            assert record["OriginOfCondition"] == {"@odata.id": uri}
            assert record.get("OriginOfConditionUnavailable", False) == (what == "Removed")
            assert rendered.owner == event.owner
            status, body, _ = await self.ask("GET", uri)
            if what == "Removed":
                assert status == 404, uri
            else:
                assert status == 200, (uri, body)
                assert body["@odata.type"].startswith(f"#{rendered.resource_type}.")
                assert body["@odata.id"] == uri
            assert rendered.resource_type in RESOURCE_TYPES
            found.append((what, uri))
        return found

    async def login(self, name: str) -> str:
        """Open a session and return its URI."""
        body = {"UserName": name, "Password": password(name)}
        async with self.client.post(SESSIONS, json=body) as answer:
            assert answer.status == 201
            return str(answer.headers["Location"])

    async def ended(self, monitor: str) -> None:
        """Return when a task has ended."""
        async with asyncio.timeout(30):
            while (await self.ask("GET", monitor))[0] == 202:
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(
    valkey: str, tmp_path: Path, aiohttp_client: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> AsyncIterator[Desk]:
    name = f"t{uuid.uuid4().hex[:12]}"
    given = {"store.namespace": name, "state_folder": str(tmp_path), **SETTINGS}
    async with build(config.load(None, {}, given), valkey) as house:
        for person, role in PEOPLE.items():
            await house.access.accounts.create(person, password(person), role)
        client = await aiohttp_client(application(house, "u-u-i-d")[0])
        made = Desk(house, client, News(house.store), EventRepresentation(Messages.load()))
        await made.news.events()
        yield made


@contextlib.asynccontextmanager
async def running(work: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    """Let a worker work inside the block."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(work(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_an_account_from_its_creation_to_its_end(desk: Desk) -> None:
    uri = f"{ACCOUNTS}/ann"
    new = {"UserName": "ann", "Password": password("ann"), "RoleId": "Operator"}
    made = await desk.done("POST", ACCOUNTS, new)
    assert await desk.told() == [("Created", uri)]
    await desk.done("PATCH", uri, {"RoleId": "ReadOnly"}, If_Match=made["ETag"])
    assert await desk.told() == [("Changed", uri)]
    session = await desk.login("ann")
    assert await desk.told() == [("Created", session)]
    await desk.done("DELETE", uri)
    assert sorted(await desk.told()) == [("Removed", uri), ("Removed", session)]


async def test_a_role_from_its_creation_to_its_end(desk: Desk) -> None:
    uri = f"{ROLES}/Auditor"
    await desk.done("POST", ROLES, {"RoleId": "Auditor", "AssignedPrivileges": ["Login"]})
    assert await desk.told() == [("Created", uri)]
    await desk.done("PATCH", uri, {"AssignedPrivileges": ["Login", "ConfigureSelf"]})
    assert await desk.told() == [("Changed", uri)]
    await desk.done("DELETE", uri)
    assert await desk.told() == [("Removed", uri)]


async def test_a_session_from_login_to_logout(desk: Desk) -> None:
    session = await desk.login("op")
    assert await desk.told() == [("Created", session)]
    await desk.done("DELETE", session, who="op")
    assert await desk.told() == [("Removed", session)]


async def test_a_subscription_from_its_creation_to_its_end(desk: Desk) -> None:
    new = {"Destination": "https://192.0.2.1/events", "Protocol": "Redfish"}
    uri = (await desk.done("POST", SUBSCRIPTIONS, new))["Location"]
    assert await desk.told() == [("Created", uri)]
    await desk.done("PATCH", uri, {"Context": "mine"})
    assert await desk.told() == [("Changed", uri)]
    await desk.done("PATCH", uri, {"Context": "mine"})
    assert await desk.told() == []
    await desk.done("DELETE", uri)
    assert await desk.told() == [("Removed", uri)]


#: What can be changed, to what, and what is refused.
CHANGES = {
    f"{ACCOUNTS}/op": ({"PasswordChangeRequired": True}, {"Enabled": "maybe"}),
    f"{ROOT}/TaskService": ({"TaskAutoDeleteTimeoutMinutes": 7}, {"ServiceEnabled": 3}),
    f"{ROOT}/EventService": ({"DeliveryRetryAttempts": 7}, {"DeliveryRetryAttempts": -7}),
    f"{ROOT}/AccountService": ({"MinPasswordLength": 9}, {"MinPasswordLength": "long"}),
    f"{ROOT}/SessionService": ({"SessionTimeout": 700}, {"SessionTimeout": 0}),
    f"{ROOT}/Systems/node-1": ({"AssetTag": "a"}, {"Boot": {"BootSourceOverrideEnabled": "No"}}),
    f"{ROOT}/Systems/node-2": (
        {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}},
        {"PowerState": "Off"},
    ),
    f"{ROOT}/Chassis/node-1": ({"LocationIndicatorActive": True}, {"AssetTag": 5}),
    f"{ROOT}/Managers/node-1": ({"LocationIndicatorActive": True}, {"Id": "x"}),
    f"{ROOT}/Managers/node-1/NetworkProtocol": (
        {"NTP": {"NTPServers": ["192.0.2.7"]}},
        {"NTP": {"NTPServers": "192.0.2.7"}},
    ),
}


@pytest.mark.parametrize("uri", CHANGES)
async def test_a_patch_is_told_once_and_nothing_else_is(desk: Desk, uri: str) -> None:
    change, wrong = CHANGES[uri]
    _, _, headers = await desk.ask("GET", uri)
    first = headers["ETag"]
    assert (await desk.ask("PATCH", uri, change, If_Match='"1234567"'))[0] == 412
    assert (await desk.ask("PATCH", uri, wrong))[0] == 400
    assert (await desk.ask("PATCH", uri, change, who="reader"))[0] == 403
    assert await desk.told() == []
    changed = await desk.done("PATCH", uri, change, If_Match=first)
    assert await desk.told() == [("Changed", uri)]
    assert changed["@odata.etag"] != first
    # What is so already is no change, whoever asks for it again.
    again = await desk.done("PATCH", uri, change)
    assert again == changed | {name: again[name] for name in again if name == "DateTime"}
    assert (await desk.ask("PATCH", uri, change, If_Match=first))[0] == 412
    assert await desk.told() == []


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        (f"{ROOT}/Systems/node-1", {"AssetTag": "", "LocationIndicatorActive": False}),
        (f"{ROOT}/Systems/node-1", {"Boot": {"BootSourceOverrideEnabled": "Disabled"}}),
        (f"{ROOT}/Chassis/node-1", {"AssetTag": None}),
        (f"{ROOT}/Managers/node-1/NetworkProtocol", {"NTP": {"NTPServers": []}}),
        (f"{ROOT}/TaskService", {"ServiceEnabled": True}),
    ],
)
async def test_a_first_patch_to_what_is_so_by_default_changes_nothing(
    desk: Desk, uri: str, body: object
) -> None:
    before = await desk.done("GET", uri)
    after = await desk.done("PATCH", uri, body)
    assert after["@odata.etag"] == before["@odata.etag"]
    assert await desk.told() == []


async def test_what_is_refused_is_not_told(desk: Desk) -> None:
    for method, uri, body, status in (
        (
            "POST",
            ACCOUNTS,
            {"UserName": "op", "Password": password("x"), "RoleId": "Operator"},
            400,
        ),
        ("POST", ACCOUNTS, {"UserName": "ann", "Password": "x", "RoleId": "Operator"}, 400),
        ("POST", ROLES, {"RoleId": "Operator"}, 400),
        ("POST", SESSIONS, {"UserName": "op", "Password": "wrong one"}, 401),
        ("PATCH", f"{ROLES}/Operator", {"AssignedPrivileges": []}, 400),
        ("PATCH", f"{ROOT}/AccountService", {"MaxPasswordLength": 8, "MinPasswordLength": 9}, 400),
        ("DELETE", f"{ROLES}/Operator", None, 403),
        ("DELETE", f"{ACCOUNTS}/root", None, 403),
        ("DELETE", f"{ACCOUNTS}/nobody", None, 404),
    ):
        got, shown, _ = await desk.ask(method, uri, body)
        assert got == status, (method, uri, shown)
    assert await desk.told() == []


async def test_a_reset_tells_of_the_machine_with_the_end_of_its_task(desk: Desk) -> None:
    system, chassis = f"{ROOT}/Systems/node-1", f"{ROOT}/Chassis/node-1"
    reset = f"{system}/Actions/ComputerSystem.Reset"
    async with running(desk.house.engine.work):
        for reset_type, changed in (
            ("ForceOff", [("Changed", system), ("Changed", chassis)]),
            ("On", [("Changed", system), ("Changed", chassis)]),
            ("GracefulRestart", [("Changed", system)]),  # its LastResetTime; the power stays on
            ("Nmi", []),
        ):
            watch = News(desk.house.store, desk.news.last)
            task = await desk.done("POST", reset, {"ResetType": reset_type})
            await desk.ended(task["Location"])
            assert await desk.told() == changed, reset_type
            said = [(one.message, one.id.partition("-")[0]) for one in await watch.events()]
            end = [at for message, at in said if message == "TaskCompletedOK"]
            # One step of the server has one time.
            told = [at for message, at in said if message == "ResourceChanged"]
            assert told == end * len(changed)


async def test_a_reset_that_never_takes_effect_tells_nothing_of_the_machine(desk: Desk) -> None:
    reset = f"{ROOT}/Systems/node-1/Actions/ComputerSystem.Reset"
    task = await desk.done("POST", reset, {"ResetType": "ForceOff"})
    await desk.done("DELETE", task["Location"])
    assert await desk.told() == []


async def test_a_boot_override_that_is_in_force_is_no_change_after_a_boot_either(
    desk: Desk,
) -> None:
    system = f"{ROOT}/Systems/node-1"

    async def override(enabled: str, target: str) -> list[tuple[str, str]]:
        boot = {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target}
        shown = await desk.done("PATCH", system, {"Boot": boot})
        assert shown["Boot"].items() >= boot.items()
        return await desk.told()

    async with running(desk.house.engine.work):
        for enabled, then in (
            ("Continuous", ("Continuous", "Pxe")),
            ("Once", ("Disabled", "None")),
        ):
            assert await override(enabled, "Pxe") == [("Changed", system)]
            reset = f"{system}/Actions/ComputerSystem.Reset"
            task = await desk.done("POST", reset, {"ResetType": "GracefulRestart"})
            await desk.ended(task["Location"])
            assert await desk.told() == [("Changed", system)]
            assert await override(*then) == []


async def test_an_update_tells_of_the_inventory_and_of_where_its_version_is_shown(
    desk: Desk,
) -> None:
    inventory = f"{ROOT}/UpdateService/FirmwareInventory"
    update = f"{ROOT}/UpdateService/Actions/UpdateService.SimpleUpdate"
    targets = [f"{inventory}/node-1.BIOS", f"{inventory}/node-1.BMC"]
    body = {"ImageURI": "https://files.test/all-9.9.9.bin", "Targets": targets}
    async with running(desk.house.engine.work):
        await desk.ended((await desk.done("POST", update, body))["Location"])
        assert sorted(await desk.told()) == [
            ("Changed", f"{ROOT}/Managers/node-1"),
            ("Changed", f"{ROOT}/Systems/node-1"),
            *(("Changed", one) for one in targets),
        ]
        await desk.ended((await desk.done("POST", update, body))["Location"])
        assert await desk.told() == [], "it has that version already"


async def test_a_managers_reset_is_told(desk: Desk) -> None:
    manager = f"{ROOT}/Managers/node-1"
    async with running(desk.house.engine.work):
        task = await desk.done("POST", f"{manager}/Actions/Manager.Reset", {})
        await desk.ended(task["Location"])
    assert await desk.told() == [("Changed", manager)]


async def test_a_session_is_told_to_its_owner_and_to_those_who_administer_users(
    desk: Desk, make_sink: Callable[[], Awaitable[Sink]]
) -> None:
    sinks = {name: await make_sink() for name in ("root", "op")}
    for name, sink in sinks.items():
        new = {"Destination": sink.url, "Protocol": "Redfish", "Context": name}
        wanted = {"ResourceTypes": ["Session", "ManagerAccount", "Role"]}
        await desk.done("POST", SUBSCRIPTIONS, new | wanted, who=name)
    async with running(push(desk.house, "").run):
        mine, other = await desk.login("op"), await desk.login("reader")
        await desk.done("PATCH", f"{ACCOUNTS}/reader", {"Enabled": False})
        await desk.done("DELETE", mine, who="op")
        await desk.done("POST", ROLES, {"RoleId": "Last"})

        def heard(name: str) -> list[tuple[str, str]]:
            return [
                (
                    record["MessageId"].rpartition(".Resource")[2],
                    record["OriginOfCondition"]["@odata.id"],
                )
                for record in sinks[name].records
            ]

        last = ("Created", f"{ROLES}/Last")
        async with asyncio.timeout(30):
            while not all(last in heard(name) for name in sinks):
                await asyncio.sleep(0.01)
        assert heard("op") == [("Created", mine), ("Removed", mine), last]
        assert heard("root") == [
            ("Created", mine),
            ("Created", other),
            ("Removed", other),
            ("Changed", f"{ACCOUNTS}/reader"),
            ("Removed", mine),
            last,
        ]


async def test_every_type_is_where_the_service_serves_it(desk: Desk) -> None:
    messages = Messages.load()
    served = {
        re.sub(r"\{\w+\}", "*", resource.path): (resource.type or "").partition(".")[0]
        for resource in redfish_resources(
            desk.house, messages, "u-u-i-d", feed(desk.house, messages)
        )
        if resource.get is not None
    }
    assert {name: served.get(uri) for name, uri in ORIGINS.items()} == {
        name: name for name in ORIGINS
    }
    service = await desk.done("GET", f"{ROOT}/EventService")
    assert service["ResourceTypes"] == sorted({*ORIGINS, *KINDS, "Task"})


async def test_the_stream_holds_no_secret(desk: Desk) -> None:
    new = {"UserName": "ann", "Password": password("ann"), "RoleId": "Operator"}
    await desk.done("POST", ACCOUNTS, new)
    found, token = await desk.house.access.login("ann", password("ann"))
    await desk.done("PATCH", f"{ACCOUNTS}/ann", {"Password": password("bob")})
    account = await desk.house.access.accounts.get("ann")
    assert account is not None
    headers = [{"Authorization": "hush hush"}]
    subscription = {"Destination": "https://192.0.2.1/hush", "Protocol": "Redfish"}
    await desk.done("POST", SUBSCRIPTIONS, subscription | {"HttpHeaders": headers})
    store = desk.house.store
    raw = repr(await store.call("XRANGE", store.keys.events, "-", "+"))
    assert found.id in raw and "ann" in raw
    for secret in ("hush", token, found.digest, account.hash, "argon2"):
        assert secret not in raw
