"""aiohttp-session on Redfish sessions, over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp_session
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from odimra.access import Access
from odimra.access.session_storage import TokenStorage
from tests.access.conftest import PASSWORD


@pytest.fixture
async def client(access: Access, aiohttp_client: Callable[..., Any]) -> TestClient[Any, Any]:
    async def show(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        return web.json_response({"new": session.new, "kept": dict(session)})

    async def keep(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        session["seen"] = session.get("seen", 0) + 1
        return web.Response()

    async def end(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        if "meanwhile" in request.query:
            await access.sessions.close(session.identity)
        session.invalidate()
        return web.Response()

    app = web.Application()
    aiohttp_session.setup(app, TokenStorage(access.sessions))
    app.add_routes([web.get("/", show), web.post("/", keep), web.delete("/", end)])
    client: TestClient[Any, Any] = await aiohttp_client(app)
    return client


async def _kept(client: TestClient[Any, Any], token: str) -> Any:
    response = await client.get("/", headers={"X-Auth-Token": token})
    return await response.json()


async def test_a_handler_keeps_something_with_the_session_of_the_token(
    access: Access, client: TestClient[Any, Any]
) -> None:
    _, token = await access.login("op", PASSWORD)
    _, other = await access.login("op", PASSWORD)
    assert await _kept(client, token) == {"new": False, "kept": {}}
    for _ in range(2):
        response = await client.post("/", headers={"X-Auth-Token": token})
        assert "Set-Cookie" not in response.headers
    assert await _kept(client, token) == {"new": False, "kept": {"seen": 2}}
    assert await _kept(client, other) == {"new": False, "kept": {}}


@pytest.mark.parametrize(
    "headers", [{}, {"X-Auth-Token": "0" * 64}, {"Cookie": "AIOHTTP_SESSION=1"}]
)
async def test_without_a_session_nothing_is_kept_and_no_cookie_set(
    access: Access, client: TestClient[Any, Any], headers: dict[str, str]
) -> None:
    response = await client.post("/", headers=headers)
    assert response.status == 200
    assert "Set-Cookie" not in response.headers
    shown = await client.get("/", headers=headers)
    assert await shown.json() == {"new": True, "kept": {}}
    assert await access.sessions.count() == 0


@pytest.mark.parametrize("query", ["", "?meanwhile=1"])
async def test_an_invalidated_session_is_closed(
    access: Access, client: TestClient[Any, Any], query: str
) -> None:
    _, token = await access.login("op", PASSWORD)
    response = await client.delete(f"/{query}", headers={"X-Auth-Token": token})
    assert response.status == 200
    assert await access.sessions.find(token) is None
    assert await access.sessions.count() == 0
