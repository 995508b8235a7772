"""BMCs are added as sources, changed and removed: by tasks that have tried what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from odimra.aggregation.bmc import CertificateRefused
from odimra.emulation.bmcs.serving import Station
from tests.aggregation.park import SERVICE, SOURCES, Park, fleet, free_port, parked


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    async with parked(valkey, tmp_path) as one:
        yield one


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with fleet() as (one,):
        yield one


def described(station: Station, **more: Any) -> dict[str, Any]:
    account = station.bmc.account
    given = {"HostName": station.url, "UserName": account.user, "Password": account.password}
    return {**given, **more}


def ids_of(body: dict[str, Any]) -> list[str]:
    error = body["error"]
    return [one["MessageId"].rpartition(".")[2] for one in error["@Message.ExtendedInfo"]]


async def failed(park: Park, body: dict[str, Any], status: int, *messages: str) -> dict[str, Any]:
    got, said, task = await park.ended(await park.begin("POST", SOURCES, body))
    assert (got, task["TaskState"]) == (status, "Exception"), said
    assert ids_of(said) == [*messages, "TaskAborted"]
    assert (await park.read(SOURCES))["Members@odata.count"] == 0
    return task


async def test_a_bmc_is_added_shown_and_removed(park: Park, station: Station) -> None:
    source = await park.add(station)
    uri = f"{SOURCES}/{source}"
    assert (await park.read(SOURCES))["Members"] == [{"@odata.id": uri}]
    shown = await park.read(uri)
    assert (shown["HostName"], shown["UserName"], shown["Password"]) == (station.url, "root", None)
    method = await park.read(shown["Links"]["ConnectionMethod"]["@odata.id"])
    assert method["Links"]["AggregationSources"] == [{"@odata.id": uri}]
    bmc = await park.house.bmcs.of(source)
    answer = await bmc.get("/redfish/v1/Systems/1")
    assert answer.body is not None and answer.body["PowerState"] == "On"
    status, _, task = await park.ended(await park.begin("DELETE", uri))
    assert (status, task["TaskState"]) == (204, "Completed")
    assert (await park.ask("GET", uri))[0] == 404
    assert (await park.read(SOURCES))["Members@odata.count"] == 0


async def test_the_service_leads_there(park: Park) -> None:
    root = await park.read("/redfish/v1")
    service = await park.read(root["AggregationService"]["@odata.id"])
    assert service["@odata.id"] == SERVICE
    methods = await park.read(service["ConnectionMethods"]["@odata.id"])
    assert [one["@odata.id"].rpartition("/")[2] for one in methods["Members"]] == [
        "Redfish", "RedfishPinned", "RedfishUnverified",
    ]  # fmt: skip


async def test_a_password_is_seen_by_nobody(park: Park, station: Station, valkey: str) -> None:
    source = await park.add(station)
    store = park.house.store
    await park.ended(
        await park.begin("PATCH", f"{SOURCES}/{source}", {"Password": station.bmc.account.password})
    )
    seen: list[Any] = [await park.read(f"{SOURCES}/{source}")]
    tasks = await park.read("/redfish/v1/TaskService/Tasks?$expand=.($levels=1)")
    assert tasks["Members@odata.count"] == 2 and "******" in json.dumps(tasks)
    seen.append(tasks)
    for key in await store.call("KEYS", f"{store.keys.root}*"):
        kind = await store.call("TYPE", key)
        if kind == b"hash":
            seen.append(await store.call("HGETALL", key))
        if kind == b"stream":
            seen.append(await store.call("XRANGE", key, "-", "+"))
    assert station.bmc.account.password not in repr(seen)


async def test_an_address_is_there_once(park: Park, station: Station) -> None:
    source = await park.add(station)
    for host in (station.url, station.url.upper().replace("HTTP", "http"), f"{station.url}/"):
        status, body, _ = await park.ask("POST", SOURCES, described(station, HostName=host))
        assert status == 409 and ids_of(body) == ["ResourceAlreadyExists"], body
    # Of many at once one wins, and nobody waits for the end to be told.
    await park.ended(await park.begin("DELETE", f"{SOURCES}/{source}"))
    answers = await asyncio.gather(
        *(park.ask("POST", SOURCES, described(station)) for _ in range(10))
    )
    assert sorted(status for status, _, _ in answers) == [202] + [409] * 9
    (monitor,) = [headers["Location"] for status, _, headers in answers if status == 202]
    assert (await park.ended(monitor))[0] == 201


async def test_nobody_is_there(park: Park) -> None:
    body = {"HostName": f"http://127.0.0.1:{free_port()}", "UserName": "a", "Password": "b"}
    task = await failed(park, body, 502, "CouldNotEstablishConnection", "SourceUnsuitable")
    said = [one["Message"] for one in task["Messages"]]
    assert any("no connection" in one for one in said), said
    # The address is free again.
    await failed(park, body, 502, "CouldNotEstablishConnection", "SourceUnsuitable")


async def test_the_password_is_wrong(park: Park, station: Station) -> None:
    body = described(station, Password="wrong")
    await failed(park, body, 400, "ResourceAtUriUnauthorized")


async def test_somebody_else_is_there(park: Park) -> None:
    """It speaks HTTP, and is no Redfish service: this service's own events are not."""
    async with fleet() as (one,):
        one.bmc.tree["/redfish/v1"]["@odata.type"] = "#Message.v1_0_0.Message"
        await failed(park, described(one), 502, "SourceDoesNotSupportProtocol", "SourceUnsuitable")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"HostName": ""}, "HostName"),
        ({"HostName": "ftp://10.0.0.1"}, "HostName"),
        ({"HostName": "https://root:hush@10.0.0.1"}, "HostName"),
        ({"HostName": "https://10.0.0.1/elsewhere"}, "HostName"),
        ({"HostName": "10.0.0.1:99999"}, "HostName"),
        ({"HostName": "10.0.0.256"}, "HostName"),
        ({"HostName": "two words"}, "HostName"),
        ({"HostName": 5}, "HostName"),
        ({"UserName": None}, "UserName"),
        ({"Password": ""}, "Password"),
        ({"Nonsense": 1}, "Nonsense"),
        ({"SNMP": {}}, "SNMP"),
        ({"Links": {"ConnectionMethod": {"@odata.id": "/redfish/v1"}}}, "ConnectionMethod"),
        ({"Links": {"ConnectionMethod": {}}}, "ConnectionMethod"),
        ({"Links": {"Nonsense": {}}}, "Nonsense"),
    ],
)  # fmt: skip
async def test_what_is_refused_at_once_is_named(
    park: Park, change: dict[str, Any], name: str
) -> None:
    body = {"HostName": "10.0.0.1", "UserName": "root", "Password": "hush", **change}
    status, said, _ = await park.ask("POST", SOURCES, body)
    assert status == 400
    assert name in json.dumps(said) and "hush" not in json.dumps(said)
    assert (await park.read("/redfish/v1/TaskService/Tasks"))["Members@odata.count"] == 0


