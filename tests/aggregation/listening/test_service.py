"""From a BMC to the subscribers of this service: over its own API, by its own processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from odimra import config
from odimra.aggregation.sources import Source, new_source_id
from odimra.app import serve_events
from odimra.emulation.bmcs.bmc import Reply
from odimra.emulation.bmcs.serving import Station
from odimra.faces import application
from odimra.house import House, build
from odimra.redfish.server import RedfishRunner
from odimra.tasks import Change, NewTask, states
from tests.aggregation.listening.conftest import free_port, until
from tests.aggregation.listening.test_subscribed import subscriptions
from tests.aggregation.listening.test_watched import instead
from tests.events.conftest import Sink
from tests.events.conftest import make_sink as make_sink
from tests.redfish.conftest import basic

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
BASIC = {"Authorization": "Basic cm9vdDpwdy0x"}
WORD = "hush hush"


@dataclass
class Whole:
    """A service, and who asks it."""

    house: House
    url: str
    client: aiohttp.ClientSession
    loop: list[asyncio.Task[Any]] = field(default_factory=list)

    async def add(self, station: Station) -> Source:
        source_id = new_source_id()
        source = Source(
            id=source_id, host_name=station.url, base=station.url, user="root",
            sealed=self.house.vault.seal(source_id, "pw-1"), verify="none", method="Redfish",
            created=1,
        )  # fmt: skip
        task = await self.house.tasks.create(NewTask("source-add", "root"))
        await self.house.tasks.change(task.id, Change(state=states.RUNNING))
        effects = self.house.sources.added(source)
        await self.house.tasks.change(task.id, Change(state=states.COMPLETED, effects=effects))
        return source

    async def subscribe(self, sink: Sink, **filters: Any) -> tuple[int, Any]:
        body = {"Destination": sink.url, "Protocol": "Redfish", **filters}
        async with self.client.post(f"{self.url}{SUBSCRIPTIONS}", json=body) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def whole(
    valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Whole]:
    """The API and the process of events, in this one."""
    port = free_port()
    given = {
        "store.namespace": f"t{uuid.uuid4().hex[:12]}",
        "state_folder": str(tmp_path),
        "access.argon2.memory_kib": 64,
        "access.argon2.time_cost": 1,
        "http.public_url": f"http://127.0.0.1:{port}",
        "aggregation.event_check_seconds": 0.5,
    }
    settings = config.load(None, {}, given)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    async with build(settings, valkey) as house:
        await house.access.accounts.create("root", WORD, "Administrator")
        app, frame, _ = application(house, "u-u-i-d")
        runner = RedfishRunner(
            app, frame.error_response, handler_cancellation=False, shutdown_timeout=1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        events = asyncio.create_task(serve_events(settings, valkey))
        headers = {"Authorization": basic("root", WORD)}
        async with aiohttp.ClientSession(headers=headers) as client:
            yield Whole(house, f"http://127.0.0.1:{port}", client, [events])
        os.kill(os.getpid(), signal.SIGTERM)
        await events
        await runner.cleanup()


@pytest.fixture
async def sinks(
    make_sink: Callable[[], Awaitable[Sink]],
) -> dict[str, Sink]:
    return {name: await make_sink() for name in ("all", "type", "registry", "origin", "message")}


async def test_subscribers_hear_what_a_bmc_tells_by_their_filters(
    whole: Whole, station: Station, sinks: dict[str, Sink]
) -> None:
    source = await whole.add(station)
    system = f"/redfish/v1/Systems/{source.id}.1"
    filters: dict[str, dict[str, Any]] = {
        "all": {},
        "type": {"ResourceTypes": ["ComputerSystem"]},
        "registry": {"RegistryPrefixes": ["TaskEvent"]},
        "origin": {"OriginResources": [{"@odata.id": system}]},
        "message": {"MessageIds": ["ResourceEvent.1.4.ResourceChanged"]},
    }
    for name, given in filters.items():
        status, body = await whole.subscribe(sinks[name], **given)
        assert status == 201, body
    await until(lambda: subscriptions(station))
    heard: list[dict[str, Any]] = []
    stream = f"{whole.url}/redfish/v1/EventService/SSE"
    async with whole.client.get(stream) as listening:
        reading = asyncio.create_task(read(listening, heard))
        async with aiohttp.ClientSession(headers=BASIC) as bmc:
            await (await bmc.patch(f"{station.url}{SYSTEM}", json={"AssetTag": "x"})).read()
            await (await bmc.post(f"{station.url}{RESET}", json={"ResetType": "ForceOff"})).read()
        await until(lambda: about(sinks["all"].records, source, "Task"))
        await until(lambda: len(about(heard, source)) >= 3)
        reading.cancel()
    wanted = {
        "all": ["ResourceChanged", "ResourceChanged", "TaskCompletedOK"],
        "type": ["ResourceChanged", "ResourceChanged"],
        "registry": ["TaskCompletedOK"],
        "origin": ["ResourceChanged", "ResourceChanged"],
        "message": ["ResourceChanged", "ResourceChanged"],
    }
    for name, keys in wanted.items():
        await until(lambda name=name, keys=keys: told(sinks[name].records, source) == keys)  # type: ignore[misc]
    assert told(heard, source) == wanted["all"]
    first = about(sinks["origin"].records, source)[0]
    assert first["OriginOfCondition"] == {"@odata.id": system}
    assert first["OriginAddress"] == station.url
    assert len({one["EventId"] for one in sinks["all"].records}) == len(sinks["all"].records)


async def read(stream: aiohttp.ClientResponse, heard: list[dict[str, Any]]) -> None:
    async for line in stream.content:
        if line.startswith(b"data:"):
            heard.extend(json.loads(line[5:])["Events"])


def about(records: list[dict[str, Any]], source: Source, what: str = "") -> list[dict[str, Any]]:
    """Return the records about resources of a source."""
    return [
        one
        for one in records
        if f"/{source.id}." in one["OriginOfCondition"]["@odata.id"] and what in one["MessageId"]
    ]


def told(records: list[dict[str, Any]], source: Source) -> list[str]:
    return [one["MessageId"].rpartition(".")[2] for one in about(records, source)]


async def test_the_receiver_is_for_posts_of_who_knows_the_secret(whole: Whole) -> None:
    for method, path, status in (
        ("POST", "/bmc-events/3f2a9c0d1b7e/secret", 404),
        ("POST", "/bmc-events/nobody/secret", 404),
        ("GET", "/bmc-events/3f2a9c0d1b7e/secret", 404),
    ):
        async with (
            aiohttp.ClientSession() as nobody,
            nobody.request(
                method, f"{whole.url}{path}", data=b"{}" if method == "POST" else None
            ) as answer,
        ):
            assert answer.status == status, (method, path)


async def test_with_the_source_the_subscription_at_the_bmc_goes(
    whole: Whole, station: Station
) -> None:
    source = await whole.add(station)
    await until(lambda: subscriptions(station))
    task = await whole.house.tasks.create(NewTask("source-remove", "root"))
    await whole.house.tasks.change(task.id, Change(state=states.RUNNING))
    effects = whole.house.sources.removed(source)
    await whole.house.tasks.change(task.id, Change(state=states.COMPLETED, effects=effects))
    await until(lambda: not subscriptions(station))


async def test_registries_of_bmcs_can_be_asked_for_once_they_are_known(
    whole: Whole, station: Station, sinks: dict[str, Sink]
) -> None:
    source = await whole.add(station)
    service = f"{whole.url}/redfish/v1/EventService"
    wanted = {"RegistryPrefixes": ["Platform"], "MessageIds": ["Platform.1.0.FanFailed"]}
    status, body = await whole.subscribe(sinks["all"], **wanted)
    assert status == 400 and "Platform" in json.dumps(body)
    async with whole.client.get(service) as answer:
        before = answer.headers["ETag"]
        assert "Platform" not in (await answer.json())["RegistryPrefixes"]
    await until(lambda: subscriptions(station))
    place = subscriptions(station)[0]["Destination"]
    event = {"MessageId": "Platform.1.0.FanFailed", "OriginOfCondition": "/redfish/v1/Chassis/1"}
    async with aiohttp.ClientSession() as bmc:
        async with bmc.post(place, json={"Events": [event]}) as answer:
            assert answer.status == 204
        async with whole.client.get(service) as answer:
            etag = answer.headers["ETag"]
            assert "Platform" in (await answer.json())["RegistryPrefixes"]
        assert before != etag
        for tag, status in ((before, 412), (etag, 200)):
            async with whole.client.patch(
                service, json={"DeliveryRetryAttempts": 7}, headers={"If-Match": tag}
            ) as answer:
                assert answer.status == status
        status, body = await whole.subscribe(sinks["all"], **wanted)
        assert status == 201, body
        async with bmc.post(place, json={"Events": [event]}) as answer:
            assert answer.status == 204
    await until(lambda: sinks["all"].records)
    assert told(sinks["all"].records, source) == ["FanFailed"]


async def test_a_bmc_says_which_registries_it_uses(whole: Whole, station: Station) -> None:
    service = {"ServiceEnabled": True, "RegistryPrefixes": ["Maker", "no, not that", 5]}
    instead(
        station, lambda ask: Reply(200, service) if ask.path == "/redfish/v1/EventService" else None
    )
    await whole.add(station)

    async def known() -> bool:
        async with whole.client.get(f"{whole.url}/redfish/v1/EventService") as answer:
            prefixes = (await answer.json())["RegistryPrefixes"]
        assert "no, not that" not in prefixes
        return "Maker" in prefixes

    await until(known)
