"""The face of server-sent events on a real socket, and clients that listen to it.

``python -m tests.events.station URL NAMESPACE`` serves in a process of its own, to be killed; it
prints its port.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from odimra.access import Principal
from odimra.clock import SystemClock
from odimra.events import (
    EventSettings,
    Feed,
    FeedOptions,
    StreamOptions,
    Streams,
    SubscriptionOptions,
    Subscriptions,
    Teller,
    TestEvents,
    Wording,
    event_service_settings,
)
from odimra.redfish import event_destinations, event_service, event_tests, sse
from odimra.redfish.event_json import STREAM, EventRepresentation
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.server import RedfishRunner
from odimra.store import Store, StoreOptions

PRIVILEGES = frozenset({"Login", "ConfigureManager", "ConfigureComponents", "ConfigureSelf"})
SEES_ALL = {"root"}


class Doorman:
    """Believes the token to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        name = token or ""
        held = PRIVILEGES if name != "guest" else frozenset({"Login", "ConfigureSelf"})
        return Principal(name, "", held, "1", False, f"/redfish/v1/{name}")


@dataclass
class Listener:
    """What a client hears; ``messages`` are id and payload, ``comments`` the rest."""

    response: aiohttp.ClientResponse
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    last_id: str = ""
    ended: bool = False

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for _, payload in self.messages for record in payload["Events"]]

    @property
    def heard(self) -> list[str]:
        """The keys of all messages."""
        return [record["MessageId"].rpartition(".")[2] for record in self.records]

    @property
    def tasks(self) -> list[str]:
        """The keys of those on tasks."""
        return [key for key in self.heard if key.startswith("Task")]

    @property
    def context(self) -> str:
        return str(self.messages[-1][1]["Context"])

    async def listen(self) -> None:
        """Hear until the end."""
        rest = b""
        try:
            async for data in self.response.content.iter_any():
                *whole, rest = (rest + data).split(b"\n\n")
                for block in whole:
                    self._hear(block.decode())
        except aiohttp.ClientError:
            pass  # cut off
        self.ended = True

    def _hear(self, block: str) -> None:
        self.blocks.append(block)
        fields = [line.partition(": ")[::2] for line in block.split("\n")]
        for name, value in fields:
            if name == "id":
                self.last_id = value
        data = "\n".join(value for name, value in fields if name == "data")
        if data:
            self.messages.append((self.last_id, json.loads(data)))


class Station:
    """One API process's worth of it."""

    def __init__(self, store: Store, limit: int = 5, lease: float = 15.0, **options: Any) -> None:
        self.store = store
        clock = SystemClock()
        messages = Messages.load()
        shown = EventRepresentation(messages)
        self.subscriptions = Subscriptions(store, SubscriptionOptions(), clock)
        self.settings = event_service_settings(store, EventSettings())
        self.streams = Streams(store, StreamOptions(limit, lease), clock)
        #: Accounts that may hear of nothing any more.
        self.barred: set[str] = set()
        self.sees_all = set(SEES_ALL)
        self.rendered: list[str] = []

        def render(event: Any) -> Any:
            self.rendered.append(event.id)
            return shown.event(event)

        self.feed = Feed(
            self.streams,
            self.settings,
            clock,
            replace(FeedOptions(check=0.05, patience=2), **options),
            Teller(Wording(render, shown.gap, shown.terminated)),
            sight=self._sight,
        )
        self.frame = Frame(
            [
                *event_service.resources(self.settings),
                *event_destinations.resources(self.subscriptions, self.streams, messages),
                *event_tests.resources(TestEvents(store), self.settings, lambda uri: ""),
                *sse.resources(self.feed, ""),
            ],
            Doorman(),
            messages,
            FrameOptions(),
            privileges=PrivilegeMap.load(),
            translations={**event_destinations.TRANSLATIONS, **sse.TRANSLATIONS},
        )
        app = web.Application()
        self.frame.mount(app)
        app.on_startup.append(lambda app: self.feed.start())
        app.on_shutdown.append(lambda app: self.feed.stop())
        self.runner = RedfishRunner(
            app, self.frame.error_response, handler_cancellation=False, shutdown_timeout=5
        )
        self.url = ""

    async def _sight(self, account: str) -> bool | None:
        return None if account in self.barred else account in self.sees_all

    async def start(self, **site: Any) -> None:
        await self.runner.setup()
        listening = web.TCPSite(self.runner, "127.0.0.1", 0, **site)
        await listening.start()
        scheme = "https" if site.get("ssl_context") else "http"
        assert listening._server is not None
        port = listening._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"{scheme}://127.0.0.1:{port}"

    async def stop(self) -> None:
        await self.runner.cleanup()


MakeStation = Callable[..., Awaitable[Station]]


class Clients:
    """Asks and listens."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._listening: list[asyncio.Task[None]] = []

    async def ask(
        self, method: str, url: str, body: object = None, who: str = "root", **headers: str
    ) -> tuple[int, dict[str, Any], Any]:
        given = {"X-Auth-Token": who} | {k.replace("_", "-"): v for k, v in headers.items()}
        # A stream where an answer is meant has no end.
        limit = aiohttp.ClientTimeout(total=15)
        async with self.session.request(
            method, url, json=body, headers=given, timeout=limit
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}, answer.headers

    async def open(
        self, url: str, query: str = "", who: str = "root", **headers: str
    ) -> aiohttp.ClientResponse:
        """Open a stream and read nothing of it."""
        given = {"X-Auth-Token": who} | {k.replace("_", "-"): v for k, v in headers.items()}
        response = await self.session.get(f"{url}{STREAM}{query}", headers=given)
        assert response.status == 200, await response.text()
        return response

    async def listen(self, url: str, filter: str = "", who: str = "root", **h: str) -> Listener:
        query = f"?$filter={quote(filter)}" if filter else ""
        listener = Listener(await self.open(url, query, who, **h))
        self._listening.append(asyncio.create_task(listener.listen()))
        await until(lambda: listener.blocks)
        return listener

    async def close(self) -> None:
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)


@asynccontextmanager
async def clients() -> AsyncIterator[Clients]:
    connector = aiohttp.TCPConnector(limit=0, ssl=False)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        made = Clients(session)
        yield made
        await made.close()


async def until(condition: Callable[[], object | Awaitable[object]], seconds: float = 10) -> None:
    """Return when it is so; real sockets take real time."""
    deadline = time.monotonic() + seconds
    while True:
        met = condition()
        if isinstance(met, Awaitable):
            met = await met
        if met:
            return
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    station = Station(store, lease=1.0)
    await station.start()
    print(station.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
