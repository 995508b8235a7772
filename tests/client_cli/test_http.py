"""Requests to a service that is not well: what is sent again, and what is said in the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.client_cli.conftest import Desk

Handler = Callable[[web.Request], web.StreamResponse | None]
TASK = {"@odata.id": "/redfish/v1/TaskService/Tasks/t", "Id": "t", "TaskState": "New"}


@contextmanager
def trouble(answer: Handler) -> Iterator[str]:
    """Be a service in which `answer` decides; None breaks the connection off."""

    async def handle(request: web.Request) -> web.StreamResponse:
        found = answer(request)
        if found is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return found

    started = threading.Event()
    loop = asyncio.new_event_loop()
    ports: list[int] = []

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        started.set()
        await ended.wait()
        await runner.cleanup()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


class Script:
    """Answers one after the other, the last one for ever; keeps what was asked."""

    def __init__(self, *answers: Callable[[], web.StreamResponse | None]) -> None:
        self.answers = list(answers)
        self.asked: list[web.Request] = []

    def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self.asked.append(request)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()


def reply(status: int, body: Any = None, **headers: str) -> Callable[[], web.Response]:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.json_response(body, status=status, headers=dashed)


def lost() -> None:
    """Break the connection off."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "")


def ask(desk: Desk, url: str, *arguments: str, wait: str = "20") -> Any:
    env = {"ODIMRA_ACCOUNT": "me", "ODIMRA_PASSWORD": "sesame"}
    return desk.run(*arguments, "--url", url, "--wait", wait, **env)


def test_a_lost_start_is_sent_again_with_the_same_key(desk: Desk) -> None:
    script = Script(lost, reply(202, TASK))
    with trouble(script) as url:
        ask(desk, url, "system", "reset", "x", "--type", "On").ok()
    keys = [one.headers["Idempotency-Key"] for one in script.asked]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 32


def test_what_cannot_be_done_twice_is_not(desk: Desk) -> None:
    script = Script(lost, reply(201, {}))
    with trouble(script) as url:
        done = ask(desk, url, "aggregate", "create", "x")
    assert done.code == 3
    assert "may have been done all the same" in done.err
    assert len(script.asked) == 1


def test_a_busy_service_is_asked_again_when_it_says(desk: Desk) -> None:
    script = Script(reply(503, {}, Retry_After="1"), reply(201, {"Id": "7"}))
    with trouble(script) as url:
        ask(desk, url, "aggregate", "create", "x").ok()
    assert len(script.asked) == 2


def test_a_service_that_stays_busy_is_given_up(desk: Desk) -> None:
    script = Script(reply(503, {"message": "no room"}))
    with trouble(script) as url:
        done = ask(desk, url, "task", "list", wait="0.4")
    assert done.code == 3
    assert "no room" in done.err
    assert done.err.count("trying again") == 1
    assert len(script.asked) > 1


def test_what_is_gone_after_a_lost_delete_was_deleted(desk: Desk) -> None:
    script = Script(lost, reply(404, {}))
    with trouble(script) as url:
        ask(desk, url, "subscription", "delete", "x", "--yes").ok()
        assert ask(desk, url, "subscription", "delete", "x", "--yes").code == 5


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 6), (401, 4), (403, 4), (404, 5), (405, 6), (409, 6), (412, 6), (500, 7), (502, 7)],
)
def test_each_refusal_has_its_exit_code(desk: Desk, status: int, code: int) -> None:
    with trouble(Script(reply(status, {"error": {"message": "because\x1b[2J"}}))) as url:
        done = ask(desk, url, "task", "list")
    assert done.code == code
    assert "\x1b" not in done.err
    assert "sesame" not in done.err
    if status != 401:
        assert "because" in done.err


@pytest.mark.parametrize("body", ["<html>", "[]", "", "3"])
def test_who_is_no_odimra_is_told_so(desk: Desk, body: str) -> None:
    with trouble(lambda _: web.Response(text=body)) as url:
        for arguments in (("task", "list"), ("system", "show", "x"), ("login",)):
            done = ask(desk, url, *arguments)
            assert done.code == 7, arguments
            assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"@Message.ExtendedInfo": [{"Message": "A."}, {"Message": "B."}]}}, "A. B."),
        ({"code": 400, "message": "crest"}, "crest"),
        ({"faultstring": "kitty"}, "kitty"),
        ({"object": {"message": "out", "partialResults": [{"message": "in"}]}}, "in"),
        ([1], "HTTP status 400"),
        (None, "HTTP status 400"),
    ],
)
def test_every_dialect_of_errors_is_understood(desk: Desk, body: Any, said: str) -> None:
    with trouble(Script(reply(400, body))) as url:
        assert said in ask(desk, url, "task", "list").err


def test_a_link_leads_to_no_other_host(desk: Desk) -> None:
    """Who answers cannot have the proof of an account sent elsewhere."""
    elsewhere = Script(reply(200, TASK))
    with trouble(elsewhere) as other:
        host = other.removeprefix("http://")
        for link in (f"{other}/x", f"@{host}/x", f"//{host}/x"):
            task = {**TASK, "TaskState": "Running", "SubTasks": {"@odata.id": link}}
            script = Script(reply(200, task))
            with trouble(script) as url:
                ask(desk, url, "task", "show", "t")
        script = Script(lambda: web.Response(status=302, headers={"Location": f"{other}/x"}))
        with trouble(script) as url:
            assert ask(desk, url, "task", "show", "t").code == 7
    assert elsewhere.asked == []
