"""Who is let in, what a request may say, and how what is wrong with it is told, in each form."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest
from yarl import URL

from odimra.midpoint.media import Form
from odimra.wire import BodyLimits
from tests.midpoint.conftest import Face, MakeFace

USER = {"user": {"name": "jack"}}


async def test_who_is_not_known_is_told_nothing(still: Face) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic !!"},
        {"X_Auth_Token": "wrong"},
    ):
        for path in ("users", "tasks", "users/1", "nothing/at/all", "/actuator/info", "/ws/rest"):
            answer = await still.get(path, who=None, **headers)
            assert answer.error == (401, "Access denied")
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="odimra", charset="UTF-8"'


async def test_the_ways_to_say_who_one_is(still: Face) -> None:
    basic = base64.b64encode(b"guest:x").decode()
    for headers in (
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"basic {basic}"},
        {"Authorization": "Bearer guest"},
        {"X_Auth_Token": "guest"},
    ):
        assert (await still.get("users", who=None, **headers)).status == 200


async def test_a_password_that_has_to_be_changed_comes_first(still: Face) -> None:
    answer = await still.get("users", who="new")
    assert answer.error == (403, "The password has to be changed first")


async def test_it_is_the_same_below_both_roots(still: Face) -> None:
    made = await still.put("/midpoint/ws/rest/users/1", USER)
    assert made.headers["Location"] == "/midpoint/ws/rest/users/1"
    assert (await still.put("/ws/rest/users/1", USER)).headers["Location"] == "/ws/rest/users/1"
    one, other = [await still.get(f"{root}/users/1") for root in ("/ws/rest", "/midpoint/ws/rest")]
    assert one.raw == other.raw and one.content["name"] == "jack"
    assert (await still.get("/ws/rest/users/1/")).raw == one.raw


@pytest.mark.parametrize(
    "path",
    [
        "/ws/rest",
        "/ws/rest/",
        "/midpoint/ws/rest",
        "nothing/at/all",
        "users/1/2/3",
        "users//1",
        "users/1%2F2",
        "users/1%00",
        "users/1%0A",
        "tasks/x/stop/now",
        "no%20type",
        "-/1",
        "user/1",
        "tasks/none",
        "scriptExecutionResults/none",
        "tasks/%F0%9F%9A%A2",
        "users/none",
        "users/%FF",
        "computerSystems/none",
    ],
)
async def test_what_is_not_there(still: Face, path: str) -> None:
    status, message = (await still.get(path)).error
    assert status == 404 and message


@pytest.mark.parametrize(
    "path", ["/ws/re%73t/users", "/%77s/rest/users", "/ws%2Frest/users", "/actuator/%69nfo"]
)
async def test_a_root_in_other_letters(still: Face, path: str) -> None:
    # Whether or not it is one, it is nothing that breaks the service.
    url = URL(f"http://{still.client.host}:{still.client.port}{path}", encoded=True)
    answer = await still.client.session.get(url, headers={"Authorization": "Bearer guest"})
    assert answer.status in (200, 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "users", "GET, POST, HEAD"),
        ("DELETE", "users", "GET, POST, HEAD"),
        ("PATCH", "roles", "GET, POST, HEAD"),
        ("GET", "rpc/executeScript", "POST"),
        ("PUT", "rpc/executeScript", "POST"),
        ("DELETE", "rpc/executeScript", "POST"),
        ("POST", "scriptExecutionResults/x", "GET, HEAD"),
        ("DELETE", "scriptExecutionResults/x", "GET, HEAD"),
        ("POST", "tasks", "GET, HEAD"),
        ("PUT", "tasks/x", "GET, DELETE, HEAD"),
        ("PATCH", "tasks/x", "GET, DELETE, HEAD"),
        ("POST", "tasks/x", "GET, DELETE, HEAD"),
        ("GET", "tasks/x/run", "POST"),
        ("GET", "tasks/x/suspend", "POST"),
        ("DELETE", "tasks/x/resume", "POST"),
        ("POST", "/actuator/info", "GET, HEAD"),
        ("DELETE", "/midpoint/actuator/info", "GET, HEAD"),
        ("OPTIONS", "users", "GET, POST, HEAD"),
        ("TRACE", "users/1", "GET, PUT, PATCH, POST, DELETE, HEAD"),
        ("PROPFIND", "users/1", "GET, PUT, PATCH, POST, DELETE, HEAD"),
        ("OPTIONS", "tasks/x/run", "POST"),
        ("OPTIONS", "/actuator/info", "GET, HEAD"),
    ],
)
async def test_methods_that_there_are_not(
    still: Face, method: str, path: str, allowed: str
) -> None:
    answer = await still.ask(method, path)
    assert answer.error == (405, f"Here are only: {allowed}")
    assert answer.headers["Allow"] == allowed


async def test_search_is_not_an_oid_of_these(still: Face) -> None:
    # But an object may be called so, and read.
    assert (await still.put("users/search", USER)).status == 201
    assert (await still.get("users/search")).content["oid"] == "search"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.XML),
        ("*/*", Form.XML),
        ("application/xml", Form.XML),
        ("text/xml;q=0.2, application/json;q=0.1", Form.XML),
        ("application/json", Form.JSON),
        ("text/yaml", Form.YAML),
        ("image/png, application/yaml;q=0.5", Form.YAML),
        ("text/html, application/json;q=0.9, */*;q=0.1", Form.JSON),
    ],
)
async def test_an_answer_is_in_the_form_that_is_wanted(
    still: Face, accept: str | None, form: Form
) -> None:
    await still.put("users/1", USER)
    headers = {} if accept is None else {"Accept": accept}
    for path, status in (("users/1", 200), ("users", 200), ("tasks", 200), ("users/none", 404)):
        answer = await still.client.get(
            f"/ws/rest/{path}",
            headers={"Authorization": "Bearer admin", **headers},
            skip_auto_headers=("Accept",) if accept is None else (),
        )
        assert answer.status == status
        assert answer.headers["Content-Type"] == form.content_type


async def test_forms_that_nobody_writes(still: Face) -> None:
    answer = await still.get("users", Accept="image/png")
    assert answer.form is Form.XML and answer.error[0] == 406
    answer = await still.get("users", Accept="application/json;q=0")
    assert answer.error[0] == 406


async def test_forms_that_nobody_reads(still: Face) -> None:
    for form in Form:
        answer = await still.put("users/1", "a=b", Content_Type="text/csv", Accept=form.value)
        assert answer.form is form
        assert answer.error == (415, "the body must be XML, JSON or YAML")
    assert (await still.get("users/1")).status == 404


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", "<user><name>jack</user>"),
        ("application/xml", "no xml"),
        ("application/xml", '<!DOCTYPE user [<!ENTITY a "b">]><user><name>&a;</name></user>'),
        ("application/json", "{"),
        ("application/json", "[]"),
        ("application/json", '{"user": {"name": "a", "name": "b"}}'),
        ("application/json", '{"user": {}, "role": {}}'),
        ("application/json", '{"user": ' * 40 + "1" + "}" * 40),
        ("application/yaml", "user: [}"),
        ("application/yaml", "a: &a {}\nuser: *a"),
        ("application/yaml", "\x00"),
    ],
)
async def test_bodies_that_cannot_be_read(
    still: Face, form: Form, content_type: str, body: str
) -> None:
    answer = await still.put("users/1", body, Content_Type=content_type, Accept=form.value)
    assert answer.form is form
    status, message = answer.error
    assert status == 400 and message.startswith("The body cannot be read: ")
    assert (await still.get("users/1")).status == 404


async def test_a_body_that_is_not_there(still: Face) -> None:
    for method, path in (("PUT", "users/1"), ("POST", "users"), ("POST", "rpc/executeScript")):
        for body in (None, b"", b"  \n"):
            assert (await still.ask(method, path, body)).error == (400, "The body is missing")


async def test_a_body_that_is_too_long(make_face: MakeFace) -> None:
    face = await make_face(BodyLimits(max_bytes=1000), work=False)
    body = {"user": {"name": "x" * 1000}}
    for method, path in (("PUT", "users/1"), ("POST", "rpc/executeScript"), ("POST", "users")):
        answer = await face.ask(method, path, body)
        assert answer.error == (413, "The body is longer than is taken")


async def test_a_body_that_does_not_come(make_face: MakeFace) -> None:
    face = await make_face(BodyLimits(timeout=0.05), work=False)
    reader, writer = await asyncio.open_connection(face.client.host, face.client.port)
    writer.write(
        b"PUT /ws/rest/users/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"
        b"Content-Length: 100\r\n\r\n<user>"
    )
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.parametrize("path", ["users", "tasks/none", "/actuator/info"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_expectations(still: Face, method: str, path: str) -> None:
    answer = await still.ask(method, path, who="guest", Expect="200-ok")
    assert answer.error == (417, "The expectation is not understood")


async def test_who_waits_before_sending_is_told_to_go_on(still: Face) -> None:
    assert (await still.put("users/1", USER, Expect="100-continue")).status == 201


async def test_a_page_of_another_service_changes_nothing(make_face: MakeFace) -> None:
    face = await make_face(public_url="https://bmc.example.com", work=False)
    for origin in ("https://evil.example.com", "null", "https://bmc.example.com.evil.com"):
        answer = await face.put("users/1", USER, Origin=origin)
        assert answer.error == (403, "The page that sends this is another service's")
        assert (await face.get("users", Origin=origin)).status == 200
    own = f"http://{face.client.host}:{face.client.port}"
    for origin in ("https://bmc.example.com", own):
        assert (await face.put("users/1", USER, Origin=origin)).status == 201


@pytest.mark.parametrize(("who", "seconds"), [("away", "7"), ("busy", None)])
async def test_a_service_that_cannot_answer_now(still: Face, who: str, seconds: str | None) -> None:
    answer = await still.get("users", who=who)
    assert answer.error == (503, "The service cannot answer at present")
    assert int(answer.headers["Retry-After"]) >= 1
    assert seconds in (None, answer.headers["Retry-After"])


async def test_what_nobody_thought_of_is_logged_and_not_shown(
    still: Face, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await still.get("users?secret=1", who="broken")
    assert answer.error == (500, "The service has failed; its log says why")
    assert b"a secret of the inside" not in answer.raw
    assert "GET /ws/rest/users broke" in caplog.text and "secret=1" not in caplog.text


async def test_nothing_is_to_be_remembered_by_others(still: Face) -> None:
    for path in ("users", "users/none", "/actuator/info"):
        answer = await still.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "odimra"


async def test_head_is_get_without_a_body(still: Face) -> None:
    await still.put("users/1", USER)
    for path in ("users", "users/1", "users/none", "tasks", "/actuator/info"):
        get, head = await still.get(path), await still.ask("HEAD", path)
        assert head.status == get.status and head.raw == b""
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("accept", ["application/xml", "image/png, application/json"])
async def test_information_is_json_whatever_is_asked_for(still: Face, accept: str) -> None:
    for path in ("/actuator/info", "/midpoint/actuator/info"):
        answer = await still.get(path, who="guest", Accept=accept)
        assert answer.form is Form.JSON
        assert b'"version":"1.2.3"' in answer.raw
    assert (await still.get("/actuator/info", who="nobody")).error[0] == 403
