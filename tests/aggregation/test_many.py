"""Many systems at once: aggregates, and what is done to them; our own and those of BMCs."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from odimra.emulation.bmcs.serving import Station
from tests.aggregation.park import SERVICE, Park, fleet, parked

AGGREGATES = f"{SERVICE}/Aggregates"
RESET = f"{SERVICE}/Actions/AggregationService.Reset"
BOOT = f"{SERVICE}/Actions/AggregationService.SetDefaultBootOrder"
OWN = "/redfish/v1/Systems/node-1"


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    async with parked(valkey, tmp_path) as one:
        yield one


@pytest.fixture
async def three() -> AsyncIterator[list[Station]]:
    async with fleet(3) as found:
        yield found


async def systems(park: Park, stations: list[Station]) -> list[str]:
    ids = [await park.add(one) for one in stations]
    return [f"/redfish/v1/Systems/{one}.1" for one in ids]


async def parts(park: Park, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sub-tasks of a task, in their order."""
    found = await park.read(f"{task['SubTasks']['@odata.id']}?$expand=.($levels=1)")
    return list(found["Members"])


def said(task: dict[str, Any]) -> list[str]:
    return [one["MessageId"].rpartition(".")[2] for one in task["Messages"]]


def power(station: Station) -> str:
    found = station.bmc.resource("/redfish/v1/Systems/1")
    assert found is not None
    return str(found["PowerState"])


def refs(uris: list[str]) -> list[dict[str, str]]:
    return [{"@odata.id": one} for one in uris]


# Aggregates


async def test_an_aggregate_from_its_beginning_to_its_end(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three)
    body = {"Elements": [*refs(uris[:2]), OWN], "Name": "Rack 7"}
    status, made, headers = await park.ask("POST", AGGREGATES, body, "olga")
    assert status == 201 and headers["Location"] == made["@odata.id"]
    assert (made["Name"], made["Elements"]) == ("Rack 7", refs([*uris[:2], OWN]))
    uri = made["@odata.id"]
    assert (await park.read(AGGREGATES))["Members"] == refs([uri])
    add = made["Actions"]["#Aggregate.AddElements"]["target"]
    status, changed, _ = await park.ask("POST", add, {"Elements": refs(uris[2:])})
    assert status == 200 and changed["Elements"] == refs([*uris[:2], OWN, uris[2]])
    assert changed["ElementsCount"] == changed["Elements@odata.count"] == 4
    remove = made["Actions"]["#Aggregate.RemoveElements"]["target"]
    status, changed, headers = await park.ask("POST", remove, {"Elements": [OWN, uris[0]]})
    assert status == 200 and changed["Elements"] == refs(uris[1:])
    assert (await park.ask("DELETE", uri, If_Match='"1"'))[0] == 412
    assert (await park.ask("DELETE", uri, If_Match=headers["ETag"]))[0] == 204
    assert (await park.ask("GET", uri))[0] == 404
    told = [
        one.message
        for one in await park.events("ResourceEvent")
        if one.resource_type == "Aggregate"
    ]
    assert told == ["ResourceCreated", "ResourceChanged", "ResourceChanged", "ResourceRemoved"]


async def test_elements_that_are_wrong_change_nothing(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three[:1])
    _, made, _ = await park.ask("POST", AGGREGATES, {"Elements": [OWN]})
    add, remove = (
        made["Actions"][f"#Aggregate.{name}"]["target"]
        for name in ("AddElements", "RemoveElements")
    )
    unknown = "/redfish/v1/Systems/0123456789ab.1"
    for action, elements, status, named in (
        (add, [uris[0], OWN], 409, OWN),
        (add, [uris[0], unknown], 404, unknown),
        (add, ["/redfish/v1/Chassis/node-1"], 404, "Chassis/node-1"),
        (add, [uris[0], uris[0]], 400, "Elements/1"),
        (add, [], 400, "Elements"),
        (add, [5], 400, "Elements"),
        (remove, [OWN, uris[0]], 404, uris[0]),
    ):
        got, body, _ = await park.ask("POST", action, {"Elements": elements})
        assert got == status and named in json.dumps(body), (elements, body)
    assert (await park.read(made["@odata.id"]))["Elements"] == refs([OWN])
    assert (await park.ask("POST", AGGREGATES, {}))[0] == 400
    assert (await park.ask("POST", AGGREGATES, {"Elements": [unknown]}))[0] == 404
    assert (await park.read(AGGREGATES))["Members@odata.count"] == 1


