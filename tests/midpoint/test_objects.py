"""Objects of all types: made, read, changed and removed, in each form; and machines."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.midpoint.media import Form, render
from odimra.records.model import RecordOptions
from tests.midpoint.conftest import Face, MakeFace

COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"


def delta(kind: str, path: str, *values: Any) -> dict[str, Any]:
    return {"modificationType": kind, "path": path, "value": list(values)}


def modification(*deltas: dict[str, Any]) -> dict[str, Any]:
    return {"objectModification": {"itemDelta": list(deltas)}}


async def kept(face: Face, oid: str = "1", type_: str = "managed/user") -> dict[str, Any]:
    return (await face.yard.records.read(type_, oid)).content


# Making


@pytest.mark.parametrize("form", Form)
async def test_an_object_in_each_form(still: Face, form: Form) -> None:
    given = {"name": "jack", "fullName": "Jack <Sparrow> & Ö", "organization": ["a", "b"]}
    body = render(form, "user", {"oid": "1", **given})
    made = await still.put("users/1", body, Content_Type=form.value)
    assert (made.status, made.raw) == (201, b"")
    assert made.headers["Location"] == "/ws/rest/users/1"
    content = await kept(still)
    assert {name: content[name] for name in given} == given
    assert "oid" not in content and "version" not in content
    shown = await still.get("users/1", Accept=form.value)
    assert shown.form is form
    assert shown.content | given == shown.content
    assert (shown.content["oid"], shown.content["version"]) == ("1", "1")
    # What was read can be written: it is the same, so nothing has changed.
    again = await still.put("users/1", shown.raw, Content_Type=form.value)
    assert again.status == 201
    assert (await still.get("users/1", Accept=form.value)).raw == shown.raw


@pytest.mark.parametrize(
    "body",
    [
        {"user": {"name": "jack"}},
        {"object": {"@type": "UserType", "name": "jack"}},
        {"object": {"@type": f"{COMMON}#UserType", "name": "jack"}},
        {"object": {"@type": "c:UserType", "name": "jack"}},
        {"@ns": COMMON, "user": {"oid": "1", "version": "7", "name": "jack"}},
    ],
)
async def test_ways_to_write_an_object(still: Face, body: Any) -> None:
    assert (await still.put("users/1", body)).status == 201
    assert await kept(still) == {"name": "jack", "activation": {"effectiveStatus": "enabled"}}


async def test_a_new_object_gets_an_oid_or_keeps_its_own(still: Face) -> None:
    made = await still.post("users", {"user": {"name": "jack"}})
    oid = made.headers["Location"].removeprefix("/ws/rest/users/")
    assert made.status == 201 and len(oid) == 36
    assert (await kept(still, oid))["name"] == "jack"
    made = await still.post("users", {"user": {"oid": "ann é", "name": "ann"}})
    assert made.headers["Location"] == "/ws/rest/users/ann%20%C3%A9"
    assert (await still.get("users/ann%20%C3%A9")).content["oid"] == "ann é"
    again = await still.post("users", {"user": {"oid": "ann é", "name": "other"}})
    assert again.error == (409, "there is a record 'managed/user/ann é' already")
    assert (await kept(still, "ann é"))["name"] == "ann"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"role": {"name": "jack"}}, "role: the body has to be a user"),
        ({"object": {"@type": "RoleType"}}, "RoleType: the body has to be a user"),
        ({"object": {"name": "jack"}}, "the body has to be a user"),
        ({"user": "jack"}, "user: has to be an object"),
        ({"user": ["jack"]}, "user: has to be an object"),
        ({"user": None}, "user: has to be an object"),
        ({"user": {"oid": 5}}, "oid: has to be a text"),
        ({"user": {"oid": "2"}}, "oid: is another one than in the path"),
    ],
)
async def test_bodies_that_are_no_such_object(still: Face, body: Any, said: str) -> None:
    status, message = (await still.put("users/1", body)).error
    assert status == 400 and said in message
    assert (await still.get("users/1")).status == 404


@pytest.mark.parametrize("oid", ["", ".", "..", "a/b", "a\nb", "x" * 300, "é" * 200])
async def test_oids_that_cannot_be(still: Face, oid: str) -> None:
    answer = await still.post("users", {"user": {"oid": oid}})
    assert answer.error[0] == 400
    assert (await still.get("users")).objects == []


async def test_an_object_that_is_too_long(make_face: MakeFace) -> None:
    face = await make_face(records=RecordOptions(max_bytes=200, max_records=2), work=False)
    answer = await face.put("users/1", {"user": {"name": "x" * 200}})
    assert answer.error[0] == 413 and "at most 200" in answer.error[1]
    for oid in "12":
        assert (await face.put(f"users/{oid}", {"user": {}})).status == 201
    for answer in (await face.put("users/3", {"user": {}}), await face.post("users", {"user": {}})):
        assert answer.error == (
            409,
            "there are 2 records of the type 'managed/user', which is the most",
        )


async def test_types_that_the_settings_do_not_allow(make_face: MakeFace) -> None:
    face = await make_face(records=RecordOptions(types=("managed/user",)), work=False)
    for method, path, body in (
        ("GET", "roles", None),
        ("GET", "roles/1", None),
        ("PUT", "roles/1", {"role": {}}),
        ("POST", "roles", {"role": {}}),
        ("POST", "roles/search", {"query": {}}),
        ("PATCH", "roles/1", modification(delta("replace", "a", 1))),
        ("DELETE", "roles/1", None),
    ):
        answer = await face.ask(method, path, body)
        assert answer.error == (404, "there are no records of the type 'managed/role'")


async def test_plurals_of_collections(still: Face) -> None:
    for path, element in (
        ("users", "user"),
        ("orgs", "org"),
        ("valuePolicies", "valuePolicy"),
        ("functionLibraries", "functionLibrary"),
        ("alpha_users", "alpha_user"),
    ):
        assert (await still.put(f"{path}/1", {element: {"name": "x"}})).status == 201
        assert await kept(still, "1", f"managed/{element}")


# Changing


@pytest.mark.parametrize("method", ["PATCH", "POST"])
@pytest.mark.parametrize("form", Form)
async def test_a_modification_in_each_form(still: Face, method: str, form: Form) -> None:
    await still.put("users/1", {"user": {"name": "jack", "title": "Captain"}})
    content = {
        "itemDelta": [
            {"modificationType": "replace", "path": "title", "value": "Admiral"},
            {"modificationType": "add", "path": "extension/ship", "value": "Pearl"},
        ]
    }
    body = render(form, "objectModification", content)
    answer = await still.ask(method, "users/1", body, Content_Type=form.value)
    assert (answer.status, answer.raw) == (204, b"")
    changed = await kept(still)
    assert (changed["title"], changed["extension"]) == ("Admiral", {"ship": "Pearl"})


async def test_a_modification_as_midpoint_prints_it(still: Face) -> None:
    await still.put("users/1", {"user": {"name": "jack", "telephoneNumber": "1"}})
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <objectModification
        xmlns='http://midpoint.evolveum.com/xml/ns/public/common/api-types-3'
        xmlns:c='{COMMON}' xmlns:t="http://prism.evolveum.com/xml/ns/public/types-3">
      <itemDelta>
        <t:modificationType>replace</t:modificationType>
        <t:path>c:activation/c:administrativeStatus</t:path>
        <t:value>disabled</t:value>
      </itemDelta>
      <itemDelta>
        <t:modificationType>delete</t:modificationType>
        <t:path>c:telephoneNumber</t:path>
        <t:value>1</t:value>
      </itemDelta>
      <itemDelta>
        <t:modificationType>add</t:modificationType>
        <t:path>c:assignment</t:path>
        <t:value><c:targetRef oid="captain" type="c:RoleType"/></t:value>
      </itemDelta>
    </objectModification>"""
    assert (await still.ask("PATCH", "users/1", body, Content_Type="application/xml")).status == 204
    reference = {"oid": "captain", "type": "c:RoleType"}
    assert await kept(still) == {
        "name": "jack",
        "activation": {"administrativeStatus": "disabled", "effectiveStatus": "disabled"},
        "assignment": [{"id": 1, "targetRef": reference}],
        "roleMembershipRef": [reference],
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"user": {}}, "user: the body has to be an objectModification"),
        ({"objectModification": "x"}, "objectModification"),
        ({"objectModification": {}}, "objectModification/itemDelta: is missing"),
        (modification({"path": "title"}), "modificationType"),
        (modification(delta("twist", "title", 1)), "has to be add, delete or replace"),
        (modification(delta("add", "title")), "is missing: what to add"),
        (modification(delta("replace", "oid", "2")), "oid cannot be changed"),
        (modification(delta("replace", "_rev", "2")), "_rev cannot be changed"),
        (modification(delta("replace", "", "2")), "path"),
        (modification(delta("replace", "name/first", "x")), "leads through what is no container"),
        (modification({**delta("add", "a", 1), "twist": 1}), "twist"),
        ({"objectModification": {"changeType": "delete"}}, "changeType: has to be modify"),
    ],
)
async def test_modifications_that_cannot_be(still: Face, body: Any, said: str) -> None:
    await still.put("users/1", {"user": {"name": "jack"}})
    before = await kept(still)
    status, message = (await still.ask("PATCH", "users/1", body)).error
    assert status == 400 and said in message
    assert await kept(still) == before


