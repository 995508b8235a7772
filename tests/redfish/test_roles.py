"""Roles of one's own through the real frame: what they are, who has them, what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.redfish.people import ACCOUNTS, PASSWORD, ROLES, SERVICE, SESSIONS, People, people

__all__ = ["people"]  # a fixture

AUDITOR = {"RoleId": "Auditor", "AssignedPrivileges": ["Login"]}


def _account(name: str, role: str) -> dict[str, str]:
    return {"UserName": name, "Password": PASSWORD, "RoleId": role}


@pytest.mark.parametrize(
    ("body", "key", "named"),
    [
        ({"IsPredefined": True}, "PropertyNotWritable", "IsPredefined"),
        ({"RoleId": "Other"}, "PropertyNotWritable", "RoleId"),
        ({"Id": "Other"}, "PropertyNotWritable", "Id"),
        ({"OemPrivileges": []}, "PropertyNotWritable", "OemPrivileges"),
        ({"AssignedPrivileges": ["Fly"]}, "PropertyValueNotInList", "AssignedPrivileges/0"),
        ({"AssignedPrivileges": None}, "PropertyValueTypeError", "AssignedPrivileges"),
        ({"Wings": 2}, "PropertyUnknown", "Wings"),
        ({"AssignedPrivileges": ["ConfigureSelf"], "Wings": 2}, "PropertyUnknown", "Wings"),
    ],
)
async def test_a_patch_that_cannot_be_names_the_property_and_changes_nothing(
    people: People, body: dict[str, Any], key: str, named: str
) -> None:
    uri = (await people.post(ROLES, AUDITOR)).headers["Location"]
    before = await people.get(uri)
    answer = await people.patch(uri, body)
    assert (answer.status, answer.keys) == (400, [key])
    assert named in answer.messages[0]["MessageArgs"]
    assert (await people.get(uri)).body == before.body


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b"{}", b'{"RoleId": "A", "RoleId": "B"}'])
async def test_a_body_that_is_no_object_makes_no_role(people: People, body: bytes) -> None:
    assert (await people.post(ROLES, body)).status == 400
    assert len((await people.get(ROLES)).members) == 3


async def test_a_role_is_made_by_the_members_of_the_collection(people: People) -> None:
    answer = await people.post(f"{ROLES}/Members", AUDITOR)
    assert (answer.status, answer.headers["Location"]) == (201, f"{ROLES}/Auditor")
    assert (await people.get(ROLES)).members[-1] == "Auditor"
    answer = await people.post(f"{ACCOUNTS}/Members", _account("carol", "Auditor"))
    assert (answer.status, answer.headers["Location"]) == (201, f"{ACCOUNTS}/carol")


async def test_a_role_has_an_etag_that_guards_it(people: People) -> None:
    answer = await people.post(ROLES, AUDITOR)
    uri, first = f"{ROLES}/Auditor", answer.headers["ETag"]
    assert first == answer.body["@odata.etag"]
    assert (await people.get(uri, If_None_Match=first)).status == 304
    change = {"AssignedPrivileges": ["Login", "ConfigureSelf"]}
    assert (await people.patch(uri, change, If_Match=first)).status == 200
    shown = await people.get(uri, If_None_Match=first)
    assert (shown.status, shown.body["AssignedPrivileges"]) == (200, change["AssignedPrivileges"])
    for tag in (first, f"W/{shown.headers['ETag']}", "junk"):
        assert (await people.patch(uri, AUDITOR_NONE, If_Match=tag)).status == 412
        assert (await people.delete(uri, If_Match=tag)).status == 412
    assert (await people.get(uri)).body == shown.body


AUDITOR_NONE: dict[str, Any] = {"AssignedPrivileges": []}


async def test_a_role_that_is_made_again_is_not_the_one_that_was(people: People) -> None:
    uri = f"{ROLES}/Auditor"
    was = (await people.post(ROLES, AUDITOR)).headers["ETag"]
    assert (await people.delete(uri, If_Match=was)).status == 204
    await people.post(ROLES, {"RoleId": "Auditor", "AssignedPrivileges": ["ConfigureUsers"]})
    assert (await people.get(uri, If_None_Match=was)).status == 200
    assert (await people.patch(uri, AUDITOR_NONE, If_Match=was)).status == 412


async def test_an_account_that_is_made_again_is_not_the_one_that_was(people: People) -> None:
    uri = f"{ACCOUNTS}/op"
    was = (await people.get(uri)).headers["ETag"]
    assert (await people.get(SERVICE, who="op")).status == 200  # proved, and believed for a while
    assert (await people.delete(uri)).status == 204
    body = {"UserName": "op", "Password": "another-1", "RoleId": "Administrator"}
    assert (await people.post(ACCOUNTS, body)).status == 201
    assert (await people.get(SERVICE, who="op")).status == 401
    assert (await people.get(uri, If_None_Match=was)).status == 200
    assert (await people.patch(uri, {"Enabled": False}, If_Match=was)).status == 412


async def test_a_role_cannot_go_while_an_account_gets_it(people: People) -> None:
    for n in range(8):
        uri = (await people.post(ROLES, {**AUDITOR, "RoleId": f"R{n}"})).headers["Location"]
        gone, made = await asyncio.gather(
            people.delete(uri), people.post(ACCOUNTS, _account("carol", f"R{n}"))
        )
        if gone.status == 204:
            assert (made.status, made.keys) == (400, ["PropertyValueNotInList"])
            assert (await people.get(f"{ACCOUNTS}/carol")).status == 404
        else:
            assert (gone.status, gone.keys, made.status) == (409, ["ResourceInUse"], 201)
            assert (await people.get(uri)).status == 200
            assert (await people.delete(f"{ACCOUNTS}/carol")).status == 204
            assert (await people.delete(uri)).status == 204


async def test_what_a_role_may_is_what_who_has_it_may_at_once(people: People) -> None:
    uri = (await people.post(ROLES, AUDITOR)).headers["Location"]
    await people.post(ACCOUNTS, _account("carol", "Auditor"))
    token = await people.login("carol")
    # Login alone reads, but not even the own account (that takes ConfigureSelf).
    assert (await people.get(ROLES, token=token)).status == 200
    assert (await people.get(f"{ACCOUNTS}/carol", token=token)).status == 403
    await people.patch(uri, {"AssignedPrivileges": ["Login", "ConfigureSelf"]})
    assert (await people.get(f"{ACCOUNTS}/carol", token=token)).status == 200
    new = _account("dora", "ReadOnly")
    assert (await people.post(ACCOUNTS, new, token=token)).status == 403
    await people.patch(uri, {"AssignedPrivileges": ["Login", "ConfigureUsers"]})
    assert (await people.post(ACCOUNTS, new, token=token)).status == 201
    # ConfigureUsers is not ConfigureManager: one's own role is out of reach.
    widen = {"AssignedPrivileges": ["Login", "ConfigureManager", "ConfigureUsers"]}
    assert (await people.patch(uri, widen, token=token)).status == 403
    await people.patch(uri, AUDITOR_NONE)
    assert (await people.get(ROLES, token=token)).status == 403
    body = {"UserName": "carol", "Password": PASSWORD}
    assert (await people.post(SESSIONS, body, who=None)).status == 401


async def test_configure_self_changes_the_own_password_and_nothing_else(people: People) -> None:
    await people.post(ROLES, {"RoleId": "Guest", "AssignedPrivileges": ["ConfigureSelf"]})
    await people.post(ACCOUNTS, _account("carol", "Guest"))
    uri = f"{ACCOUNTS}/carol"
    refused: list[tuple[str, dict[str, Any]]] = [
        (uri, {"Enabled": True}),
        (uri, {"Locked": False}),
        (uri, {"PasswordChangeRequired": False}),
        (uri, {"Password": "another-1", "Enabled": True}),
        (f"{ACCOUNTS}/op", {"Password": "another-1"}),
        (f"{ACCOUNTS}/nobody", {"Password": "another-1"}),
    ]
    for where, body in refused:
        answer = await people.patch(where, body, who="carol")
        assert (answer.status, answer.keys) == (403, ["InsufficientPrivilege"]), body
    assert (await people.get(uri, who="carol")).body["@odata.etag"] == '"1"'
    assert (await people.patch(uri, {"Password": "another-1"}, who="carol")).status == 200
    assert (await people.get(uri, who="carol", password="another-1")).status == 200


async def test_a_password_that_has_to_be_changed_is_not_changed_into_itself(
    people: People,
) -> None:
    uri = f"{ACCOUNTS}/op"
    await people.patch(uri, {"PasswordChangeRequired": True})
    answer = await people.patch(uri, {"Password": PASSWORD}, who="op")
    assert (answer.status, answer.keys) == (400, ["PropertyValueError"])
    assert answer.messages[0]["MessageArgs"] == ["Password"]
    assert (await people.get(uri, who="op")).body["PasswordChangeRequired"] is True
    assert (await people.patch(uri, {"Password": "another-1"}, who="op")).status == 200


async def test_settings_that_nobody_has_changed_have_an_etag_that_guards_them(
    people: People,
) -> None:
    uri = SERVICE
    shown = await people.get(uri)
    tag, change = shown.headers["ETag"], {"AccountLockoutThreshold": 9}
    assert (await people.get(uri, If_None_Match=tag)).status == 304
    for other in ('"0"', '"1"', "junk", f"W/{tag}"):
        assert (await people.patch(uri, change, If_Match=other)).status == 412
    assert (await people.get(uri)).body == shown.body
    answers = await asyncio.gather(*(people.patch(uri, change, If_Match=tag) for _ in range(4)))
    assert sorted(one.status for one in answers) == [200, 412, 412, 412]
    assert (await people.get(uri, If_None_Match=tag)).body["AccountLockoutThreshold"] == 9