async def test_of_many_that_add_the_same_one_wins(park: Park) -> None:
    _, made, _ = await park.ask("POST", AGGREGATES, {"Elements": []})
    add = made["Actions"]["#Aggregate.AddElements"]["target"]
    answers = await asyncio.gather(*(park.ask("POST", add, {"Elements": [OWN]}) for _ in range(10)))
    assert Counter(status for status, _, _ in answers) == {200: 1, 409: 9}


async def test_a_source_that_goes_takes_its_elements(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three[:2])
    _, made, _ = await park.ask("POST", AGGREGATES, {"Elements": uris})
    source = uris[0].rpartition("/")[2].partition(".")[0]
    await park.ended(await park.begin("DELETE", f"{SERVICE}/AggregationSources/{source}"))
    assert (await park.read(made["@odata.id"]))["Elements"] == refs(uris[1:])
    reset = made["Actions"]["#Aggregate.Reset"]["target"]
    status, _, task = await park.ended(await park.begin("POST", reset, {"ResetType": "ForceOff"}))
    assert status == 200 and len(await parts(park, task)) == 1


# Resets


async def test_many_are_reset(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three)
    body = {"TargetURIs": [uris[0], *refs(uris[1:]), OWN], "ResetType": "ForceOff"}
    monitor = await park.begin("POST", RESET, body, "olga")
    status, _, task = await park.ended(monitor, "olga")
    assert (status, task["TaskState"], task["PercentComplete"]) == (200, "Completed", 100)
    assert json.loads(task["Payload"]["JsonBody"]) == body
    found = await parts(park, task)
    assert [one["TaskState"] for one in found] == ["Completed"] * 4
    assert [one["Name"].rpartition("/")[2] for one in found] == [
        f"ComputerSystem.Reset of {one.rpartition('/')[2]}" for one in (*uris, OWN)
    ]
    assert [power(one) for one in three] == ["Off"] * 3
    assert (await park.read(OWN))["PowerState"] == "Off"


async def test_each_part_says_what_happened_to_it(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three)
    three[1].bmc.account = type(three[1].bmc.account)("root", "changed")
    body = {"TargetURIs": [*uris, OWN], "ResetType": "PowerCycle"}
    status, _, task = await park.ended(await park.begin("POST", RESET, body))
    assert task["TaskState"] == "Exception" and status >= 400
    first, second, third, own = await parts(park, task)
    assert (first["TaskState"], first["TaskStatus"]) == ("Exception", "Critical")
    assert "No power on" in json.dumps(first["Messages"]), first
    assert second["TaskState"] == "Exception" and "ResourceAtUriUnauthorized" in said(second)
    assert third["TaskState"] == "Exception"
    assert own["TaskState"] == "Completed"
    assert "changed" not in json.dumps(task) and three[0].bmc.account.password not in str(task)


async def test_who_is_not_there_stops_nobody(park: Park) -> None:
    async with fleet(2) as (here, gone):
        uris = await systems(park, [here, gone])
        await gone.stop()
        body = {"TargetURIs": uris, "ResetType": "ForceRestart"}
        _, _, task = await park.ended(await park.begin("POST", RESET, body))
        assert task["TaskState"] == "Exception"
        one, other = await parts(park, task)
        assert one["TaskState"] == "Completed" and other["TaskState"] == "Exception"
        assert {"CouldNotEstablishConnection", "BmcUnreachable"} <= set(said(other))


async def test_batches_begin_one_after_the_other(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three)
    body = {"TargetURIs": uris, "BatchSize": 1, "DelayBetweenBatchesInSeconds": 1}
    began = time.monotonic()
    _, _, task = await park.ended(await park.begin("POST", RESET, body))
    assert task["TaskState"] == "Completed"
    # Two delays; none after the last.
    assert 2 <= time.monotonic() - began < 8
    ends = [one["EndTime"] for one in await parts(park, task)]
    assert ends == sorted(ends)


