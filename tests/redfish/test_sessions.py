"""SessionService and Session as a client meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.redfish.people import ACCOUNTS, PASSWORD, SERVICE, SESSIONS, People, people

__all__ = ["people"]  # the fixture

OP = {"UserName": "op", "Password": PASSWORD}
SESSION_SERVICE = "/redfish/v1/SessionService"


@pytest.mark.parametrize("uri", [SESSIONS, f"{SESSIONS}/", f"{SESSIONS}/Members"])
async def test_a_login_answers_with_token_location_and_the_whole_session(
    people: People, uri: str
) -> None:
    answer = await people.post(uri, {**OP, "Context": "night run"}, who=None)
    assert answer.status == 201
    token, location = answer.headers["X-Auth-Token"], answer.headers["Location"]
    assert len(bytes.fromhex(token)) == 32
    assert answer.headers["Cache-Control"] == "no-store"
    session_id = location.rpartition("/")[2]
    assert answer.body == {
        "@odata.id": location,
        "@odata.type": "#Session.v1_8_0.Session",
        "@odata.context": "/redfish/v1/$metadata#Session.Session",
        "@odata.etag": answer.headers["ETag"],
        "Id": session_id,
        "Name": "Session of op",
        "UserName": "op",
        "Password": None,
        "Token": None,
        "CreatedTime": "2027-01-15T08:00:00Z",
        "SessionType": "Redfish",
        "ClientOriginIPAddress": "127.0.0.1",
        "Context": "night run",
    }
    assert location == f"{SESSIONS}/{session_id}"
    assert token not in answer.raw.decode()
    shown = await people.get(location, token=token)
    assert shown.body == answer.body
    assert "X-Auth-Token" not in shown.headers


async def test_two_logins_are_two_sessions(people: People) -> None:
    first, second = await people.login("op"), await people.login("op")
    assert first != second
    assert len((await people.get(SESSIONS, who="op")).members) == 2


@pytest.mark.parametrize(
    "credentials",
    [
        {"UserName": "op", "Password": "wrong"},
        {"UserName": "nobody", "Password": PASSWORD},
        {"UserName": "", "Password": ""},
        {"UserName": "off", "Password": PASSWORD},
    ],
)
async def test_a_login_that_fails_says_nothing_of_why(
    people: People, credentials: dict[str, str]
) -> None:
    await people.access.accounts.create("off", PASSWORD, "Operator", enabled=False)
    answer = await people.post(SESSIONS, credentials, who=None)
    expected = await people.post(SESSIONS, {"UserName": "x", "Password": "y"}, who=None)
    assert (answer.status, answer.raw) == (401, expected.raw)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "X-Auth-Token" not in answer.headers


@pytest.mark.parametrize(
    ("body", "key", "named"),
    [
        ({"UserName": "op"}, "PropertyMissing", "Password"),
        ({"Password": PASSWORD}, "PropertyMissing", "UserName"),
        ({**OP, "Password": 7}, "PropertyValueTypeError", "Password"),
        ({**OP, "UserName": "x" * 300}, "PropertyValueFormatError", "UserName"),
        ({**OP, "SessionType": "IPMI"}, "PropertyValueNotInList", "SessionType"),
        ({**OP, "Token": "123456"}, "PropertyNotWritable", "Token"),
        ({**OP, "Bogus": 1}, "PropertyUnknown", "Bogus"),
    ],
)
async def test_a_login_that_cannot_be_is_refused_by_name(
    people: People, body: dict[str, Any], key: str, named: str
) -> None:
    answer = await people.post(SESSIONS, body, who=None)
    assert (answer.status, answer.keys) == (400, [key])
    assert named in answer.messages[0]["MessageArgs"]
    assert await people.access.sessions.count() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"UserName": "\\ud800"}', b"\xff"])
async def test_a_login_without_a_readable_body_is_400(people: People, body: bytes) -> None:
    assert (await people.ask("POST", SESSIONS, body, who=None)).status == 400


async def test_the_credentials_of_the_body_count_whatever_else_is_sent(people: People) -> None:
    answer = await people.post(SESSIONS, OP, token="0" * 64)
    assert (answer.status, answer.body["UserName"]) == (201, "op")
    answer = await people.post(SESSIONS, OP, who="root", password="wrong")
    assert (answer.status, answer.body["UserName"]) == (201, "op")


@pytest.mark.parametrize("token", ["", "0" * 64, "nonsense", "0" * 4000])
async def test_a_token_that_is_none_is_401(people: People, token: str) -> None:
    answer = await people.get(SERVICE, token=token)
    assert (answer.status, answer.keys) == (401, ["NoValidSession"])
    assert not token or token not in answer.raw.decode()


# Who sees and closes what


async def test_sessions_of_others_are_for_who_configures_the_manager(people: People) -> None:
    own = await people.post(SESSIONS, OP, who=None)
    token = own.headers["X-Auth-Token"]
    other = await people.post(SESSIONS, {**OP, "UserName": "reader"}, who=None)
    assert (await people.get(SESSIONS, token=token)).members == [own.body["Id"]]
    assert len((await people.get(SESSIONS)).members) == 2
    for method in ("GET", "DELETE"):
        answer = await people.ask(method, other.headers["Location"], token=token)
        assert (answer.status, answer.keys) == (403, ["InsufficientPrivilege"])
    assert (await people.get(other.headers["Location"])).body["UserName"] == "reader"
    assert (await people.delete(other.headers["Location"])).status == 204
    assert (await people.get(SERVICE, token=other.headers["X-Auth-Token"])).status == 401


async def test_a_session_that_is_closed_is_gone(people: People) -> None:
    own = await people.post(SESSIONS, OP, who=None)
    location, token = own.headers["Location"], own.headers["X-Auth-Token"]
    assert (await people.delete(location, token=token)).status == 204
    assert (await people.get(SERVICE, token=token)).status == 401
    for method in ("GET", "DELETE"):
        answer = await people.ask(method, location)
        assert (answer.status, answer.keys) == (404, ["ResourceNotFound"])


async def test_two_who_close_one_session_at_once_get_204_and_404(people: People) -> None:
    own = await people.post(SESSIONS, OP, who=None)
    await people.get(SERVICE)
    answers = await asyncio.gather(*(people.delete(own.headers["Location"]) for _ in range(4)))
    assert sorted(one.status for one in answers) == [204, 404, 404, 404]


@pytest.mark.parametrize("name", ["0" * 32, "..%2fMembers", "%00", "x" * 500])
async def test_a_session_that_never_was_is_404(people: People, name: str) -> None:
    assert (await people.get(f"{SESSIONS}/{name}")).status == 404


async def test_a_session_is_changed_by_nobody(people: People) -> None:
    own = await people.post(SESSIONS, OP, who=None)
    answer = await people.patch(own.headers["Location"], {"UserName": "root"})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, DELETE")


# Limits and time


async def test_an_account_opens_so_many_sessions_and_all_together_so_many(people: People) -> None:
    answers = await asyncio.gather(*(people.post(SESSIONS, OP, who=None) for _ in range(7)))
    assert sorted(one.status for one in answers) == [201] * 5 + [503] * 2
    refused = next(one for one in answers if one.status == 503)
    assert refused.keys == ["SessionLimitExceeded"]
    others = [{**OP, "UserName": name} for name in ("reader", "root", "reader", "root")]
    answers = [await people.post(SESSIONS, one, who=None) for one in others]
    assert [one.status for one in answers] == [201, 201, 201, 503]
    assert (await people.get(SESSIONS)).body["Members@odata.count"] == 8
    people.clock.advance(1810)
    await people.login("op")
    assert (await people.get(SESSIONS)).body["Members@odata.count"] == 1


async def test_the_timeout_is_changed_and_counts_for_open_sessions(people: People) -> None:
    token = await people.login("op")
    before = await people.get(SESSION_SERVICE)
    assert before.body["SessionTimeout"] == 1800
    answer = await people.patch(
        SESSION_SERVICE, {"SessionTimeout": 30}, If_Match=before.headers["ETag"]
    )
    assert (answer.status, answer.body["SessionTimeout"]) == (200, 30)
    assert answer.headers["ETag"] != before.headers["ETag"]
    people.clock.advance(29)
    assert (await people.get(SERVICE, token=token)).status == 200
    people.clock.advance(30)
    assert (await people.get(SERVICE, token=token)).status == 200
    people.clock.advance(32)
    assert (await people.get(SERVICE, token=token)).status == 401
    stale = before.headers["ETag"]
    answer = await people.patch(SESSION_SERVICE, {"SessionTimeout": 60}, If_Match=stale)
    assert answer.status == 412


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"SessionTimeout": 29}, "PropertyValueOutOfRange"),
        ({"SessionTimeout": 86_401}, "PropertyValueOutOfRange"),
        ({"SessionTimeout": "30"}, "PropertyValueTypeError"),
        ({"SessionTimeout": 30.5}, "PropertyValueTypeError"),
        ({"ServiceEnabled": False}, "PropertyNotWritable"),
        ({"Timeout": 30}, "PropertyUnknown"),
    ],
)
async def test_a_timeout_that_cannot_be_changes_nothing(
    people: People, body: dict[str, Any], key: str
) -> None:
    answer = await people.patch(SESSION_SERVICE, body)
    assert (answer.status, answer.keys) == (400, [key])
    assert next(iter(body)) in answer.messages[0]["MessageArgs"]
    assert (await people.get(SESSION_SERVICE)).body["SessionTimeout"] == 1800


async def test_only_who_configures_the_manager_changes_the_timeout(people: People) -> None:
    for who in ("op", "reader"):
        answer = await people.patch(SESSION_SERVICE, {"SessionTimeout": 30}, who=who)
        assert answer.status == 403


async def test_sessions_are_shown_in_pages(people: People) -> None:
    for name in ("op", "reader", "root"):
        await people.login(name)
        people.clock.advance(1)
    answer = await people.get(f"{SESSIONS}?$skip=1&$top=1")
    assert answer.body["Members@odata.count"] == 3
    (member,) = answer.members
    assert (await people.get(f"{SESSIONS}/{member}")).body["UserName"] == "reader"
    answer = await people.get(f"{ACCOUNTS}?$filter=RoleId%20eq%20'Operator'")
    assert answer.members == ["op"]


async def test_a_login_by_the_members_of_the_collection_is_a_login(people: People) -> None:
    answer = await people.post(f"{SESSIONS}/Members", OP, who=None)
    assert answer.status == 201
    assert (await people.get(SERVICE, token=answer.headers["X-Auth-Token"])).status == 200
    assert answer.headers["Location"].startswith(f"{SESSIONS}/")


async def test_a_session_is_closed_only_under_its_etag(people: People) -> None:
    token = await people.login("op")
    (member,) = (await people.get(SESSIONS, token=token)).members
    uri = f"{SESSIONS}/{member}"
    shown = await people.get(uri, token=token)
    assert (await people.get(uri, token=token, If_None_Match=shown.headers["ETag"])).status == 304
    assert (await people.delete(uri, token=token, If_Match='"7"')).status == 412
    assert (await people.get(uri, token=token)).body == shown.body
    answer = await people.delete(uri, token=token, If_Match=shown.headers["ETag"])
    assert answer.status == 204


async def test_who_must_change_the_password_closes_no_session_of_others(people: People) -> None:
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "Administrator"})
    theirs = await people.post(SESSIONS, {**OP, "UserName": "reader"}, who=None)
    await people.patch(f"{ACCOUNTS}/op", {"PasswordChangeRequired": True})
    own = await people.post(SESSIONS, OP, who=None)
    token = own.headers["X-Auth-Token"]
    answer = await people.delete(theirs.headers["Location"], token=token)
    assert (answer.status, answer.keys) == (403, ["PasswordChangeRequired"])
    assert (await people.get(SERVICE, token=theirs.headers["X-Auth-Token"])).status == 200
    assert (await people.delete(own.headers["Location"], token=token)).status == 204


async def test_a_401_says_how_to_log_in(people: People) -> None:
    for more in ({"who": None}, {"token": "0" * 64}, {"who": "op", "password": "wrong"}):
        answer = await people.get(SERVICE, **more)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "ETag" not in answer.headers
    answer = await people.post(SESSIONS, {**OP, "Password": "wrong"}, who=None)
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
