"""``/openapi.json`` over HTTP: to everybody, with an ETag."""

from __future__ import annotations

import hashlib

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from odimra.describe.serving import Description


def serving() -> tuple[web.Application, list[int]]:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"openapi": len(made)}

    app = web.Application()
    Description(make).mount(app)
    return app, made


async def test_it_is_made_once_and_answered_to_everybody() -> None:
    app, made = serving()
    async with TestClient(TestServer(app)) as client:
        for _ in range(3):
            answer = await client.get("/openapi.json")
            assert (answer.status, await answer.json()) == (200, {"openapi": 1})
            assert answer.headers["Content-Type"] == "application/json"
    assert len(made) == 1


async def test_who_has_it_is_told_so() -> None:
    app, _ = serving()
    etag = f'"{hashlib.sha256(orjson.dumps({"openapi": 1})).hexdigest()[:32]}"'
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/openapi.json")
        assert answer.headers["ETag"] == etag
        for known in (etag, f"W/{etag}", "*", f'"other", {etag}'):
            again = await client.get("/openapi.json", headers={"If-None-Match": known})
            assert (again.status, await again.read()) == (304, b"")
            assert again.headers["ETag"] == etag
        other = await client.get("/openapi.json", headers={"If-None-Match": '"other"'})
        assert other.status == 200


async def test_it_is_only_read() -> None:
    app, _ = serving()
    async with TestClient(TestServer(app)) as client:
        head = await client.head("/openapi.json")
        assert (head.status, await head.read()) == (200, b"")
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = await client.request(method, "/openapi.json")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
