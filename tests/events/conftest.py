"""A real sink on a socket, and push that runs on a clock of the test's own."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from odimra.events import (
    EventSettings,
    NewSubscription,
    Push,
    PushOptions,
    StreamOptions,
    Streams,
    Subscription,
    SubscriptionOptions,
    Subscriptions,
    TestEvents,
    event_service_settings,
)
from odimra.networks import Reach
from odimra.redfish import event_destinations, event_service, event_tests
from odimra.redfish.event_json import EventRepresentation
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.resource import Resource
from odimra.redfish.routes import schema_of
from odimra.store import Store
from tests.events.face import Desk, Doorman
from tests.events.station import Clients, MakeStation, Station, clients
from tests.fakes import FakeClock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Sink:
    """A subscriber: keeps what is posted to it; ``answers`` come first, then 204 for ever."""

    payloads: list[dict[str, Any]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    tries: int = 0
    always: int = 204
    answers: deque[int | Answer] = field(default_factory=deque)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.tries += 1
        answer = self.answers.popleft() if self.answers else self.always
        if not isinstance(answer, int):
            return await answer(request)
        if answer < 300:
            self.payloads.append(await request.json())
            self.requests.append(request)
            self.sizes.append(len(body))
        return web.Response(status=answer)

    @property
    def records(self) -> list[dict[str, Any]]:
        """All events that were delivered, in order."""
        return [record for payload in self.payloads for record in payload["Events"]]

    @property
    def heard(self) -> list[str]:
        """Their messages' keys."""
        return [record["MessageId"].rpartition(".")[2] for record in self.records]


@pytest.fixture
async def make_sink() -> AsyncIterator[Callable[[], Awaitable[Sink]]]:
    servers: list[TestServer] = []

    async def make() -> Sink:
        sink = Sink()
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/events", sink.handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        sink.url = str(server.make_url("/events"))
        return sink

    yield make
    for server in servers:
        await server.close()


@pytest.fixture
async def sink(make_sink: Callable[[], Awaitable[Sink]]) -> Sink:
    return await make_sink()


class Stand:
    """Subscriptions, settings and pushes on one store and one clock."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.subscriptions = Subscriptions(store, SubscriptionOptions(limit=5), clock)
        self.streams = Streams(store, StreamOptions(limit=3), clock)
        self.settings = event_service_settings(store, EventSettings(attempts=2, interval=600))
        self._shown = EventRepresentation(Messages.load())
        #: Accounts that hear of what is other accounts' own.
        self.administrators = {"ann"}
        #: Resources that events can carry, by their URIs; who read which.
        self.origins: dict[str, bytes | Exception] = {}
        self.read: list[tuple[str, str]] = []
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    def push(self, **options: Any) -> Push:
        """Start a push, as a worker process does."""
        push = Push(
            self.store,
            self.subscriptions,
            self.settings,
            self.clock,
            PushOptions(**options),
            render=self._shown.event,
            gap=self._shown.gap,
            heartbeat=self._shown.heartbeat,
            sees_all=self._sees_all,
            read_origin=self._read_origin,
        )
        stop = asyncio.Event()
        self._running.append((stop, asyncio.create_task(push.run(stop))))
        return push

    async def _read_origin(self, uri: str, account: str) -> bytes | None:
        self.read.append((uri, account))
        found = self.origins.get(uri)
        if isinstance(found, Exception):
            raise found
        return found

    async def _sees_all(self, account: str) -> bool:
        return account in self.administrators

    async def stop(self) -> None:
        """Stop all pushes in good order."""
        for stop, running in self._running:
            stop.set()
            await running
        self._running.clear()

    async def subscribe(self, url: str, **values: Any) -> Subscription:
        return await self.subscriptions.create(NewSubscription(url, "ann", **values))

    async def until(self, condition: Callable[[], object | Awaitable[object]]) -> None:
        """Let time pass in small steps, never as much as a retry takes, until ``condition``."""
        deadline = time.monotonic() + 10
        while True:
            met = condition()
            if isinstance(met, Awaitable):
                met = await met
            if met:
                return
            assert time.monotonic() < deadline, "it did not happen"
            self.clock.advance(0.02)
            await asyncio.sleep(0.002)  # sockets take real time; the condition ends this

    async def delivery(self, subscription: Subscription) -> dict[str, str]:
        """Return what the store says of a delivery."""
        reply = await self.store.call("HGETALL", self.subscriptions.delivery(subscription.id))
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2])  # noqa: B905
        return {name.decode(): value.decode() for name, value in pairs}

    async def failures(self, subscription: Subscription) -> int:
        return int((await self.delivery(subscription)).get("attempts", 0))

    async def until_failed(self, subscription: Subscription, times: int = 1) -> None:
        """Return when so many deliveries in a row are recorded to have failed."""

        async def failed() -> bool:
            return await self.failures(subscription) == times

        await self.until(failed)

    async def until_gone(self, subscription: Subscription) -> None:
        """Return when there is no such subscription any more."""

        async def gone() -> bool:
            return await self.subscriptions.get(subscription.id) is None

        await self.until(gone)


@pytest.fixture
async def stand(store: Store, clock: FakeClock) -> AsyncIterator[Stand]:
    made = Stand(store, clock)
    yield made
    await made.stop()


@pytest.fixture
async def make_station(store: Store) -> AsyncIterator[MakeStation]:
    made: list[Station] = []

    async def make(over: Store = store, ssl_context: object = None, **values: Any) -> Station:
        station = Station(over, **values)
        await station.start(ssl_context=ssl_context)
        made.append(station)
        return station

    yield make
    for station in made:
        await station.stop()


@pytest.fixture
async def station(make_station: MakeStation) -> Station:
    return await make_station()


@pytest.fixture
async def who() -> AsyncIterator[Clients]:
    async with clients() as made:
        yield made


@pytest.fixture
async def make_desk(
    stand: Stand, aiohttp_client: Callable[..., Any]
) -> Callable[..., Awaitable[Desk]]:
    """The EventService of that stand over HTTP."""

    async def make(reach: Reach | None = None) -> Desk:
        messages = Messages.load()
        served: list[Resource] = [
            *event_service.resources(stand.settings),
            *event_destinations.resources(stand.subscriptions, stand.streams, messages, reach),
            *event_tests.resources(
                TestEvents(stand.store), stand.settings, lambda uri: schema_of(uri, served)
            ),
        ]
        frame = Frame(
            served,
            Doorman(),
            messages,
            FrameOptions(),
            privileges=PrivilegeMap.load(),
            translations=event_destinations.TRANSLATIONS,
        )
        app = web.Application()
        frame.mount(app)
        return Desk(await aiohttp_client(app))

    return make


@pytest.fixture
async def desk(make_desk: Callable[..., Awaitable[Desk]]) -> Desk:
    return await make_desk()
