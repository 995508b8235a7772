"""Sources that are emulated or strange, a receiver on a socket, and who listens to them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from odimra.aggregation.bmc import BmcOptions
from odimra.aggregation.bmcs import Bmcs, BmcsOptions
from odimra.aggregation.listening import Ledger, Listening, ListeningOptions, Receiver
from odimra.aggregation.listening import listener as listeners
from odimra.aggregation.sources import Source, Sources, new_source_id
from odimra.aggregation.vault import Vault
from odimra.clock import SystemClock
from odimra.emulation.bmcs.fleet import FleetOptions, stations
from odimra.emulation.bmcs.serving import Station, Stations
from odimra.emulation.scenarios import loads
from odimra.events import Event
from odimra.redfish.messages import Messages
from odimra.store import Store
from odimra.tasks import Change, Effect, NewTask, TaskOptions, Tasks, states
from odimra.wire import BodyLimits
from tests.support.news import News

SCENARIOS = "scenarios: {fine: {duration: 0.1}}\nrules: [{play: fine}]"
#: Each fleet of a run has addresses of its own.
NUMBERS = itertools.count(os.getpid() % 200)
QUICK = {"poll": 0.1, "check": 0.1, "scan": 0.05}
WORD = Messages.load().build


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(condition: Callable[[], object | Awaitable[object]], seconds: float = 10) -> None:
    """Return when ``condition`` is met."""
    deadline = time.monotonic() + seconds
    while True:
        met = condition()
        if isinstance(met, Awaitable):
            met = await met
        if met:
            return
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.01)  # sockets take real time; the condition ends this


class Stand:
    """The service as far as BMCs are concerned, on one store."""

    def __init__(self, store: Store, vault: Vault, rooms: AsyncExitStack) -> None:
        self.store = store
        self.clock = SystemClock()
        self.vault = vault
        self.sources = Sources(store)
        self.ledger = Ledger(store)
        self.tasks = Tasks(store, TaskOptions(), self.clock)
        self.news = News(store)
        #: What was told to have changed, with the process that did.
        self.changed: list[tuple[str, str, str]] = []
        #: What was posted to the receiver, as it was, and what it answered.
        self.posted: list[tuple[str, Any, int]] = []
        self.rooms = rooms
        self.address = ""
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def serve(self) -> None:
        """Receive what BMCs post."""
        receiver = Receiver(
            self.ledger,
            self.sources,
            self.clock,
            word=WORD,
            on_changed=self._received,
            limits=BodyLimits(max_bytes=10_000, timeout=1),
        )

        @web.middleware
        async def note(request: web.Request, handler: Any) -> web.StreamResponse:
            answer = await handler(request)
            raw = await request.read() if request.can_read_body else b""
            try:
                body = json.loads(raw)
            except ValueError:
                body = raw
            self.posted.append((request.path, body, answer.status))
            return answer  # type: ignore[no-any-return]

        app = web.Application(middlewares=[note])
        receiver.mount(app)
        server = TestServer(app)
        await server.start_server()
        self.rooms.push_async_callback(server.close)
        self.address = f"http://127.0.0.1:{server.port}"

    async def _received(self, source_id: str, path: str) -> None:
        self.changed.append(("receiver", source_id, path))

    async def _looked(self, source_id: str, path: str) -> None:
        self.changed.append(("listener", source_id, path))

    async def listen(self, **options: Any) -> Listening:
        """Listen as a process does."""
        bmcs = Bmcs(
            self.sources,
            self.vault,
            self.clock,
            BmcsOptions(bmc=BmcOptions(retries=1, backoff=0.01, left_alone=0.05)),
        )
        await self.rooms.enter_async_context(bmcs)
        given = {"address": self.address, **QUICK, **options}
        listening = Listening(
            self.ledger,
            self.sources,
            bmcs,
            self.clock,
            ListeningOptions(**given),
            word=WORD,
            on_changed=self._looked,
        )
        stop = asyncio.Event()
        self._running.append((stop, asyncio.create_task(listening.run(stop))))
        return listening

    async def stop(self) -> None:
        """Let all that listen end in good order."""
        for stop, running in self._running:
            stop.set()
            await running
        self._running.clear()

    # Sources

    async def _end(self, effects: tuple[Effect, ...]) -> None:
        task = await self.tasks.create(NewTask("source-add", "ann"))
        await self.tasks.change(task.id, Change(state=states.RUNNING))
        await self.tasks.change(task.id, Change(state=states.COMPLETED, effects=effects))

    async def add(self, base: str, user: str, password: str) -> Source:
        source_id = new_source_id()
        source = Source(
            id=source_id, host_name=base, base=base, user=user,
            sealed=self.vault.seal(source_id, password), verify="none", method="Redfish", created=1,
        )  # fmt: skip
        await self._end(self.sources.added(source))
        found = await self.sources.get(source_id)
        assert found is not None
        return found

    async def change(self, old: Source, new: Source) -> None:
        await self._end(self.sources.changed(old, new))

    async def remove(self, source: Source) -> None:
        await self._end(self.sources.removed(source))

    async def told(self) -> list[Event]:
        """Return what is on the stream of BMCs since the last time."""
        return [one for one in await self.news.events() if one.given]


@pytest.fixture
async def stand(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stand]:
    monkeypatch.setattr(listeners, "GRACE", 0.5)
    async with AsyncExitStack() as rooms:
        made = Stand(store, Vault.open(tmp_path / "key"), rooms)
        await made.serve()
        yield made
        await made.stop()


@pytest.fixture
async def fleet() -> AsyncIterator[Callable[..., Awaitable[list[Station]]]]:
    """Emulated BMCs; each has the password ``pw-<number>``."""
    async with AsyncExitStack() as rooms:

        async def make(count: int = 1) -> list[Station]:
            options = FleetOptions(
                count, f"127.7.{next(NUMBERS) % 256}.1", free_port(), password="pw"
            )
            made = stations(options, loads(SCENARIOS), SystemClock())
            await rooms.enter_async_context(Stations(made, SystemClock()))
            return made

        yield make


@pytest.fixture
async def station(fleet: Callable[..., Awaitable[list[Station]]]) -> Station:
    return (await fleet())[0]


@pytest.fixture
async def source(stand: Stand, station: Station) -> Source:
    return await stand.add(station.url, "root", "pw-1")