async def test_what_is_cancelled_is_cancelled_at_the_bmc(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three)
    monitor = await park.begin(
        "POST", RESET, {"TargetURIs": uris, "ResetType": "GracefulShutdown"}, "olga"
    )
    async with asyncio.timeout(30):
        while not all(one.bmc.tasks.all() for one in three):
            await asyncio.sleep(0.02)
    assert (await park.ask("DELETE", monitor, who="olga"))[0] == 204
    task = f"/redfish/v1/TaskService/Tasks/{monitor.rpartition('/')[2]}"
    async with asyncio.timeout(30):
        while (found := await park.read(task))["TaskState"] != "Cancelled":
            await asyncio.sleep(0.02)
    assert [one["TaskState"] for one in await parts(park, found)] == ["Cancelled"] * 3
    async with asyncio.timeout(30):
        while any(
            one.settle(station.now()) != "Cancelled"
            for station in three
            for one in station.bmc.tasks.all()
        ):
            await asyncio.sleep(0.05)
    assert [power(one) for one in three] == ["On"] * 3


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"TargetURIs": []}, 400, "TargetURIs"),
        ({"TargetURIs": None}, 400, "TargetURIs"),
        ({"TargetURIs": "all"}, 400, "TargetURIs"),
        ({"TargetURIs": [{}]}, 400, "TargetURIs"),
        ({"TargetURIs": ["/redfish/v1/Systems/nobody"]}, 404, "nobody"),
        ({"TargetURIs": [f"{AGGREGATES}/nobody"]}, 404, "nobody"),
        ({"ResetType": "Explode"}, 400, "ResetType"),
        ({"BatchSize": -1}, 400, "BatchSize"),
        ({"BatchSize": 1.5}, 400, "BatchSize"),
        ({"DelayBetweenBatchesInSeconds": "1"}, 400, "DelayBetweenBatchesInSeconds"),
        ({"Nonsense": 1}, 400, "Nonsense"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_begins(
    park: Park, change: dict[str, Any], status: int, name: str
) -> None:
    got, body, _ = await park.ask("POST", RESET, {"TargetURIs": [OWN], **change})
    assert got == status and name in json.dumps(body)
    assert (await park.read("/redfish/v1/TaskService/Tasks"))["Members@odata.count"] == 0


async def test_an_aggregate_without_elements_is_nothing_to_reset(park: Park) -> None:
    _, made, _ = await park.ask("POST", AGGREGATES, {"Elements": []})
    reset = made["Actions"]["#Aggregate.Reset"]["target"]
    assert (await park.ask("POST", reset, {}))[0] == 400
    assert (await park.ask("POST", f"{AGGREGATES}/nobody/Actions/Aggregate.Reset", {}))[0] == 404


async def test_who_may(park: Park) -> None:
    assert (await park.ask("POST", RESET, {"TargetURIs": [OWN]}, "rita"))[0] == 403
    assert (await park.ask("POST", AGGREGATES, {"Elements": [OWN]}, "rita"))[0] == 403


async def test_boot_orders_are_set_back(park: Park, three: list[Station]) -> None:
    uris = await systems(park, three[:1])
    changed = {"Boot": {"BootOrder": ["Boot0002", "Boot0001"]}}
    assert (await park.ask("PATCH", uris[0], changed))[0] in (200, 204)
    assert (await park.read(uris[0]))["Boot"]["BootOrder"] == ["Boot0002", "Boot0001"]
    _, _, task = await park.ended(await park.begin("POST", BOOT, {"Systems": refs([*uris, OWN])}))
    (bmc, own) = await parts(park, task)
    assert bmc["TaskState"] == "Completed"
    assert (await park.read(uris[0]))["Boot"]["BootOrder"] == ["Boot0001", "Boot0002"]
    # Our own machines have no boot order.
    assert own["TaskState"] == "Exception" and "ActionNotSupported" in said(own)


async def test_what_the_actions_take_is_told(park: Park) -> None:
    service = await park.read(SERVICE)
    for action in service["Actions"].values():
        info = await park.read(action["@Redfish.ActionInfo"])
        assert [one["Name"] for one in info["Parameters"] if one["Required"]]