@pytest.mark.parametrize("name", ["HostName", "UserName", "Password"])
async def test_what_is_missing_is_named(park: Park, name: str) -> None:
    body = {"HostName": "10.0.0.1", "UserName": "root", "Password": "hush"}
    del body[name]
    status, said, _ = await park.ask("POST", SOURCES, body)
    assert status == 400 and ids_of(said) == ["PropertyMissing"] and name in json.dumps(said)


async def test_without_leave_nobody_speaks_http(valkey: str, tmp_path: Path) -> None:
    async with parked(valkey, tmp_path, aggregation__allow_http=False) as park:
        body = {"HostName": "http://10.0.0.1", "UserName": "root", "Password": "hush"}
        status, said, _ = await park.ask("POST", SOURCES, body)
        assert status == 400 and "HostName" in json.dumps(said)


async def test_there_are_no_more_than_may_be(valkey: str, tmp_path: Path) -> None:
    async with fleet(2) as both, parked(valkey, tmp_path, aggregation__max_sources=1) as park:
        await park.add(both[0])
        status, said, _ = await park.ask("POST", SOURCES, described(both[1]))
        assert status == 400 and ids_of(said) == ["CreateLimitReachedForResource"]


async def test_who_may(park: Park, station: Station) -> None:
    source = await park.add(station)
    for method, uri, body in (
        ("POST", SOURCES, described(station)),
        ("PATCH", f"{SOURCES}/{source}", {"UserName": "x"}),
        ("DELETE", f"{SOURCES}/{source}", None),
    ):
        for who in ("olga", "rita"):
            assert (await park.ask(method, uri, body, who))[0] == 403
    assert (await park.ask("GET", f"{SOURCES}/{source}", who="rita"))[0] == 200


