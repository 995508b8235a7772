"""Who is let in, and who is not (DSP0266 13.2, 13.3: authentication, privilege model)."""

from __future__ import annotations

import pytest

from tests.redfish.conftest import ACCOUNTS, Desk, basic
from tests.redfish.shop import SESSIONS

ONE = "/redfish/v1/Systems/s1"


@pytest.mark.parametrize(
    "uri", ["/redfish", "/redfish/v1/", "/redfish/v1/odata", "/redfish/v1/$metadata"]
)
async def test_what_everybody_may_read_needs_no_login(desk: Desk, uri: str) -> None:
    assert (await desk.get(uri, user=None)).status == 200
    # Public means public, also for whose session has ended.
    assert (await desk.get(uri, user="gone")).status == 200
    assert desk.doorman.asked == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Auth-Token": "nobody"},
        {"X-Auth-Token": ""},
        {"Authorization": basic("admin", "wrong")},
        {"Authorization": basic("", "")},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer admin"},
    ],
)
@pytest.mark.parametrize(("method", "uri"), [("GET", ONE), ("PATCH", ONE), ("GET", SESSIONS)])
async def test_without_valid_credentials_every_answer_is_the_same_401(
    desk: Desk, headers: dict[str, str], method: str, uri: str
) -> None:
    answer = await desk.ask(method, uri, user=None, **headers)
    assert (answer.status, answer.keys) == (401, ["NoValidSession"])
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert "Set-Cookie" not in answer.headers
    assert answer.messages[0]["MessageArgs"] == []


async def test_http_basic_stands_on_its_own(desk: Desk) -> None:
    answer = await desk.get(ONE, user=None, Authorization=basic("admin", "admin"))
    assert answer.status == 200
    assert desk.shop.calls[-1].principal.session_id is None


async def test_a_session_counts_before_http_basic(desk: Desk) -> None:
    answer = await desk.get(ONE, user="reader", Authorization=basic("admin", "admin"))
    assert answer.status == 200
    assert desk.shop.calls[-1].principal.account == "reader"
    wrong = await desk.get(ONE, user="gone", Authorization=basic("admin", "admin"))
    assert wrong.status == 401


async def test_who_lacks_a_privilege_gets_403_and_changes_nothing(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"AssetTag": "x"}, user="reader")
    assert (answer.status, answer.keys) == (403, ["InsufficientPrivilege"])
    assert desk.shop.systems["s1"]["AssetTag"] is None


async def test_a_session_is_opened_whatever_else_the_request_carries(desk: Desk) -> None:
    body = {"UserName": "u", "Password": "p"}
    for user in (None, "gone", "reader"):
        assert (await desk.post(SESSIONS, body, user=user)).status == 201
    assert desk.doorman.asked == 0


# ConfigureSelf and the password


async def test_one_reads_one_s_own_account_only(desk: Desk) -> None:
    assert (await desk.get(f"{ACCOUNTS}/reader", user="reader")).status == 200
    assert (await desk.get(f"{ACCOUNTS}/reader/", user="reader")).status == 200
    assert (await desk.get(f"{ACCOUNTS}/admin", user="reader")).status == 403


async def test_one_changes_one_s_own_password_and_nothing_else(desk: Desk) -> None:
    own, other = f"{ACCOUNTS}/reader", f"{ACCOUNTS}/admin"
    assert (await desk.patch(own, {"Password": "another1"}, user="reader")).status == 204
    assert desk.shop.written == [{"Password": "another1"}]
    for uri, body in (
        (own, {"RoleId": "Administrator"}),
        (own, {"Password": "another1", "RoleId": "Administrator"}),
        (other, {"Password": "another1"}),
    ):
        answer = await desk.patch(uri, body, user="reader")
        assert (answer.status, answer.keys) == (403, ["InsufficientPrivilege"])
    assert len(desk.shop.written) == 1
    assert (await desk.ask("DELETE", own, user="reader")).status == 403


async def test_who_configures_users_changes_all_of_an_account(desk: Desk) -> None:
    answer = await desk.patch(f"{ACCOUNTS}/reader", {"RoleId": "Operator", "Password": "another1"})
    assert answer.status == 204


# Password change required


async def test_who_must_change_the_password_may_do_nothing_else(desk: Desk) -> None:
    own = f"{ACCOUNTS}/fresh"
    for method, uri in (
        ("GET", ONE),
        ("GET", SESSIONS),
        ("GET", f"{SESSIONS}/1"),
        ("GET", f"{ACCOUNTS}/admin"),
        ("POST", ACCOUNTS),
        ("DELETE", own),
        ("PATCH", f"{ACCOUNTS}/admin"),
    ):
        answer = await desk.ask(method, uri, user="fresh")
        assert (answer.status, answer.keys) == (403, ["PasswordChangeRequired"]), (method, uri)
        assert answer.messages[0]["MessageArgs"] == [own]


async def test_who_must_change_the_password_may_do_that(desk: Desk) -> None:
    own = f"{ACCOUNTS}/fresh"
    assert (await desk.get(own, user="fresh")).status == 200
    assert (await desk.ask("HEAD", own, user="fresh")).status == 200
    assert (await desk.patch(own, {"Password": "another1"}, user="fresh")).status == 204
    assert (await desk.ask("DELETE", f"{SESSIONS}/1", user="fresh")).status == 204
    assert (await desk.get("/redfish/v1/", user="fresh")).status == 200
