"""AccountService, ManagerAccount and Role as a client meets them."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest

from tests.redfish.people import (
    ACCOUNTS,
    PASSWORD,
    ROLES,
    SERVICE,
    SESSIONS,
    People,
    people,
)

__all__ = ["people"]  # the fixture

NEW = {"UserName": "carol", "Password": "secret-123", "RoleId": "ReadOnly"}


# Representation


async def test_an_account_shows_what_the_schema_names_and_no_password(people: People) -> None:
    answer = await people.get(f"{ACCOUNTS}/op")
    assert answer.body == {
        "@odata.id": f"{ACCOUNTS}/op",
        "@odata.type": "#ManagerAccount.v1_14_1.ManagerAccount",
        "@odata.context": "/redfish/v1/$metadata#ManagerAccount.ManagerAccount",
        "@odata.etag": '"1"',
        "Id": "op",
        "Name": "Account op",
        "UserName": "op",
        "Password": None,
        "RoleId": "Operator",
        "Enabled": True,
        "Locked": False,
        "PasswordChangeRequired": False,
        "AccountTypes": ["Redfish"],
        "Links": {"Role": {"@odata.id": f"{ROLES}/Operator"}},
    }
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Allow"] == "GET, HEAD, PATCH, DELETE"
    assert (await people.get(f"{ACCOUNTS}/op", If_None_Match='"1"')).status == 304


async def test_every_link_of_the_account_service_leads_somewhere(people: People) -> None:
    seen: set[str] = set()
    ahead = [SERVICE, "/redfish/v1/SessionService"]
    await people.login("op")

    def links(value: Any) -> list[str]:
        if isinstance(value, list):
            return [link for one in value for link in links(one)]
        if not isinstance(value, dict):
            return []
        own = [value["@odata.id"]] if set(value) == {"@odata.id"} else []
        return own + [link for one in value.values() for link in links(one)]

    while ahead:
        uri = ahead.pop()
        answer = await people.get(uri)
        assert answer.status == 200, uri
        assert answer.body["@odata.id"] == uri
        seen.add(uri)
        ahead += set(links(answer.body)) - seen - set(ahead)
    assert {f"{ACCOUNTS}/op", f"{ROLES}/ReadOnly"} < seen
    assert any(uri.startswith(f"{SESSIONS}/") for uri in seen)


# Creating


async def test_an_account_is_created_and_logs_in(people: People) -> None:
    answer = await people.post(ACCOUNTS, NEW)
    assert answer.status == 201
    assert answer.headers["Location"] == f"{ACCOUNTS}/carol"
    assert answer.body["Password"] is None
    assert answer.body["RoleId"] == "ReadOnly"
    assert (await people.get(ACCOUNTS)).members == ["carol", "op", "reader", "root"]
    token = await people.login("carol", "secret-123")
    assert (await people.get(f"{ACCOUNTS}/carol", token=token)).status == 200


async def test_the_optional_properties_of_a_new_account_count(people: People) -> None:
    more = {"Enabled": False, "PasswordChangeRequired": True, "AccountTypes": ["Redfish"]}
    answer = await people.post(f"{ACCOUNTS}/Members", {**NEW, **more, "Locked": False})
    assert answer.status == 201
    assert {name: answer.body[name] for name in more} == more


@pytest.mark.parametrize(
    ("change", "key", "named"),
    [
        ({"UserName": None}, "PropertyMissing", "UserName"),
        ({"Password": None}, "PropertyMissing", "Password"),
        ({"RoleId": None}, "PropertyMissing", "RoleId"),
        ({"UserName": "a b"}, "PropertyValueFormatError", "UserName"),
        ({"UserName": "x" * 65}, "PropertyValueFormatError", "UserName"),
        ({"UserName": 7}, "PropertyValueTypeError", "UserName"),
        ({"UserName": "op"}, "ResourceAlreadyExists", "UserName"),
        ({"Password": "short"}, "PropertyValueError", "Password"),
        ({"Password": "my-CAROL-key"}, "PropertyValueError", "Password"),
        ({"Password": "tab\tin-it-1"}, "PropertyValueError", "Password"),
        ({"Password": "y" * 129}, "PropertyValueError", "Password"),
        ({"Password": "z" * 2000}, "PropertyValueFormatError", "Password"),
        ({"Password": ["secret-list"]}, "PropertyValueTypeError", "Password"),
        ({"RoleId": "Wizard"}, "PropertyValueNotInList", "RoleId"),
        ({"Enabled": "yes"}, "PropertyValueTypeError", "Enabled"),
        ({"Locked": True}, "PropertyValueNotInList", "Locked"),
        ({"AccountTypes": ["SNMP"]}, "PropertyValueNotInList", "AccountTypes"),
        ({"Name": "Carol"}, "PropertyNotWritable", "Name"),
        ({"Bogus": 1}, "PropertyUnknown", "Bogus"),
    ],
)
async def test_a_body_that_cannot_be_is_refused_by_name(
    people: People, change: dict[str, Any], key: str, named: str
) -> None:
    body = {name: value for name, value in {**NEW, **change}.items() if value is not None}
    answer = await people.post(ACCOUNTS, body)
    assert answer.status == 400
    assert answer.keys == [key]
    assert named in json.dumps(answer.messages[0]["MessageArgs"])
    secret = body.get("Password")
    assert str(secret) not in answer.raw.decode() or secret is None
    assert b"secret-list" not in answer.raw
    assert (await people.get(ACCOUNTS)).body["Members@odata.count"] == 3


async def test_accounts_end_at_the_limit(people: People) -> None:
    for n in range(3):
        assert (await people.post(ACCOUNTS, {**NEW, "UserName": f"u{n}"})).status == 201
    answer = await people.post(ACCOUNTS, NEW)
    assert (answer.status, answer.keys) == (400, ["CreateLimitReachedForResource"])


# Changing


@pytest.mark.parametrize(
    "change",
    [
        {"RoleId": "ReadOnly"},
        {"Enabled": False},
        {"PasswordChangeRequired": True},
        {"RoleId": "Administrator", "Enabled": False, "PasswordChangeRequired": True},
    ],
)
async def test_what_a_patch_says_is_so_and_the_etag_moves(
    people: People, change: dict[str, Any]
) -> None:
    answer = await people.patch(f"{ACCOUNTS}/op", change, If_Match='"1"')
    assert answer.status == 200
    assert {name: answer.body[name] for name in change} == change
    assert answer.headers["ETag"] == answer.body["@odata.etag"] == '"2"'
    assert (await people.get(f"{ACCOUNTS}/op")).body == answer.body


@pytest.mark.parametrize("tag", ['"never-issued"', '"1"foobar', 'W/"1"', '"0"', '"2", "3"', "junk"])
async def test_an_if_match_that_is_not_met_is_412_and_changes_nothing(
    people: People, tag: str
) -> None:
    answer = await people.patch(f"{ACCOUNTS}/op", {"Password": "another-1"}, If_Match=tag)
    assert (answer.status, answer.keys) == (412, ["PreconditionFailed"])
    assert (await people.delete(f"{ACCOUNTS}/op", If_Match=tag)).status == 412
    assert (await people.get(f"{ACCOUNTS}/op", who="op")).headers["ETag"] == '"1"'


@pytest.mark.parametrize("tag", ["*", '"1"', '"7", "1"'])
async def test_an_if_match_that_is_met_goes_on(people: People, tag: str) -> None:
    assert (await people.patch(f"{ACCOUNTS}/op", {"Enabled": True}, If_Match=tag)).status == 200


async def test_one_of_four_patches_of_one_version_wins(people: People) -> None:
    for round_, role in enumerate(["ReadOnly", "Operator"] * 3, 1):
        change, tag = {"RoleId": role}, f'"{round_}"'
        answers = await asyncio.gather(
            *(people.patch(f"{ACCOUNTS}/op", change, If_Match=tag) for _ in range(4))
        )
        assert sorted(one.status for one in answers) == [200, 412, 412, 412]
    assert (await people.get(f"{ACCOUNTS}/op")).headers["ETag"] == '"7"'


@pytest.mark.parametrize(
    ("body", "key", "named"),
    [
        ({"BogusProp": "foo"}, "PropertyUnknown", "BogusProp"),
        ({"Password": "another-1", "BogusProp": "foo"}, "PropertyUnknown", "BogusProp"),
        ({"UserName": "other"}, "PropertyNotWritable", "UserName"),
        ({"Id": "other"}, "PropertyNotWritable", "Id"),
        ({"Locked": True}, "PropertyValueNotInList", "Locked"),
        ({"RoleId": "Wizard"}, "PropertyValueNotInList", "RoleId"),
        ({"Password": "op-is-my-name"}, "PropertyValueError", "Password"),
        ({"Password": 12345678}, "PropertyValueTypeError", "Password"),
    ],
)
async def test_a_patch_that_cannot_be_changes_nothing(
    people: People, body: dict[str, Any], key: str, named: str
) -> None:
    answer = await people.patch(f"{ACCOUNTS}/op", body)
    assert (answer.status, answer.keys) == (400, [key])
    assert named in answer.messages[0]["MessageArgs"]
    if "Password" in body:
        assert str(body["Password"]) not in answer.raw.decode()
    assert (await people.get(f"{ACCOUNTS}/op", who="op")).headers["ETag"] == '"1"'


async def test_annotations_alone_are_no_operation(people: People) -> None:
    answer = await people.patch(f"{ACCOUNTS}/op", {"@odata.id": f"{ACCOUNTS}/op"})
    assert (answer.status, answer.keys) == (400, ["NoOperation"])


@pytest.mark.parametrize("name", ["nobody", "a:b", "%00", "x" * 500, "..%2fop", "%ed%a0%80"])
async def test_an_account_that_is_not_there_is_404(people: People, name: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"Enabled": True}), ("DELETE", None)):
        answer = await people.ask(method, f"{ACCOUNTS}/{name}", body)
        assert answer.status == 404, (method, answer.raw)


async def test_a_collection_takes_no_patch(people: People) -> None:
    answer = await people.patch(ACCOUNTS, {"Name": "x"})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_a_locked_account_shows_it_and_an_administrator_unlocks_it(people: People) -> None:
    for n in range(5):
        answer = await people.get(f"{ACCOUNTS}/op", who="op", password=f"wrong {n}")
        assert answer.status == 401
    assert (await people.get(f"{ACCOUNTS}/op", who="op")).status == 401
    shown = await people.get(f"{ACCOUNTS}/op")
    assert (shown.body["Locked"], shown.headers["ETag"]) == (True, '"2"')
    answer = await people.patch(f"{ACCOUNTS}/op", {"Locked": False}, If_Match='"2"')
    assert answer.body["Locked"] is False
    assert (await people.get(f"{ACCOUNTS}/op", who="op")).status == 200


async def test_a_lock_that_is_over_is_shown_so_under_another_etag(people: People) -> None:
    for n in range(5):
        await people.get(f"{ACCOUNTS}/op", who="op", password=f"wrong {n}")
    locked = (await people.get(f"{ACCOUNTS}/op")).headers["ETag"]
    people.clock.advance(30)
    shown = await people.get(f"{ACCOUNTS}/op", If_None_Match=locked)
    assert (shown.status, shown.body["Locked"]) == (200, False)


# Who may what


async def test_who_lacks_configure_users_sees_and_touches_only_the_own_account(
    people: People,
) -> None:
    assert (await people.get(ACCOUNTS, who="reader")).members == ["reader"]
    assert (await people.get(f"{ACCOUNTS}/reader", who="reader")).status == 200
    forbidden: list[tuple[str, str, Any]] = [
        ("GET", f"{ACCOUNTS}/op", None),
        ("GET", f"{ACCOUNTS}/nobody", None),  # nor learns who is there
        ("PATCH", f"{ACCOUNTS}/op", {"Password": "another-1"}),
        ("PATCH", f"{ACCOUNTS}/reader", {"RoleId": "Administrator"}),
        ("PATCH", f"{ACCOUNTS}/reader", {"Password": "another-1", "RoleId": "Operator"}),
        ("DELETE", f"{ACCOUNTS}/reader", None),
        ("POST", ACCOUNTS, NEW),
        ("PATCH", SERVICE, {"MinPasswordLength": 1}),
        ("POST", ROLES, {"RoleId": "Mine", "AssignedPrivileges": ["ConfigureUsers"]}),
        ("PATCH", f"{ROLES}/ReadOnly", {"AssignedPrivileges": ["ConfigureUsers"]}),
    ]
    for method, uri, body in forbidden:
        answer = await people.ask(method, uri, body, who="reader")
        assert (answer.status, answer.keys) == (403, ["InsufficientPrivilege"]), (method, uri)


@pytest.mark.parametrize("uri", [SERVICE, ACCOUNTS, f"{ACCOUNTS}/op", ROLES, f"{ROLES}/Operator"])
async def test_nobody_sees_nothing(people: People, uri: str) -> None:
    for method in ("GET", "PATCH", "DELETE", "POST"):
        answer = await people.ask(method, uri, who=None, If_None_Match='"1"')
        assert answer.status in (401, 405), method
    assert (await people.get(uri, who=None)).status == 401


async def test_the_own_password_ends_all_sessions_but_the_one_that_changed_it(
    people: People,
) -> None:
    first, second = await people.login("op"), await people.login("op")
    change = {"Password": "another-1"}
    assert (await people.patch(f"{ACCOUNTS}/op", change, token=first)).status == 200
    assert (await people.get(SERVICE, token=first)).status == 200
    assert (await people.get(SERVICE, token=second)).status == 401
    assert (await people.get(SERVICE, who="op")).status == 401
    assert (await people.get(SERVICE, who="op", password="another-1")).status == 200


async def test_a_role_that_changes_counts_for_open_sessions_at_once(people: People) -> None:
    token = await people.login("op")
    assert (await people.post(ACCOUNTS, NEW, token=token)).status == 403
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "Administrator"})
    assert (await people.post(ACCOUNTS, NEW, token=token)).status == 201
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "ReadOnly"})
    assert (await people.delete(f"{ACCOUNTS}/carol", token=token)).status == 403


@pytest.mark.parametrize("disable", [True, False], ids=["disabled", "deleted"])
async def test_an_account_that_is_off_or_gone_has_no_way_in(people: People, disable: bool) -> None:
    token = await people.login("op")
    if disable:
        await people.patch(f"{ACCOUNTS}/op", {"Enabled": False})
    else:
        assert (await people.delete(f"{ACCOUNTS}/op")).status == 204
    assert (await people.get(SERVICE, token=token)).status == 401
    assert (await people.get(SERVICE, who="op")).status == 401
    body = {"UserName": "op", "Password": PASSWORD}
    assert (await people.post(SESSIONS, body, who=None)).status == 401


async def test_the_last_administrator_stays(people: People) -> None:
    uri = f"{ACCOUNTS}/root"
    answer = await people.delete(uri)
    assert (answer.status, answer.keys) == (403, ["ResourceCannotBeDeleted"])
    for change in ({"Enabled": False}, {"RoleId": "Operator"}):
        answer = await people.patch(uri, change)
        assert (answer.status, answer.keys) == (409, ["ResourceInUse"])
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "Administrator"})
    assert (await people.delete(uri)).status == 204


# A password that has to be changed


async def test_who_must_change_the_password_may_do_that_and_no_more(people: People) -> None:
    uri = f"{ACCOUNTS}/reader"
    await people.patch(uri, {"PasswordChangeRequired": True})
    body = {"UserName": "reader", "Password": PASSWORD}
    login = await people.post(SESSIONS, body, who=None)
    assert login.status == 201
    (said,) = login.body["@Message.ExtendedInfo"]
    assert said["MessageId"].endswith(".PasswordChangeRequired")
    assert said["MessageArgs"] == [uri]
    token = login.headers["X-Auth-Token"]
    for credentials in ({"token": token}, {"who": "reader"}):
        assert (await people.get(uri, **credentials)).body["PasswordChangeRequired"] is True
        for elsewhere in (SERVICE, SESSIONS, ROLES, ACCOUNTS):
            answer = await people.get(elsewhere, **credentials)
            assert (answer.status, answer.keys) == (403, ["PasswordChangeRequired"])
    change = {"Password": "another-1"}
    answer = await people.patch(uri, change, token=token)
    assert answer.body["PasswordChangeRequired"] is False
    assert (await people.get(SERVICE, token=token)).status == 200


async def test_an_administrator_who_must_change_it_cannot_just_say_otherwise(
    people: People,
) -> None:
    uri = f"{ACCOUNTS}/root"
    await people.patch(uri, {"PasswordChangeRequired": True})
    answer = await people.patch(uri, {"PasswordChangeRequired": False})
    assert (answer.status, answer.keys) == (403, ["PasswordChangeRequired"])
    assert (await people.patch(uri, {"Password": "another-1"})).status == 200


async def test_who_must_change_the_password_can_log_out(people: People) -> None:
    await people.patch(f"{ACCOUNTS}/reader", {"PasswordChangeRequired": True})
    body = {"UserName": "reader", "Password": PASSWORD}
    login = await people.post(SESSIONS, body, who=None)
    token = login.headers["X-Auth-Token"]
    assert (await people.delete(login.headers["Location"], token=token)).status == 204


# The service


async def test_the_rules_for_passwords_and_locks_are_changed_together(people: People) -> None:
    change = {
        "MinPasswordLength": 10,
        "MaxPasswordLength": 20,
        "AccountLockoutThreshold": 2,
        "AccountLockoutDuration": 60,
        "AccountLockoutCounterResetAfter": 60,
    }
    before = (await people.get(SERVICE)).headers["ETag"]
    answer = await people.patch(SERVICE, change, If_Match=before)
    assert answer.status == 200
    assert {name: answer.body[name] for name in change} == change
    assert answer.headers["ETag"] != before
    assert (await people.patch(SERVICE, change, If_Match=before)).status == 412
    short = await people.post(ACCOUNTS, {**NEW, "Password": "123456789"})
    assert (short.status, short.keys) == (400, ["PropertyValueError"])
    for n in range(2):
        await people.get(SERVICE, who="op", password=f"wrong {n}")
    people.clock.advance(59)
    assert (await people.get(SERVICE, who="op")).status == 401
    people.clock.advance(1)
    assert (await people.get(SERVICE, who="op")).status == 200


@pytest.mark.parametrize(
    ("change", "key", "named"),
    [
        ({"MinPasswordLength": 0}, "PropertyValueOutOfRange", "MinPasswordLength"),
        ({"MinPasswordLength": 129}, "PropertyValueConflict", "MinPasswordLength"),
        ({"MaxPasswordLength": 7}, "PropertyValueConflict", "MaxPasswordLength"),
        ({"AccountLockoutDuration": 5}, "PropertyValueConflict", "AccountLockoutDuration"),
        ({"AccountLockoutThreshold": -1}, "PropertyValueOutOfRange", "AccountLockoutThreshold"),
        ({"AccountLockoutThreshold": "5"}, "PropertyValueTypeError", "AccountLockoutThreshold"),
        ({"ServiceEnabled": False}, "PropertyNotWritable", "ServiceEnabled"),
        ({"Nonsense": 1}, "PropertyUnknown", "Nonsense"),
    ],
)
async def test_rules_that_cannot_be_change_nothing(
    people: People, change: dict[str, Any], key: str, named: str
) -> None:
    before = await people.get(SERVICE)
    answer = await people.patch(SERVICE, change)
    assert (answer.status, answer.keys) == (400, [key])
    assert named in answer.messages[0]["MessageArgs"]
    assert (await people.get(SERVICE)).body == before.body


# Roles


async def test_the_standard_roles_have_exactly_their_privileges_and_keep_them(
    people: People,
) -> None:
    every = {"Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"}
    expected = {
        "Administrator": every,
        "Operator": {"Login", "ConfigureComponents", "ConfigureSelf"},
        "ReadOnly": {"Login", "ConfigureSelf"},
    }
    for role, privileges in expected.items():
        shown = (await people.get(f"{ROLES}/{role}")).body
        assert set(shown["AssignedPrivileges"]) == privileges
        assert (shown["IsPredefined"], shown["RoleId"], shown["Id"]) == (True, role, role)
        answer = await people.patch(f"{ROLES}/{role}", {"AssignedPrivileges": ["Login"]})
        assert (answer.status, answer.keys) == (400, ["PropertyNotWritable"])
        answer = await people.delete(f"{ROLES}/{role}")
        assert (answer.status, answer.keys) == (403, ["ResourceCannotBeDeleted"])


async def test_a_role_of_ones_own_is_made_changed_used_and_deleted(people: People) -> None:
    uri = f"{ROLES}/Auditor"
    body = {"RoleId": "Auditor", "AssignedPrivileges": ["Login"]}
    answer = await people.post(ROLES, body)
    assert (answer.status, answer.headers["Location"]) == (201, uri)
    assert answer.body["IsPredefined"] is False
    again = await people.post(ROLES, body)
    assert (again.status, again.keys) == (400, ["ResourceAlreadyExists"])
    for taken in ("Administrator", "ReadOnly"):
        assert (await people.post(ROLES, {**body, "RoleId": taken})).status == 400
    change = {"AssignedPrivileges": ["ConfigureSelf", "Login"]}
    answer = await people.patch(uri, change, If_Match='"1"')
    assert answer.body["AssignedPrivileges"] == ["Login", "ConfigureSelf"]
    assert (await people.patch(uri, change, If_Match='"1"')).status == 412
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "Auditor"})
    answer = await people.delete(uri)
    assert (answer.status, answer.keys) == (409, ["ResourceInUse"])
    await people.patch(f"{ACCOUNTS}/op", {"RoleId": "Operator"})
    assert (await people.delete(uri)).status == 204
    for method, sent in (("GET", None), ("PATCH", change), ("DELETE", None)):
        assert (await people.ask(method, uri, sent)).status == 404
    assert (await people.post(ROLES, {"RoleId": "Empty"})).body["AssignedPrivileges"] == []


@pytest.mark.parametrize(
    ("body", "key", "named"),
    [
        ({"AssignedPrivileges": ["Login"]}, "PropertyMissing", "RoleId"),
        ({"RoleId": "a/b"}, "PropertyValueFormatError", "RoleId"),
        ({"RoleId": "New", "AssignedPrivileges": ["Fly"]}, "PropertyValueNotInList", "Assigned"),
        ({"RoleId": "New", "AssignedPrivileges": "Login"}, "PropertyValueTypeError", "Assigned"),
        ({"RoleId": "New", "IsPredefined": True}, "PropertyNotWritable", "IsPredefined"),
        ({"RoleId": "New", "Wings": 2}, "PropertyUnknown", "Wings"),
    ],
)
async def test_a_role_that_cannot_be_is_refused_by_name(
    people: People, body: dict[str, Any], key: str, named: str
) -> None:
    answer = await people.post(ROLES, body)
    assert (answer.status, answer.keys) == (400, [key])
    assert any(str(arg).startswith(named) for arg in answer.messages[0]["MessageArgs"])
    assert len((await people.get(ROLES)).members) == 3


async def test_roles_end_at_the_limit(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odimra.access.roles.MOST", 1)
    assert (await people.post(ROLES, {"RoleId": "One"})).status == 201
    answer = await people.post(ROLES, {"RoleId": "Two"})
    assert (answer.status, answer.keys) == (400, ["CreateLimitReachedForResource"])


# Secrets and trouble


async def test_no_answer_and_no_log_tells_a_password(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secrets = (f"S3cret-{n}" for n in itertools.count())
    used = []
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", ACCOUNTS, {**NEW, "UserName": "dora"}),
        ("POST", ACCOUNTS, {**NEW, "RoleId": "Wizard"}),
        ("POST", ACCOUNTS, {**NEW, "Bogus": 1}),
        ("PATCH", f"{ACCOUNTS}/op", {}),
        ("PATCH", f"{ACCOUNTS}/op", {"Enabled": 7}),
        ("PATCH", f"{ACCOUNTS}/nobody", {}),
        ("POST", SESSIONS, {"UserName": "op"}),
        ("POST", SESSIONS, {"UserName": 7}),
    ]
    for method, uri, body in attempts:
        used.append(next(secrets))
        await people.ask(method, uri, {**body, "Password": used[-1]})
        await people.get(SERVICE, who="op", password=used[-1])
    said = "".join(people.said) + caplog.text
    assert not [secret for secret in used if secret in said]


async def test_too_many_hashes_at_once_are_503_with_a_time(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.get(SERVICE)  # believed from here on
    monkeypatch.setattr(people.access._passwords, "_most", 0)
    answer = await people.get(SERVICE, who="op")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.keys == ["ServiceTemporarilyUnavailable"]
    assert (await people.post(ACCOUNTS, NEW)).status == 503
    assert (await people.get(ACCOUNTS)).body["Members@odata.count"] == 3


async def test_no_member_is_asked_for_and_none_shown(people: People) -> None:
    for who, count in (("root", 3), ("op", 1)):
        answer = await people.get(f"{ACCOUNTS}?$top=0", who=who)
        assert (answer.body["Members@odata.count"], answer.members) == (count, [])
        answer = await people.get(f"{ACCOUNTS}?$skip=3", who=who)
        assert answer.members == []
