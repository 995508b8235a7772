"""What an error looks like, and that there is no other kind (DSP0266 8.6)."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from aiohttp import web

from odimra.redfish import errors
from odimra.redfish.messages import Messages
from odimra.store import StoreUnavailable
from tests.redfish.conftest import Desk, Open
from tests.redfish.shop import Closed, FarAway

ONE = "/redfish/v1/Systems/s1"


async def test_an_error_has_code_message_and_extended_information(desk: Desk) -> None:
    answer = await desk.get("/redfish/v1/Systems/none")
    error = answer.body["error"]
    assert set(answer.body) == {"error"}
    assert re.fullmatch(r"Base\.1\.22\.ResourceNotFound", error["code"])
    (message,) = error["@Message.ExtendedInfo"]
    assert error["message"] == message["Message"]
    assert message == {
        "@odata.type": "#Message.v1_3_0.Message",
        "MessageId": "Base.1.22.ResourceNotFound",
        "Message": message["Message"],
        "MessageArgs": ["ComputerSystem", "none"],
        "MessageSeverity": "Critical",
        "Resolution": message["Resolution"],
    }
    assert "%1" not in message["Message"]


async def test_general_error_only_heads_several_messages(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"A": 1, "B": 2})
    assert answer.body["error"]["code"] == "Base.1.22.GeneralError"
    assert "GeneralError" not in answer.keys


async def test_a_store_that_is_away_is_503_with_retry_after(desk: Desk) -> None:
    desk.shop.failure = StoreUnavailable("gone", retry_after=3)
    for uri in (ONE, "/redfish/v1/Systems?$expand=.", "/redfish/v1/Systems?$filter=Id eq 'x'"):
        answer = await desk.get(uri.replace(" ", "%20"))
        assert (answer.status, answer.keys) == (503, ["ServiceTemporarilyUnavailable"]), uri
        assert answer.headers["Retry-After"] == "3"


async def test_a_login_while_the_store_is_away_is_503(desk: Desk) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("gone")

    desk.doorman.authenticate = away  # type: ignore[method-assign, assignment]
    assert (await desk.get(ONE)).status == 503


@pytest.mark.parametrize("failure", [Closed(), FarAway()])
async def test_failures_of_the_rooms_below_are_translated_by_their_class(
    desk: Desk, failure: Exception
) -> None:
    desk.shop.failure = failure
    answer = await desk.get(ONE)
    assert (answer.status, answer.keys) == (409, ["ResourceInUse"])


async def test_what_nobody_foresaw_is_500_that_tells_nothing_and_a_log_that_does(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.shop.failure = ZeroDivisionError("the secret of the house")
    with caplog.at_level(logging.ERROR):
        answer = await desk.get(f"{ONE}?x=hunter2")
    assert (answer.status, answer.keys) == (500, ["InternalError"])
    for text in (b"secret", b"ZeroDivision", b"Traceback"):
        assert text not in answer.raw
    assert "the secret of the house" in caplog.text
    assert "hunter2" not in caplog.text


async def test_what_breaks_while_expanding_is_500_too(desk: Desk) -> None:
    desk.shop.failure = ZeroDivisionError()
    assert (await desk.get("/redfish/v1/Systems?$expand=.")).status == 500


@pytest.mark.parametrize(
    ("failure", "status", "key"),
    [
        (web.HTTPForbidden(), 403, "GeneralError"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "PayloadTooLarge"),
    ],
)
async def test_errors_of_the_http_library_are_redfish_errors(
    desk: Desk, failure: Exception, status: int, key: str
) -> None:
    desk.shop.failure = failure
    answer = await desk.get(ONE)
    assert (answer.status, answer.keys) == (status, [key])


async def test_a_redirect_is_one(desk: Desk) -> None:
    desk.shop.failure = web.HTTPSeeOther("/redfish")
    assert (await desk.get(ONE)).body == {"v1": "/redfish/v1/"}


async def test_who_goes_away_before_the_end_is_no_error_of_ours(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(
        b"PATCH /redfish/v1/Systems/s1 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    while desk.doorman.asked == 0:
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()
    for _ in range(3):  # whatever the server does about it, it has done by now
        assert (await desk.get(ONE)).status == 200
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    assert desk.shop.versions["s1"] == 1


async def test_a_connection_that_breaks_elsewhere_is_an_error_of_ours(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.shop.failure = ConnectionResetError("of somebody else")
    assert (await desk.get(ONE)).status == 500
    assert "of somebody else" in caplog.text


async def test_what_breaks_outside_of_the_application_is_500(
    open_desk: Open, caplog: pytest.LogCaptureFixture
) -> None:
    @web.middleware
    async def broken(request: web.Request, handler: object) -> web.Response:
        raise ZeroDivisionError("the secret of the house")

    desk = await open_desk(mount=lambda app: app.middlewares.append(broken))
    # It stands before the frame's own middleware, which so does not see what it does.
    answer = await desk.get(ONE)
    assert (answer.status, answer.keys) == (500, ["InternalError"])
    assert b"secret" not in answer.raw
    assert "the secret of the house" in caplog.text


# Where no application is reached


async def test_a_method_that_http_does_not_know_is_501(desk: Desk) -> None:
    received = await desk.send(
        b"FAKEMETHODFORTEST /redfish/v1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    head, _, body = received.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 501 ", head)
    assert b"Content-Type: application/json" in head
    assert b"OData-Version: 4.0" in head
    assert b"Base.1.22.OperationNotAllowed" in body


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /redfish/v1/ HTTP/9.9\r\n\r\n",
        b"GET /redfish/v1/ HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /redfish/v1/ HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /redfish/v1/ HTTP/1.1\r\nX: " + b"y" * 10_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_a_redfish_error(
    desk: Desk, request_text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        received = await desk.send(request_text)
    head, _, body = received.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] (4\d\d|501) ", head)
    assert b'{"error":{"code":"Base.1.22.' in body
    assert b"yyyy" not in body
    assert "Traceback" not in caplog.text
    assert "yyyy" not in caplog.text


async def test_who_says_nothing_is_not_waited_for(open_desk: Open) -> None:
    desk = await open_desk(header_timeout=0.05)
    assert await desk.send(b"GET / HTTP/1.1\r\nHost:") == b""


async def test_who_has_said_something_is_waited_for(open_desk: Open) -> None:
    desk = await open_desk(header_timeout=0.05)
    request = b"GET /redfish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b'{"v1":"/redfish/v1/"}' in await desk.send(request)


# The helpers


def test_every_helper_builds_a_message_of_the_registry() -> None:
    """No id is misspelt, none has the wrong number of arguments."""
    messages, built = Messages.load(), 0
    for name, helper in vars(errors).items():
        if name.startswith("_") or getattr(helper, "__annotations__", {}).get("return") != (
            "RedfishError"
        ):
            continue
        wanted = [one for one in helper.__annotations__ if one != "return"]
        if name == "together":
            continue
        values = {"status": 400, "seconds": 5, "limit": 5}
        error = helper(*[values.get(one, "x") for one in wanted])
        assert 400 <= error.status < 600, name
        for said in error.said:
            messages.build(said.key, *said.args, related=said.related)
            built += 1
    assert built > 40


def test_an_error_tells_what_it_is() -> None:
    assert str(errors.precondition_failed()) == "412 Base.PreconditionFailed"
    assert errors.together([errors.precondition_failed(), errors.no_operation()]).status == 412