# Changes


async def test_another_password_is_tried_before_it_is_kept(park: Park, station: Station) -> None:
    uri = f"{SOURCES}/{await park.add(station)}"
    status, said, _ = await park.ended(await park.begin("PATCH", uri, {"Password": "wrong"}))
    assert status == 400 and ids_of(said)[0] == "ResourceAtUriUnauthorized"
    bmc = await park.house.bmcs.of(uri.rpartition("/")[2])
    assert (await bmc.get("/redfish/v1/Systems/1")).status == 200, "with the old one"
    station.bmc.account = type(station.bmc.account)("root", "another")
    status, _, _ = await park.ended(await park.begin("PATCH", uri, {"Password": "another"}))
    assert status == 204
    bmc = await park.house.bmcs.of(uri.rpartition("/")[2])
    assert (await bmc.get("/redfish/v1/Systems/1")).status == 200


async def test_a_source_moves(park: Park) -> None:
    async with fleet(3) as (first, second, third):
        uri = f"{SOURCES}/{await park.add(first)}"
        await park.add(third)
        status, body, _ = await park.ask("PATCH", uri, {"HostName": third.url})
        assert status == 409 and ids_of(body) == ["ResourceAlreadyExists"]
        moved = {"HostName": second.url, "Password": second.bmc.account.password}
        status, _, _ = await park.ended(await park.begin("PATCH", uri, moved))
        assert status == 204
        assert (await park.read(uri))["HostName"] == second.url
        await park.add(first)  # its address is free


async def test_if_match(park: Park, station: Station) -> None:
    uri = f"{SOURCES}/{await park.add(station)}"
    _, _, headers = await park.ask("GET", uri)
    other = '"17"'
    assert (await park.ask("PATCH", uri, {"UserName": "root"}, If_Match=other))[0] == 412
    assert (await park.ask("DELETE", uri, If_Match=other))[0] == 412
    status, _, after = await park.ask("DELETE", uri, If_Match=headers["ETag"])
    assert status == 202
    await park.ended(after["Location"])
    assert (await park.ask("DELETE", uri))[0] == 404


# Certificates


async def test_how_certificates_are_judged(valkey: str, tmp_path: Path) -> None:
    certificates = tmp_path / "certificates"
    async with fleet(2, folder=certificates) as (one, other):
        authorities = str(certificates / "bmcs.pem")

        def by(method: str, station: Station) -> dict[str, Any]:
            link = {"@odata.id": f"{SERVICE}/ConnectionMethods/{method}"}
            return described(station, Links={"ConnectionMethod": link})

        async with parked(valkey, tmp_path) as park:
            # Nobody knows who has signed it.
            task = await failed(
                park, described(one), 502, "CouldNotEstablishConnection", "SourceUnsuitable"
            )
            assert "certificate" in json.dumps(task["Messages"])
            source = await park.add(one, Links=by("RedfishPinned", one)["Links"])
            kept = await park.house.sources.get(source)
            assert kept is not None and kept.verify.startswith("pinned:")
            unverified = await park.add(other, Links=by("RedfishUnverified", other)["Links"])
            bmc = await park.house.bmcs.of(unverified)
            assert (await bmc.get("/redfish/v1/")).status == 200
        async with parked(
            valkey, tmp_path / "b", aggregation__authorities_file=authorities
        ) as park:
            await park.add(one)


async def test_who_has_another_certificate_is_not_spoken_to(valkey: str, tmp_path: Path) -> None:
    async with parked(valkey, tmp_path) as park:
        async with fleet(1, folder=tmp_path / "first") as (one,):
            link = {"@odata.id": f"{SERVICE}/ConnectionMethods/RedfishPinned"}
            source = await park.add(one, Links={"ConnectionMethod": link})
            kept = await park.house.sources.get(source)
            assert kept is not None
            pin = await park.house.bmcs.fingerprint(one.url)
            assert kept.verify == f"pinned:{pin}"
        async with fleet(1, folder=tmp_path / "second") as (two,):
            account = two.bmc.account
            bmc = park.house.bmcs.client(replace(kept, base=two.url), account.password)
            with pytest.raises(CertificateRefused, match="not the one that it had"):
                await bmc.get("/redfish/v1/")
