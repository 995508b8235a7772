"""Both faces of the composed service: each answers for its own paths, in its own words only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from odimra.app import INITIAL_PASSWORD, first_start
from odimra.config import load
from odimra.faces import application
from odimra.house import build
from odimra.redfish.server import RedfishRunner
from tests.redfish.conftest import basic

PASSWORD = "correct horse battery"
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
SESSIONS = "/redfish/v1/SessionService/Sessions"


@pytest.fixture
async def service(
    valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ClientSession, str]]:
    monkeypatch.setenv(INITIAL_PASSWORD, PASSWORD)
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"faces{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        await first_start(house)
        app, frame, lane = application(house, "u-u-i-d")
        runner = RedfishRunner(app, frame.error_response, lane=lane, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


async def ask(
    service: tuple[ClientSession, str], method: str, path: str, **more: Any
) -> tuple[int, Any, Any]:
    session, base = service
    url = URL(base + path, encoded=True)
    async with session.request(method, url, **more) as answer:
        body = await answer.json() if answer.content_length else None
        return answer.status, body, answer.headers


async def token(service: tuple[ClientSession, str]) -> str:
    login = {"UserName": "admin", "Password": PASSWORD}
    status, _, headers = await ask(service, "POST", SESSIONS, json=login)
    assert status == 201
    return str(headers["X-Auth-Token"])


async def test_a_session_of_one_face_is_one_of_the_other(
    service: tuple[ClientSession, str],
) -> None:
    path, bearer = "/openidm/managed/user/anne", f"Bearer {await token(service)}"
    given = {"Authorization": bearer, "Accept-API-Version": "resource=1.0"}
    status, made, _ = await ask(service, "PUT", path, json={"mail": "a@b"}, headers=given)
    assert (status, made["mail"]) == (201, "a@b")
    basically = {"Authorization": basic("admin", PASSWORD)}
    status, _, _ = await ask(service, "GET", path, headers=basically)
    assert status == 200
    # Redfish knows no such scheme.
    status, _, _ = await ask(service, "GET", "/redfish/v1/Systems", headers=given)
    assert status == 401


async def test_machines_are_read_as_records(service: tuple[ClientSession, str]) -> None:
    given = {"X-Auth-Token": await token(service)}
    path = "/openidm/redfish/Systems?_queryFilter=true&_pageSize=1"
    _, found, _ = await ask(service, "GET", path, headers=given)
    (record,) = found["result"]
    _, system, _ = await ask(service, "GET", record["@odata.id"], headers=given)
    assert record["_id"] == system["Id"]
    for name in ("Id", "Name", "PowerState"):
        assert record[name] == system[name]
    one = f"/openidm/redfish/Systems/{record['_id']}"
    for method, body in (("PUT", {}), ("PATCH", []), ("DELETE", None)):
        status, said, _ = await ask(service, method, one, json=body, headers=given)
        assert (status in (403, 501), said["code"]) == (True, status)


async def test_below_openidm_nothing_answers_as_redfish_does(
    service: tuple[ClientSession, str],
) -> None:
    known = {"X-Auth-Token": await token(service)}
    paths = (
        "/openidm",
        "/openidm/",
        "/openidm/nothing/here/at/all",
        "/openidm//managed",
        "/openidm/managed/user",
        "/openidm/managed/user/nobody",
        "/openidm/redfish/Systems/nothing",
        "/openidm/scheduler/job/nothing",
        "/openidm/taskscanner/nothing",
        "/openidm/redfish/v1",
    )
    for path in paths:
        for method in METHODS:
            for given in (known, {}, {"X-Auth-Token": "wrong"}):
                status, body, headers = await ask(service, method, path, headers=given)
                assert status >= 400, (method, path)
                assert body["code"] == status
                assert "error" not in body
                assert "OData-Version" not in headers


async def test_elsewhere_nothing_answers_as_crest_does(service: tuple[ClientSession, str]) -> None:
    known = {"X-Auth-Token": await token(service)}
    for path in ("/openidmx", "/OpenIDM", "/redfish/v1/openidm", "/managed/user"):
        for given in (known, {}):
            status, body, _ = await ask(service, "GET", path, headers=given)
            assert status == 404, path
            assert "@Message.ExtendedInfo" in body["error"]
            assert "code" not in body
