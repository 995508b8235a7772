"""Who is let in, what a request may say, and how whatever is wrong with it is told."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.records.records import Records
from tests.crest.conftest import Desk, MakeDesk

USER = "managed/user"


async def test_who_is_not_known_is_told_nothing(desk: Desk) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic !!"},
        {"X_Auth_Token": "wrong"},
    ):
        for path in ("managed/user/1", "nothing/at/all", ""):
            answer = await desk.get(path, who=None, **headers)
            assert answer.said == (401, "Access Denied")
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="odimra"'


async def test_the_ways_to_say_who_one_is(desk: Desk) -> None:
    for headers in (
        {"Authorization": "Bearer guest"},
        {"Authorization": "bearer  guest "},
        {"X_Auth_Token": "guest"},
        {"Authorization": "Basic Z3Vlc3Q6eA=="},
    ):
        answer = await desk.get("managed/user?_queryFilter=true", who=None, **headers)
        assert answer.status == 200


async def test_privileges(desk: Desk) -> None:
    assert (await desk.get(f"{USER}?_queryFilter=true", who="nobody")).said == (
        403, "This needs the privilege Login",
    )  # fmt: skip
    for method, path in (
        ("PUT", f"{USER}/1"), ("POST", USER), ("PATCH", f"{USER}/1"), ("DELETE", f"{USER}/1"),
        ("POST", "taskscanner?_action=execute&name=x"), ("PUT", "scheduler/job/x"),
    ):  # fmt: skip
        answer = await desk.ask(method, path, {}, who="guest")
        assert answer.said == (403, "This needs the privilege ConfigureComponents")
    assert (await desk.get("scheduler/job?_queryFilter=true", who="new")).said[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "managed", "managed/user/1/2", "nothing", "managed//1", "scheduler/job/a/b",
        "managed/user/a%2Fb", "managed/user/a%00b", "managed/user/a%0Ab", "taskscanner/a/b",
        "managed/no%20type/1",
    ],
)  # fmt: skip
async def test_what_is_not_there(desk: Desk, path: str) -> None:
    answer = await desk.get(path)
    assert answer.said[0] in (400, 404)
    assert answer.body["reason"] in ("Not Found", "Bad Request")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "managed/user", 400),
        ("PATCH", "scheduler/job/x", 501),
        ("PATCH", "taskscanner/x", 501),
        ("DELETE", "taskscanner/x", 501),
        ("PUT", "taskscanner/x", 501),
        ("POST", "taskscanner", 501),
        ("POST", "taskscanner?_action=create", 501),
        ("PUT", "managed/user", 501),
        ("DELETE", "managed/user", 501),
        ("POST", "managed/user/1", 501),
        ("POST", "managed/user?_action=turn", 400),
        ("POST", "managed/user/1?_action=turn", 400),
        ("POST", "scheduler?_action=turn", 400),
        ("POST", "scheduler/job?_action=turn", 400),
        ("POST", "scheduler/job/x?_action=turn", 400),
        ("GET", "managed/user/1?_queryFilter=true", 501),
        ("GET", "scheduler?_queryFilter=true", 501),
        ("TRACE", "managed/user/1", 405),
    ],
)
async def test_operations_that_there_are_not(
    desk: Desk, method: str, path: str, status: int
) -> None:
    answer = await desk.ask(method, path, {} if method in ("PUT", "PATCH", "POST") else None)
    assert answer.said[0] == status
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, PUT, POST, PATCH, DELETE"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("_queryFilter=true&_queryFilter=false", "'_queryFilter' is there more than once"),
        ("_queryFilter=true&_QUERYFILTER=true", "is there more than once"),
        ("_queryFilter=true&_queryId=query-all", "cannot stand together"),
        ("_queryFilter=true&_turn=1", "Unrecognized parameter '_turn'"),
        ("_queryFilter=true&_pageSize=-1", "'_pageSize' is no number"),
        ("_queryFilter=true&_pageSize=x", "'_pageSize' is no number"),
        ("_queryFilter=true&_pagedResultsOffset=1.5", "'_pagedResultsOffset' is no number"),
        ("_queryFilter=true&_pagedResultsCookie=zz", "_pagedResultsCookie"),
        ("_queryFilter=true&_totalPagedResultsPolicy=SOME", "_totalPagedResultsPolicy"),
        ("_queryFilter=/a%20lt", "could not be parsed as a valid query filter"),
        ("_queryId=mine", "There is no query 'mine'"),
        ("_queryFilter=true&_sortKeys=%2B", "_sortKeys"),
        ("_queryFilter=true&_fields=%25zz", "_fields"),
    ],
)
async def test_parameters_that_make_no_sense(desk: Desk, query: str, said: str) -> None:
    code, message = (await desk.get(f"{USER}?{query}")).said
    assert code == 400 and said in message


async def test_a_language_that_is_not_spoken(desk: Desk) -> None:
    assert (await desk.get(f"{USER}?_queryExpression=select")).said[0] == 501


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("resource=1.0", 200), ("resource=2.0", 200), ("protocol=2.1,resource=1.0", 200),
        ("protocol=1.0", 200), (" resource = 2.0 ", 200), ("protocol=2.2", 400),
        ("protocol=3.0", 400), ("resource=9.0", 404), ("resource=1.5", 404), ("latest", 400),
        ("resource=", 400), ("resource=1.0;x", 400),
    ],
)  # fmt: skip
async def test_versions(desk: Desk, version: str, status: int) -> None:
    answer = await desk.get(f"{USER}?_queryFilter=true", Accept_API_Version=version)
    assert answer.status == status
    if status != 200:
        assert answer.said[0] == status


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b'{"a": 1} x', {}, 400),
        (b"\xff", {}, 400),
        (b"[]", {}, 400),
        (b"1", {}, 400),
        (b"", {}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 400),
        (b"{}", {"Content_Type": "application/json; charset=utf-8"}, 201),
        (b'{"a": "' + b"x" * 3000 + b'"}', {}, 413),
        (b'{"a": "' + b"x" * 100_000 + b'"}', {}, 413),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", {}, 400),
        (b'{"a": 1e999}', {}, 400),
    ],
)
async def test_bodies(desk: Desk, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = await desk.ask("PUT", f"{USER}/1", body, **headers)
    assert answer.status == status
    if status != 201:
        assert answer.said[0] == status
        assert await desk.records.count(USER) == 0, "what is wrong changes nothing"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"If_Modified_Since": "x"}, 409),
        ("PUT", {"If_Unmodified_Since": "x"}, 409),
        ("GET", {"If_Match": "1"}, 412),
        ("POST", {"If_Match": "1"}, 412),
        ("DELETE", {"If_None_Match": "*"}, 412),
        ("PATCH", {"If_None_Match": "1"}, 412),
        ("PUT", {"If_None_Match": "1"}, 400),
        ("PUT", {"If_None_Match": "*", "If_Match": "*"}, 412),
    ],
)
async def test_conditions_that_make_no_sense(
    desk: Desk, method: str, headers: dict[str, str], status: int
) -> None:
    answer = await desk.ask(method, f"{USER}/1", {}, **headers)
    assert answer.said[0] == status


async def test_pages_of_other_services_change_nothing(desk: Desk) -> None:
    answer = await desk.put(f"{USER}/1", {}, Origin="https://evil.example")
    assert answer.said[0] == 403
    assert await desk.records.count(USER) == 0
    read = await desk.get(f"{USER}?_queryFilter=true", Origin="https://evil.example")
    assert read.status == 200


async def test_a_store_that_is_away(desk: Desk) -> None:
    answer = await desk.get(f"{USER}/1", who="away")
    assert answer.said[0] == 503 and answer.headers["Retry-After"] == "7"


async def test_too_many_who_log_in_at_the_same_time(desk: Desk) -> None:
    answer = await desk.get(f"{USER}/1", who="busy")
    assert answer.said[0] == 503 and answer.headers["Retry-After"] == "1"


async def test_expectations(desk: Desk) -> None:
    answer = await desk.put(f"{USER}/1", {}, Expect="the-best")
    assert answer.said == (417, "The expectation is not understood")
    assert (await desk.put(f"{USER}/1", {}, Expect="100-continue")).status == 201


async def test_what_breaks_is_told_to_nobody_but_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*args: Any) -> Any:
        raise KeyError("a secret of the house")

    monkeypatch.setattr(Records, "read", broken)
    answer = await desk.get(f"{USER}/1")
    assert answer.said[0] == 500
    assert "secret" not in str(answer.body) and "a secret of the house" in caplog.text


async def test_a_method_may_stand_in_a_header(desk: Desk) -> None:
    await desk.put(f"{USER}/1", {"a": 1})
    change = [{"operation": "replace", "field": "/a", "value": 2}]
    answer = await desk.post(f"{USER}/1", change, X_HTTP_Method_Override="PATCH")
    assert answer.status == 200 and answer.body["a"] == 2
    assert (await desk.post(f"{USER}/1", X_HTTP_Method_Override="DELETE")).status == 200
    assert (await desk.get(f"{USER}/1")).status == 404


async def test_answers_are_nobody_s_to_keep(desk: Desk) -> None:
    answer = await desk.get(f"{USER}?_queryFilter=true&_prettyPrint=true")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_backslash_that_was_printed_wrongly(
    make_desk: MakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    body = rb'{"a": "$\{Time.now}", "b": "\\{"}'
    desk = await make_desk()
    answer = await desk.ask("PUT", f"{USER}/1", body)
    assert answer.status == 201 and answer.body["a"] == "${Time.now}" and answer.body["b"] == "\\{"
    assert "backslashes" in caplog.text
    strict = await make_desk(lenient=False)
    refused = await strict.ask("PUT", f"{USER}/2", body)
    assert refused.said[0] == 400 and "line 1 column" in refused.body["detail"]
    broken = await desk.ask("PUT", f"{USER}/2", body + b"}")
    assert broken.said[0] == 400
