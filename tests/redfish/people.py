"""Accounts, roles and sessions behind the real frame on a real socket, and people who use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp_session
import orjson
import pytest
from aiohttp import ClientSession, web

from odimra.access import Access, AccessOptions, HashingOptions, SessionLimits
from odimra.access.session_storage import TokenStorage
from odimra.redfish import account_service, accounts, roles, service_root, sessions
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.query import QueryOptions
from odimra.redfish.server import RedfishRunner
from odimra.store import Store
from tests.fakes import FakeClock
from tests.redfish.conftest import Answer, basic

SERVICE = "/redfish/v1/AccountService"
ACCOUNTS = f"{SERVICE}/Accounts"
ROLES = f"{SERVICE}/Roles"
SESSIONS = "/redfish/v1/SessionService/Sessions"
PASSWORD = "correct horse"


@dataclass
class People:
    """``root`` administers, ``op`` operates, ``reader`` reads; ask with ``who``, by HTTP Basic."""

    http: ClientSession
    base: str
    access: Access
    clock: FakeClock
    store: Store
    said: list[str] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        uri: str,
        body: object = None,
        *,
        who: str | None = "root",
        token: str | None = None,
        password: str = PASSWORD,
        **headers: str,
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["X-Auth-Token"] = token
        elif who is not None:
            given["Authorization"] = basic(who, password)
        data = None if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        if data is not None:
            given["Content-Type"] = "application/json"
        async with self.http.request(method, self.base + uri, data=data, headers=given) as answer:
            raw = await answer.read()
            self.said.append(f"{answer.headers} {raw!r}")
            assert "Set-Cookie" not in answer.headers
            return Answer(answer.status, answer.headers.copy(), raw)

    async def get(self, uri: str, **more: Any) -> Answer:
        return await self.ask("GET", uri, **more)

    async def post(self, uri: str, body: object, **more: Any) -> Answer:
        return await self.ask("POST", uri, body, **more)

    async def patch(self, uri: str, body: object, **more: Any) -> Answer:
        return await self.ask("PATCH", uri, body, **more)

    async def delete(self, uri: str, **more: Any) -> Answer:
        return await self.ask("DELETE", uri, **more)

    async def login(self, name: str, password: str = PASSWORD) -> str:
        body = {"UserName": name, "Password": password}
        answer = await self.post(SESSIONS, body, who=None)
        assert answer.status == 201, answer.raw
        return str(answer.headers["X-Auth-Token"])


@pytest.fixture
async def people(store: Store, clock: FakeClock) -> AsyncIterator[People]:
    options = AccessOptions(
        hashing=HashingOptions(1, 8, 1, 2), limits=SessionLimits(5, 8), max_accounts=6
    )
    access, messages, query = Access(store, options, clock), Messages.load(), QueryOptions()
    for name, role in (("root", "Administrator"), ("op", "Operator"), ("reader", "ReadOnly")):
        await access.accounts.create(name, PASSWORD, role)
    found = [
        *account_service.resources(access),
        *accounts.resources(access, clock),
        *roles.resources(access),
        *sessions.resources(access, messages),
    ]
    frame = Frame(
        [*service_root.resources("u-u-i-d", "1", query, found), *found],
        access,
        messages,
        FrameOptions(),
        privileges=PrivilegeMap.load(),
        translations={**accounts.TRANSLATIONS, **roles.TRANSLATIONS, **sessions.TRANSLATIONS},
    )
    app = web.Application()
    aiohttp_session.setup(app, TokenStorage(access.sessions))
    frame.mount(app)
    runner = RedfishRunner(app, frame.error_response)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as http:
        yield People(http, f"http://127.0.0.1:{runner.addresses[0][1]}", access, clock, store)
    await runner.cleanup()
    access.close()
