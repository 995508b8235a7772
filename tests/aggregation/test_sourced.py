"""Systems, Chassis and Managers of BMCs among our own, read and written through the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from odimra.emulation.bmcs.serving import Station
from tests.aggregation.park import SCENARIOS, SOURCES, Park, fleet, parked

SYSTEMS = "/redfish/v1/Systems"


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    async with parked(valkey, tmp_path, aggregation__patience_seconds=1) as one:
        yield one


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with fleet(scenarios=SCENARIOS.replace("Nmi", "PowerCycle")) as (one,):
        yield one


def members(body: dict[str, Any]) -> list[str]:
    return [one["@odata.id"] for one in body["Members"]]


def ids_of(body: dict[str, Any]) -> list[str]:
    error = body["error"]
    return [one["MessageId"].rpartition(".")[2] for one in error["@Message.ExtendedInfo"]]


# Collections


async def test_systems_of_sources_stand_behind_our_own(park: Park) -> None:
    own = members(await park.read(SYSTEMS))
    assert own
    async with fleet(2) as (one, two):
        first, second = await park.add(one), await park.add(two)
        theirs = [f"{SYSTEMS}/{first}.1", f"{SYSTEMS}/{second}.1"]
        found = await park.read(SYSTEMS)
        assert members(found) == [*own, *theirs]
        assert found["Members@odata.count"] == len(own) + 2
        for root in ("Chassis", "Managers"):
            uris = members(await park.read(f"/redfish/v1/{root}"))
            assert uris[-2:] == [f"/redfish/v1/{root}/{first}.1", f"/redfish/v1/{root}/{second}.1"]
        page = await park.read(f"{SYSTEMS}?$skip={len(own)}&$top=1")
        assert members(page) == theirs[:1]
        assert page["Members@odata.count"] == len(own) + 2
        found = await park.read(f"{SYSTEMS}?$filter=HostName%20eq%20'host-2'")
        assert members(found) == theirs[1:]
        found = await park.read(f"{SYSTEMS}?$expand=.&$skip={len(own)}")
        assert [member["HostName"] for member in found["Members"]] == ["host-1", "host-2"]
        await park.ended(await park.begin("DELETE", f"{SOURCES}/{first}"))
        assert members(await park.read(SYSTEMS)) == [*own, theirs[1]]
        assert (await park.ask("GET", theirs[0]))[0] == 404


async def test_what_is_removed_leaves_nothing(park: Park, station: Station) -> None:
    source = await park.add(station)
    await park.ask("PATCH", f"{SYSTEMS}/{source}.1", {"AssetTag": "x"})
    store = park.house.store
    keys = await store.call("KEYS", store.keys.of("inventory", "*"))
    assert len(keys) == 2
    await park.ended(await park.begin("DELETE", f"{SOURCES}/{source}"))
    await park.house.inventory.known.changed(source)
    await park.house.inventory.known.note(source, {"Systems": ["/redfish/v1/Systems/1"]})
    assert await store.call("HGETALL", store.keys.of("inventory", "edition", source)) == {}
    assert await store.call("HGET", store.keys.of("inventory", "members"), source) is None


async def test_members_that_come_and_go_are_seen(valkey: str, tmp_path: Path) -> None:
    async with (
        fleet() as (station,),
        parked(valkey, tmp_path, aggregation__members_fresh_seconds=0) as park,
    ):
        source = await park.add(station)
        collection = station.bmc.tree[SYSTEMS]
        collection["Members"].append({"@odata.id": f"{SYSTEMS}/2"})
        async with asyncio.timeout(30):
            while f"{SYSTEMS}/{source}.2" not in members(await park.read(SYSTEMS)):
                await asyncio.sleep(0.02)


# Reading


async def test_links_lead_to_what_is_here(park: Park, station: Station) -> None:
    source = await park.add(station)
    status, body, headers = await park.ask("GET", f"{SYSTEMS}/{source}.1")
    assert status == 200
    assert body["@odata.id"] == f"{SYSTEMS}/{source}.1"
    assert body["Id"] == f"{source}.1"
    reset = body["Actions"]["#ComputerSystem.Reset"]
    assert reset["target"] == f"{SYSTEMS}/{source}.1/Actions/ComputerSystem.Reset"
    chassis = body["Links"]["Chassis"][0]["@odata.id"]
    assert chassis == f"/redfish/v1/Chassis/{source}.1"
    assert (await park.read(chassis))["SerialNumber"] == body["SerialNumber"]
    assert headers["ETag"] == body["@odata.etag"]
    assert headers["Allow"] == "GET, HEAD, PATCH"
    assert "ComputerSystem.v1_20_0" in headers["Link"]
    same, _, _ = await park.ask("GET", f"{SYSTEMS}/{source}.1", If_None_Match=headers["ETag"])
    assert same == 304
    status, _, _ = await park.ask("GET", f"{SYSTEMS}/{source}.1/")
    assert status == 200
    expanded = await park.read(f"{SYSTEMS}/{source}.1?$expand=~&$select=Links")
    assert expanded["Links"]["Chassis"][0]["SerialNumber"] == body["SerialNumber"]


async def test_what_is_not_there_is_404(park: Park, station: Station) -> None:
    source = await park.add(station)
    for path in (f"{source}.9", f"{source}.1/Nothing", f"{'0' * 12}.1", f"{source}.1/x/y/z"):
        status, body, _ = await park.ask("GET", f"{SYSTEMS}/{path}")
        assert (status, ids_of(body)) == (404, ["InvalidURI"]), path


@pytest.mark.parametrize(
    "trick",
    [
        "1/../../AccountService", "1/%2e%2e/%2e%2e/AccountService", "1/..%2f..%2fAccountService",
        "1/%252e%252e/x", "..", "%2e%2e", "1/a%5c..%5cb", "1//Bios", "1/x%3fy", "1/./Bios",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_what_was_judged(
    park: Park, station: Station, trick: str
) -> None:
    source = await park.add(station)
    asked: list[str] = []
    answer = station.bmc.answer
    station.bmc.answer = lambda ask, now: (asked.append(ask.path), answer(ask, now))[1]  # type: ignore[method-assign]
    for verb in ("GET", "PATCH"):
        body = {"AssetTag": "x"} if verb == "PATCH" else None
        status, _, _ = await park.ask(verb, f"{SYSTEMS}/{source}.{trick}", body)
        assert status == 404
    assert asked == []


async def test_what_was_read_a_moment_ago_is_not_asked_again(park: Park, station: Station) -> None:
    source = await park.add(station)
    asked: list[str] = []
    answer = station.bmc.answer
    station.bmc.answer = lambda ask, now: (asked.append(ask.method), answer(ask, now))[1]  # type: ignore[method-assign]
    uri = f"{SYSTEMS}/{source}.1"
    await asyncio.gather(*(park.read(uri) for _ in range(5)))
    assert asked.count("GET") == 1
    # Somebody tells that it is another: by an event, in another process.
    station.bmc.tree[f"{SYSTEMS}/1"]["AssetTag"] = "new"
    await park.house.inventory.known.changed(source, uri)
    assert (await park.read(uri))["AssetTag"] == "new"


# Writing


async def test_a_patch_goes_to_the_bmc(park: Park, station: Station) -> None:
    source = await park.add(station)
    uri = f"{SYSTEMS}/{source}.1"
    before = await park.read(uri)
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "A-7"}, "olga")
    assert status in (200, 204)
    after = await park.read(uri)
    assert after["AssetTag"] == "A-7"
    assert after["@odata.etag"] != before["@odata.etag"]
    assert (await park.ask("PATCH", uri, {}))[0] == 400


async def test_an_etag_is_heeded(park: Park, station: Station) -> None:
    source = await park.add(station)
    uri = f"{SYSTEMS}/{source}.1"
    old = (await park.read(uri))["@odata.etag"]
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "1"}, If_Match=old)
    assert status in (200, 204)
    status, body, _ = await park.ask("PATCH", uri, {"AssetTag": "2"}, If_Match=old)
    assert (status, ids_of(body)) == (412, ["PreconditionFailed"])
    assert (await park.read(uri))["AssetTag"] == "1"


async def test_privileges_are_checked_here(park: Park, station: Station) -> None:
    source = await park.add(station)
    for who, path, expected in (
        ("rita", f"Systems/{source}.1", 403),
        ("olga", f"Managers/{source}.1", 403),
        ("olga", f"Systems/{source}.1/VirtualMedia/1", 403),
        ("olga", f"Systems/{source}.1", 200),
    ):
        status, _, _ = await park.ask("PATCH", f"/redfish/v1/{path}", {"AssetTag": "x"}, who)
        assert status == expected or (expected == 200 and status == 204), (who, path)
    reset = f"{SYSTEMS}/{source}.1/Actions/ComputerSystem.Reset"
    assert (await park.ask("POST", reset, {"ResetType": "On"}, "rita"))[0] == 403
    assert (await park.ask("GET", f"{SYSTEMS}/{source}.1", who="rita"))[0] == 200
    tasks = f"/redfish/v1/TaskService/Tasks/{source}.1"
    assert (await park.ask("GET", tasks, who="olga"))[0] == 403
    accounts = f"/redfish/v1/Managers/{source}.1/RemoteAccountService/Accounts/1"
    assert (await park.ask("GET", accounts, who="olga"))[0] == 403
    assert (await park.ask("GET", accounts))[0] == 404


async def test_errors_of_a_bmc_come_through(park: Park, station: Station) -> None:
    source = await park.add(station)
    status, body, _ = await park.ask("PATCH", f"{SYSTEMS}/{source}.1", {"PowerState": "Off"})
    assert (status, ids_of(body)) == (400, ["PropertyNotWritable"])
    status, body, _ = await park.ask("POST", f"{SYSTEMS}/{source}.1/Actions/Nothing", {})
    assert status in (400, 404)
    # Places in what it says are places here.
    assert "/redfish/v1/Systems/1" not in json.dumps(body).replace(f"{source}.1", "")


async def test_an_action_that_goes_on_is_a_task_here(park: Park, station: Station) -> None:
    source = await park.add(station)
    uri = f"{SYSTEMS}/{source}.1"
    reset = f"{uri}/Actions/ComputerSystem.Reset"
    monitor = await park.begin("POST", reset, {"ResetType": "ForceOff"}, "olga")
    status, _, task = await park.ended(monitor, "olga")
    assert status < 300
    assert (task["TaskState"], task["PercentComplete"]) == ("Completed", 100)
    assert task["Payload"]["TargetUri"] == reset
    assert (await park.read(uri))["PowerState"] == "Off", "what it was before is old"


async def test_an_action_that_fails_there_fails_here(park: Park, station: Station) -> None:
    source = await park.add(station)
    reset = f"{SYSTEMS}/{source}.1/Actions/ComputerSystem.Reset"
    monitor = await park.begin("POST", reset, {"ResetType": "PowerCycle"})
    status, _, task = await park.ended(monitor)
    assert task["TaskState"] == "Exception"
    assert status >= 400
    told = json.dumps(task["Messages"])
    assert "No power on" in told
    assert f"{source}.1" in told, "it says where, as it is called here"


async def test_cancelling_cancels_at_the_bmc(park: Park, station: Station) -> None:
    source = await park.add(station)
    reset = f"{SYSTEMS}/{source}.1/Actions/ComputerSystem.Reset"
    monitor = await park.begin("POST", reset, {"ResetType": "GracefulShutdown"})
    task = f"/redfish/v1/TaskService/Tasks/{monitor.rpartition('/')[2]}"
    async with asyncio.timeout(30):
        while (await park.read(task))["TaskState"] != "Running":
            await asyncio.sleep(0.02)
    assert (await park.ask("DELETE", monitor))[0] == 204
    async with asyncio.timeout(30):
        while (await park.read(task))["TaskState"] != "Cancelled":
            await asyncio.sleep(0.02)
        (theirs,) = station.bmc.tasks.all()
        shown = f"/redfish/v1/TaskService/Tasks/{source}.{theirs.uri.rpartition('/')[2]}"
        while True:
            await park.house.inventory.known.changed(source)
            if (found := await park.read(shown))["TaskState"] in ("Cancelled", "Cancelling"):
                break
            await asyncio.sleep(0.02)
    assert found["@odata.id"] == shown


# BMCs that do not answer


async def test_a_dead_bmc_does_not_slow_the_others(park: Park) -> None:
    own = len(members(await park.read(SYSTEMS)))
    async with fleet(1) as (alive,):
        async with fleet(1) as (dead,):
            gone, there = await park.add(dead), await park.add(alive)
            await park.read(f"{SYSTEMS}/{gone}.1")
        await park.house.inventory.known.changed(gone)
        loop = asyncio.get_running_loop()
        found = await park.read(f"{SYSTEMS}?$expand=.&$skip={own}")
        first, second = found["Members"]
        assert first == {"@odata.id": f"{SYSTEMS}/{gone}.1"}, "it is there, and nobody knows how"
        assert second["@odata.id"] == f"{SYSTEMS}/{there}.1" and "HostName" in second
        status, body, _ = await park.ask("GET", f"{SYSTEMS}/{gone}.1")
        assert (status, ids_of(body)) == (502, ["SourceFailed"])
        assert gone in body["error"]["@Message.ExtendedInfo"][0]["MessageArgs"]
        status, body, _ = await park.ask("PATCH", f"{SYSTEMS}/{gone}.1", {"AssetTag": "x"})
        assert (status, ids_of(body)) == (502, ["SourceFailed"])
        began = loop.time()
        for _ in range(5):
            await park.house.inventory.known.changed(gone)
            found = await park.read(f"{SYSTEMS}?$expand=.&$skip={own}")
            assert len(found["Members"]) == 2
        assert loop.time() - began < 1, "of a silent one nobody waits for an answer"
        assert members(await park.read(SYSTEMS))[own:] == [
            f"{SYSTEMS}/{gone}.1", f"{SYSTEMS}/{there}.1",
        ]  # fmt: skip


async def test_a_bmc_that_never_answers_costs_little(park: Park) -> None:
    own = len(members(await park.read(SYSTEMS)))
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async with fleet(1) as (alive,):
        async with fleet(1) as (mute,):
            silent, there = await park.add(mute), await park.add(alive)
        await park.read(f"{SYSTEMS}/{there}.1")
        parts = URL(mute.url)
        server = await asyncio.start_server(hold, parts.host, parts.port)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(5):
            await park.house.inventory.known.changed(silent)
            found = await park.read(f"{SYSTEMS}?$expand=.&$skip={own}")
            assert found["Members"][0] == {"@odata.id": f"{SYSTEMS}/{silent}.1"}
            assert "HostName" in found["Members"][1]
        assert loop.time() - began < 3, "it is waited for once, for a second"
        server.close()
        for writer in held:
            writer.transport.abort()