async def test_a_modification_keeps_what_others_write_meanwhile(
    still: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    await still.put("users/1", {"user": {"name": "jack"}})
    records = still.yard.records
    read = records.read
    others = iter(range(3))

    async def overtaken(type_: str, id: str) -> Any:
        found = await read(type_, id)
        number = next(others, None)
        if number is not None:
            await records.put(type_, id, {**found.content, f"other{number}": True})
        return found

    monkeypatch.setattr(records, "read", overtaken)
    body = modification(delta("replace", "title", "Admiral"))
    assert (await still.ask("PATCH", "users/1", body)).status == 204
    monkeypatch.undo()
    changed = await kept(still)
    assert changed["title"] == "Admiral"
    assert all(changed[f"other{number}"] for number in range(3))


async def test_a_modification_that_is_always_overtaken(
    still: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    await still.put("users/1", {"user": {"name": "jack"}})
    records = still.yard.records
    read = records.read

    async def overtaken(type_: str, id: str) -> Any:
        found = await read(type_, id)
        await records.put(type_, id, {**found.content, "other": found.rev})
        return found

    monkeypatch.setattr(records, "read", overtaken)
    body = modification(delta("replace", "title", "Admiral"))
    answer = await still.ask("PATCH", "users/1", body)
    assert answer.error == (409, "Others change the object all the time")
    assert "title" not in (await read("managed/user", "1")).content


# Reading and removing


async def test_an_object_that_is_not_there(still: Face) -> None:
    for method, body in (
        ("GET", None),
        ("PATCH", modification(delta("replace", "a", 1))),
        ("DELETE", None),
    ):
        answer = await still.ask(method, "users/none", body)
        said = "Object not found: there is no record 'managed/user/none'"
        assert answer.error == (404, said)


async def test_an_object_is_removed(still: Face) -> None:
    await still.put("users/1", {"user": {}})
    answer = await still.delete("users/1")
    assert (answer.status, answer.raw) == (204, b"")
    assert (await still.get("users/1")).status == 404
    assert (await still.delete("users/1")).status == 404


# Machines


async def test_machines_are_read_and_searched(still: Face) -> None:
    answer = await still.get("computerSystems", who="guest")
    assert [one["oid"] for one in answer.objects] == ["s1", "s2"]
    assert answer.headers["X-Total-Count"] == "2"
    assert all(one["@type"] == "ComputerSystemType" for one in answer.objects)
    (one,) = (
        await still.post(
            "computerSystems/search", {"query": {"filter": {"text": 'Name = "System s2"'}}}
        )
    ).objects
    shown = (await still.get("computerSystems/s2")).content
    assert shown == {name: value for name, value in one.items() if name != "@type"}


async def test_a_machine_is_modified_by_a_patch(still: Face) -> None:
    body = modification(delta("replace", "AssetTag", "A1"))
    assert (await still.ask("PATCH", "computerSystems/s1", body)).status == 204
    assert still.yard.machines.patched == [("s1", {"AssetTag": "A1"})]
    answer = await still.ask("PATCH", "computerSystems/s1", modification(delta("replace", "X", 1)))
    assert answer.error == (400, "X: cannot be written")
    answer = await still.ask("PATCH", "computerSystems/none", body)
    assert answer.error[0] == 404


@pytest.mark.parametrize(
    ("now", "given", "patched"),
    [
        (5, "17", 17),
        (5, "-17", -17),
        (5, "²", "²"),
        (5, "--1", "--1"),
        (5, "9" * 30, "9" * 30),
        (True, "false", False),
        (True, "no", "no"),
        ("x", "17", "17"),
        (5, 17, 17),
    ],
)
async def test_texts_become_what_a_machine_has_there(
    still: Face, now: Any, given: Any, patched: Any
) -> None:
    still.yard.machines.systems["s1"]["AssetTag"] = now
    body = modification(delta("replace", "AssetTag", given))
    assert (await still.ask("PATCH", "computerSystems/s1", body)).status == 204
    assert still.yard.machines.patched == [("s1", {"AssetTag": patched})]


async def test_machines_cannot_be_made_or_removed(still: Face) -> None:
    for method, path, body in (
        ("PUT", "computerSystems/s1", {"computerSystem": {}}),
        ("POST", "computerSystems", {"computerSystem": {}}),
        ("DELETE", "computerSystems/s1", None),
    ):
        answer = await still.ask(method, path, body)
        assert answer.error == (403, "A ComputerSystemType can be read and modified, nothing else")
    assert len((await still.get("computerSystems")).objects) == 2
