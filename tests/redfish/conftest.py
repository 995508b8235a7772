"""A frame of a few small resources on a real socket, and a client that reads Redfish's answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, TCPConnector, web
from yarl import URL

from odimra.access import AuthenticationFailed, Principal
from odimra.redfish import service_root
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.lane import FastLane
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.query import QueryOptions
from odimra.redfish.resource import Resource
from odimra.redfish.server import RedfishRunner
from odimra.wire import BodyLimits
from tests.redfish.shop import Shop

ACCOUNTS = "/redfish/v1/AccountService/Accounts"

ROLES = {
    "admin": {
        "Login",
        "ConfigureManager",
        "ConfigureUsers",
        "ConfigureComponents",
        "ConfigureSelf",
    },
    "operator": {"Login", "ConfigureComponents", "ConfigureSelf"},
    "reader": {"Login", "ConfigureSelf"},
    "fresh": {"Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf"},
}


class Doorman:
    """Knows four accounts; the token is the name, the password too. ``fresh`` must change hers."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        self.asked += 1
        name = token if token is not None else basic[0] if basic and basic[0] == basic[1] else ""
        if name not in ROLES:
            raise AuthenticationFailed
        return Principal(
            name,
            "Some",
            frozenset(ROLES[name]),
            None if token is None else f"s-{name}",
            name == "fresh",
            f"{ACCOUNTS}/{name}",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body["error"]["@Message.ExtendedInfo"])

    @property
    def keys(self) -> list[str]:
        """The keys of the messages: PropertyUnknown, ..."""
        return [one["MessageId"].rpartition(".")[2] for one in self.messages]

    @property
    def members(self) -> list[str]:
        return [one["@odata.id"].rpartition("/")[2] for one in self.body["Members"]]


@dataclass
class Desk:
    """Where a client stands. ``user`` None is nobody."""

    session: ClientSession
    base: str
    port: int
    shop: Shop
    doorman: Doorman

    async def ask(
        self,
        method: str,
        uri: str,
        body: object = None,
        *,
        user: str | None = "admin",
        data: bytes | None = None,
        **headers: str,
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            given.setdefault("X-Auth-Token", user)
        if body is not None:
            data = orjson.dumps(body)
            given.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method,
            URL(self.base + uri, encoded=True),
            data=data,
            headers=given,
            skip_auto_headers=["Accept", "Content-Type"],
        ) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def get(self, uri: str, **more: Any) -> Answer:
        return await self.ask("GET", uri, **more)

    async def patch(self, uri: str, body: object, **more: Any) -> Answer:
        return await self.ask("PATCH", uri, body, **more)

    async def post(self, uri: str, body: object, **more: Any) -> Answer:
        return await self.ask("POST", uri, body, **more)

    async def send(self, text: bytes) -> bytes:
        """Write bytes to a connection of their own and return all that comes until it closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        await writer.drain()
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return received


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture(scope="session")
def messages() -> Messages:
    return Messages.load()


@pytest.fixture(scope="session")
def privileges() -> PrivilegeMap:
    return PrivilegeMap.load()


@pytest.fixture
async def open_desk(messages: Messages, privileges: PrivilegeMap) -> AsyncIterator[Open]:
    """Make a desk; its options bound bodies and queries, ``more`` are further resources."""
    opened: list[tuple[RedfishRunner, ClientSession]] = []

    async def make(
        *,
        body: BodyLimits | None = None,
        query: QueryOptions | None = None,
        public_url: str = "",
        more: list[Resource] | None = None,
        mount: Callable[[web.Application], None] | None = None,
        header_timeout: float | None = None,
        lane: FastLane | None = None,
    ) -> Desk:
        shop, doorman = Shop(), Doorman()
        query = query or QueryOptions()
        found = [*shop.resources(), *(more or [])]
        frame = Frame(
            [*service_root.resources("u-u-i-d", "1", query, found), *found],
            doorman,
            messages,
            FrameOptions(body or BodyLimits(), query, public_url),
            privileges=privileges,
            translations=shop.translations,
            lane=lane,
        )
        app = web.Application()
        if mount is not None:
            mount(app)
        frame.mount(app)
        # What a client still sends after its answer is thrown away for a moment only.
        runner = RedfishRunner(
            app, frame.error_response, header_timeout=header_timeout, lane=lane, lingering_time=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        session = ClientSession(connector=TCPConnector(force_close=False))
        opened.append((runner, session))
        return Desk(session, f"http://127.0.0.1:{port}", port, shop, doorman)

    yield make
    for runner, session in opened:
        await session.close()
        await runner.cleanup()


@pytest.fixture
async def desk(open_desk: Open) -> Desk:
    return await open_desk()
