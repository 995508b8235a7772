"""The API of rating behind a socket, on a real store, with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDictProxy

from odimra.access import AuthenticationFailed, HashingBusy, Principal
from odimra.cloudkitty.frame import CloudKitty, RatingOptions
from odimra.cloudkitty.frames import FramesEndpoint
from odimra.cloudkitty.hashmap import HashmapEndpoint
from odimra.cloudkitty.info import InfoEndpoint
from odimra.cloudkitty.modules import ModulesEndpoint
from odimra.cloudkitty.reprocesses import ReprocessesEndpoint
from odimra.cloudkitty.scopes import ScopesEndpoint
from odimra.idempotency import Idempotency
from odimra.jobs.reprocess.resetting import Resetting
from odimra.store import Store, StoreUnavailable
from odimra.tasks.retries import Answers, RetryOptions
from odimra.wire import BodyLimits
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, Yard

REPROCESSES = "/v2/task/reprocesses"
HASHMAP = "/v1/rating/module_config/hashmap"


def somebody(name: str, *privileges: str, change: bool = False) -> Principal:
    return Principal(name, "R", frozenset(privileges), "1", change, f"/redfish/v1/{name}")


WHO = {
    "admin": somebody("admin", "Login", "ConfigureComponents", "ConfigureUsers"),
    # Of project p1; see below.
    "member": somebody("member", "Login", "ConfigureComponents"),
    "deputy": somebody("deputy", "Login", "ConfigureUsers"),
    "guest": somebody("guest", "Login"),
    "new": somebody("new", "Login", "ConfigureUsers", change=True),
}


class Doorman:
    """Believes the token, or the name of HTTP Basic, to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        name = token if basic is None else basic[0]
        if name == "away":
            raise StoreUnavailable("it is away", 7)
        if name == "busy":
            raise HashingBusy
        if name not in WHO:
            raise AuthenticationFailed
        return WHO[name]


class Answered:
    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def said(self) -> tuple[int, str]:
        """Status and text of an error, which is worded as its half of the API has it."""
        if "faultstring" in self.body:
            side = "Client" if self.status < 500 else "Server"
            assert self.body == {
                "faultcode": side,
                "faultstring": self.body["faultstring"],
                "debuginfo": None,
            }
            return self.status, self.body["faultstring"]
        assert list(self.body) == ["message"], self.body
        return self.status, self.body["message"]


class Desk:
    """Asks, as somebody."""

    def __init__(self, client: Any, yard: Yard) -> None:
        self.client = client
        self.yard = yard

    async def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            given.setdefault("X-Auth-Token", who)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
        answer = await self.client.request(method, path, data=data, headers=given)
        content = await answer.read()
        return Answered(answer.status, answer.headers, json.loads(content) if content else None)

    async def get(self, path: str, who: str | None = "admin", **headers: str) -> Answered:
        return await self.ask("GET", path, who=who, **headers)

    async def post(
        self, path: str, body: Any, who: str | None = "admin", **headers: str
    ) -> Answered:
        return await self.ask("POST", path, body, who, **headers)

    async def made(self, path: str, body: Any) -> Any:
        """Make a rule; return it."""
        answer = await self.post(f"{HASHMAP}/{path}", body)
        assert answer.status == 201, answer.body
        return answer.body


@pytest.fixture
async def yard(store: Store, clock: FakeClock) -> AsyncIterator[Yard]:
    async with Yard(store, clock) as one:
        yield one


MakeDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
def make_desk(yard: Yard, aiohttp_client: Callable[..., Any]) -> MakeDesk:
    async def make(*, cycle: bool = False) -> Desk:
        resetting = Resetting(yard.store, yard.scopes, yard.usage, period=PERIOD)
        routes = [
            *ReprocessesEndpoint(yard.windows, yard.scopes, period=PERIOD, cycle=cycle).routes(),
            *ScopesEndpoint(yard.scopes, resetting, key="project_id").routes(),
            *FramesEndpoint(yard.usage, yard.scopes, yard.clock, key="project_id").routes(),
            *ModulesEndpoint(yard.rules).routes(),
            *HashmapEndpoint(yard.rules).routes(),
            *InfoEndpoint(
                yard.rules, yard.scopes, period=PERIOD, wait=2, key="project_id"
            ).routes(),
        ]
        options = RatingOptions(BodyLimits(max_bytes=100_000), "", {"member": ["p1"]})
        answers = Idempotency(Answers(yard.store, RetryOptions()))
        app = web.Application(middlewares=[answers.middleware])
        CloudKitty(routes, Doorman(), options).mount(app)
        return Desk(await aiohttp_client(app), yard)

    return make


@pytest.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    return await make_desk()
