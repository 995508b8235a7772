"""Requests to a service that is not well: what is sent again, and what is said in the end."""

from __future__ import annotations

import asyncio
import json
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
        for stream in (f"@{host}/x", "/SSE"):

            def answer(request: web.Request, stream: str = stream) -> web.StreamResponse:
                if request.path == "/SSE":
                    return web.Response(status=302, headers={"Location": f"{other}/x"})
                return web.json_response({"ServerSentEventUri": stream})

            with trouble(answer) as url:
                assert ask(desk, url, "events", "tail", wait="0").code == 7
    assert elsewhere.asked == []


RUNNING = {**TASK, "TaskState": "Running", "PercentComplete": 5}
DONE = {**TASK, "TaskState": "Completed", "PercentComplete": 100}


def test_a_watcher_goes_on_through_trouble_and_through_a_task_that_does_not_change(
    desk: Desk,
) -> None:
    same = lambda: web.Response(status=304)  # noqa: E731
    script = Script(
        reply(200, RUNNING, ETag='"1"'), same, reply(502), lost, reply(503, {}), reply(200, DONE)
    )
    with trouble(script) as url:
        done = ask(desk, url, "task", "watch", "t").ok()
    assert [line[1] for line in done.lines] == ["Running", "Completed"]
    assert "the service answers again" in done.err
    assert script.asked[1].headers["If-None-Match"] == '"1"'


def test_a_task_that_is_removed_under_its_watcher(desk: Desk) -> None:
    with trouble(Script(reply(200, RUNNING), reply(404, {}))) as url:
        done = ask(desk, url, "task", "watch", "t")
    assert done.code == 5
    assert "was removed; it was last seen in state Running" in done.err


def test_a_first_look_that_fails_is_not_waited_for(desk: Desk) -> None:
    with trouble(Script(reply(500, {}))) as url:
        assert ask(desk, url, "task", "watch", "t").code == 7
    with trouble(Script(reply(200, {"Id": "x"}))) as url:
        assert "is no task" in ask(desk, url, "task", "watch", "t").err


def test_of_several_watched_each_failure_is_told(desk: Desk) -> None:
    def answer(request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        message = {"MessageSeverity": "Critical", "Message": f"{name} burns", "MessageId": "x"}
        task = {**TASK, "@odata.id": request.path, "TaskState": "Exception", "Messages": [message]}
        return web.json_response(DONE if name == "good" else task)

    with trouble(answer) as url:
        done = ask(desk, url, "task", "watch", "good", "a", "b")
    assert done.code == 1
    assert "a burns" in done.err
    assert "b burns" in done.err
    assert "2 of 3 have not ended well" in done.err


def test_sub_tasks_that_cannot_be_read_are_as_they_were(desk: Desk) -> None:
    subs = {"@odata.id": f"{TASK['@odata.id']}/SubTasks"}
    seen = [0]

    def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("SubTasks"):
            seen[0] += 1
            one = {**RUNNING, "@odata.id": request.path + "/s", "Id": "s"}
            page = {"Members": [one], "Members@odata.count": 1}
            return web.json_response(page, status=200 if seen[0] % 2 else 502)
        state = "Completed" if seen[0] > 2 else "Running"
        return web.json_response({**RUNNING, "TaskState": state, "SubTasks": subs})

    with trouble(answer) as url:
        done = ask(desk, url, "task", "watch", "t").ok()
    assert [line[:2] for line in done.lines] == [
        ["t/s", "Running"],
        ["t", "Running"],
        ["t", "Completed"],
    ]


def test_the_output_of_a_bulk_script_grows_through_trouble(desk: Desk) -> None:
    def result(items: int, console: str, status: str, **more: Any) -> Any:
        item = {"value": {"@type": "x", "oid": "1"}, "result": {"status": "success"}}
        data = {"item": [item] * items if items != 1 else item, **more}
        output = {"dataOutput": data, "consoleOutput": console, "result": {"status": status}}
        return reply(200, {"object": output})

    script = Script(
        result(2, "a\n", "in_progress"),
        reply(500, {}),
        result(1, "a\nb\n", "in_progress"),
        result(0, "a\nb\n", "partial_error", hiddenRecordsCount=7),
    )
    with trouble(script) as url:
        done = ask(desk, url, "bulk", "watch", "x")
    assert done.code == 1
    assert len(done.lines) == 3
    told = [line for line in done.err.splitlines() if line in ("a", "b")]
    assert told == ["a", "b"]
    assert "7 more items were not kept" in done.err
    assert [one.query["offset"] for one in script.asked] == ["0", "2", "2", "3"]


def test_a_stream_that_breaks_off_is_opened_where_it_was(desk: Desk) -> None:
    def event(number: int) -> str:
        one = {"EventId": str(number), "MessageId": "x", "Message": f"event {number}"}
        return f'id: {number}\ndata: {{"Events": [{json.dumps(one)}]}}\n\n'

    streams = Script(
        lambda: web.Response(text=": open\n\nid: 1\n\n" + event(2)),
        reply(503, {}),
        lost,
        lambda: web.Response(text=event(3)),
    )

    def answer(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("SSE"):
            return streams(request)
        return web.json_response({"ServerSentEventUri": "/SSE"})

    with trouble(answer) as url:
        done = ask(desk, url, "events", "tail", "--count", "2").ok()
        assert [line[3] for line in done.lines] == ["event 2", "event 3"]
        asked = [one.headers.get("Last-Event-ID") for one in streams.asked]
        assert asked[0] is None
        assert set(asked[1:]) == {"2"}
        streams.answers = [reply(503, {"message": "too many"})]
        assert ask(desk, url, "events", "tail", wait="0.3").code == 3
        streams.answers = [lambda: web.Response(text="data: 3\n\n")]
        assert ask(desk, url, "events", "tail", wait="0").code == 7
    with trouble(lambda _: web.json_response({})) as url:
        assert ask(desk, url, "events", "tail").code == 7


def test_a_home_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    desk = Desk(tmp_path / "home", "")
    desk.env["XDG_CONFIG_HOME"] = str(tmp_path / "file")
    session = reply(201, {}, X_Auth_Token="t", Location="/s")
    script = Script(reply(200, {"RedfishVersion": "1"}), session, reply(204))
    with trouble(script) as url:
        done = ask(desk, url, "login")
    assert done.code == 2
    assert "cannot be" in done.err
    assert "Traceback" not in done.err
