"""Bodies are received and read with the same care as those of the Redfish face."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from odimra.wire import BodyLimits
from tests.crest.conftest import Desk, MakeDesk

ONE = "managed/user/1"
NOT_JSON = "The request could not be processed because the provided content is not valid JSON"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}", "32 levels deep"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
        (b'{"a": ' + b"1" * 400 + b"}", "number"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": 1,}', "line 1 column 8"),
        (b'{"a": "$\\{x}", "a": 2}', "escape"),
    ],
)
async def test_json_that_is_none_of_ours_is_told_by_its_place(
    desk: Desk, body: bytes, detail: str
) -> None:
    answer = await desk.ask("PUT", ONE, body)
    assert answer.said == (400, NOT_JSON)
    assert detail in answer.body["detail"]
    assert await desk.records.count("managed/user") == 0


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        ("application/json", 201),
        ("application/json;charset=UTF-8", 201),
        ("application/json; charset=latin-1", 400),
        ("application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_is_declared_as_json_in_utf_8(desk: Desk, declared: str, status: int) -> None:
    assert (await desk.ask("PUT", ONE, b"{}", Content_Type=declared)).status == status


async def test_a_long_body_is_read_beside_the_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    beside: list[Any] = []
    ordinary = loop.run_in_executor

    def run(executor: Any, function: Any, *args: Any) -> Any:
        beside.append(function)
        return ordinary(executor, function, *args)

    monkeypatch.setattr(loop, "run_in_executor", run)
    await desk.ask("PUT", ONE, b'{"a": "' + b"x" * 70_000 + b'"}')
    assert len(beside) == 1


async def test_a_body_that_does_not_come_is_408(make_desk: MakeDesk) -> None:
    desk = await make_desk(body=BodyLimits(timeout=0.05))
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
    writer.write(
        b"PUT /openidm/managed/user/1 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    body = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert body.startswith(b'{"code":408,"reason":"Request Timeout",')
