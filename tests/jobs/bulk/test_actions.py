"""What each action does to the objects of the records, and what it says of that."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.records.errors import RecordMissing
from tests.jobs.bulk.yard import TYPE, Yard, action, children, pipeline, replace, search, typed

FORMS = [pytest.param(action, id="dynamic"), pytest.param(typed, id="typed")]
pytestmark = pytest.mark.usefixtures("people")


async def gone(yard: Yard, oid: str = "a", type_: str = TYPE) -> bool:
    try:
        await yard.records.read(type_, oid)
    except RecordMissing:
        return True
    return False


#: Action, parameters, what changes of the object (None: removed), the line.
ENABLED = {"administrativeStatus": "enabled", "effectiveStatus": "enabled"}
DISABLED = {"administrativeStatus": "disabled", "effectiveStatus": "disabled"}
MEMBER = {"oid": "r1", "type": "RoleType"}
CHANGES: list[tuple[str, dict[str, Any], dict[str, Any] | None, str]] = [
    (
        "modify",
        {"delta": replace("city", "Bonn")},
        {
            "city": "Bonn",
            "activation": ENABLED,
            "roleMembershipRef": [MEMBER],
        },
        "Modified user:a(ann)",
    ),
    ("delete", {}, None, "Deleted user:a(ann)"),
    (
        "enable",
        {},
        {"activation": ENABLED, "roleMembershipRef": [MEMBER]},
        "Enabled user:a(ann)",
    ),
    (
        "disable",
        {},
        {"activation": DISABLED, "roleMembershipRef": [MEMBER]},
        "Disabled user:a(ann)",
    ),
    (
        "assign",
        {"role": "r2"},
        {
            "activation": ENABLED,
            "assignment": [
                {"id": 1, "targetRef": MEMBER},
                {"id": 2, "targetRef": {"oid": "r2", "type": "RoleType"}},
            ],
            "roleMembershipRef": [MEMBER, {"oid": "r2", "type": "RoleType"}],
        },
        "Modified user:a(ann)",
    ),
    (
        "unassign",
        {"role": "r1"},
        {"activation": ENABLED, "assignment": None},
        "Modified user:a(ann)",
    ),
    (
        "recompute",
        {},
        {"activation": ENABLED, "roleMembershipRef": [MEMBER]},
        "Recomputed user:a(ann)",
    ),
]
ROWS = [pytest.param(*row, id=row[0]) for row in CHANGES]


def after(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in {**before, **change}.items() if one is not None}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "parameters", "change", "line"), ROWS)
async def test_an_action_changes_an_object(
    yard: Yard, form: Any, name: str, parameters: Any, change: Any, line: str
) -> None:
    before = await yard.content("a")
    output = await yard.run(pipeline(search(), form(name, **parameters)))
    assert output.result["status"] == "success"
    assert output.console == f"{line}\n"
    assert children(output) == {name: ("success", 1)}
    (value,) = await yard.values(output)
    if change is None:
        assert await gone(yard)
        assert value == {"@type": "UserType", "oid": "a", "version": "0", **before}
        return
    record = await yard.records.read(TYPE, "a")
    assert record.content == after(before, change)
    # It is put out as it is by then, under the revision that it has.
    assert value == {"@type": "UserType", "oid": "a", "version": record.rev, **record.content}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "parameters", "change", "line"), ROWS)
@pytest.mark.parametrize("said", [True, "true"])
async def test_a_dry_run_changes_nothing(
    yard: Yard, form: Any, name: str, parameters: Any, change: Any, line: str, said: Any
) -> None:
    before = await yard.records.read(TYPE, "a")
    output = await yard.run(pipeline(search(), form(name, **parameters, dryRun=said)))
    assert output.result["status"] == "success"
    assert output.console == f"{line} (dry run)\n"
    assert await yard.records.read(TYPE, "a") == before
    (value,) = await yard.values(output)
    assert value["oid"] == "a" and value["version"] == before.rev


@pytest.mark.parametrize(
    ("name", "parameters"), [row[:2] for row in CHANGES if row[0] not in ("delete", "recompute")]
)
@pytest.mark.parametrize("how", ["raw", "options", "executeOptions"])
async def test_raw_changes_are_not_followed_by_others(
    yard: Yard, name: str, parameters: Any, how: str
) -> None:
    raw = {"raw": True} if how == "raw" else {how: {"raw": "true"}}
    await yard.run(pipeline(search(), action(name, **parameters, **raw)))
    content = await yard.content("a")
    assert "effectiveStatus" not in content["activation"]
    assert "roleMembershipRef" not in content


@pytest.mark.parametrize(("name", "parameters"), [row[:2] for row in CHANGES])
async def test_there_are_no_approvals_to_be_skipped(yard: Yard, name: str, parameters: Any) -> None:
    output = await yard.run(pipeline(search(), action(name, **parameters, skipApprovals=True)))
    assert output.result["status"] == "success"


@pytest.mark.parametrize(("name", "parameters"), [row[:2] for row in CHANGES])
async def test_an_action_on_what_is_no_object_ends_the_script(
    yard: Yard, name: str, parameters: Any
) -> None:
    script = pipeline(action(name, **parameters), input={"value": "x"})
    output = await yard.run(script)
    assert (output.result["status"], output.http_status) == ("fatal_error", 400)
    said = "the item is no object, resolve it first if it is a reference"
    assert output.result["message"] == f"executeScript/pipeline/1/action: {said}"
    assert f"a value (error: {said})" in output.console


@pytest.mark.parametrize(("name", "parameters"), [row[:2] for row in CHANGES])
async def test_an_action_on_what_was_deleted_fails(yard: Yard, name: str, parameters: Any) -> None:
    output = await yard.run(pipeline(search(), action("delete"), action(name, **parameters)))
    assert (output.result["status"], output.http_status) == ("fatal_error", 404)
    assert await gone(yard)


@pytest.mark.parametrize(("name", "parameters"), [row[:2] for row in CHANGES])
async def test_changes_need_the_privilege_to_configure(
    yard: Yard, name: str, parameters: Any
) -> None:
    yard.accounts.privileges["bob"] = frozenset({"Login"})
    before = await yard.records.read(TYPE, "a")
    for dry in (False, True):
        script = pipeline(search(), action(name, **parameters, dryRun=dry))
        output = await yard.run(script, owner="bob")
        assert (output.result["status"], output.http_status) == ("fatal_error", 403)
        assert "this needs the privilege ConfigureComponents" in output.result["message"]
    assert await yard.records.read(TYPE, "a") == before


# add


def new(**content: Any) -> dict[str, Any]:
    return {"input": {"value": {"@type": "c:UserType", **content}}}


@pytest.mark.parametrize("form", FORMS)
async def test_add_makes_an_object(yard: Yard, form: Any) -> None:
    given = {"activation": {"administrativeStatus": "disabled"}}
    output = await yard.run(pipeline(form("add"), **new(name="eve", oid="e", version="7", **given)))
    assert await yard.content("e") == {"name": "eve", "activation": DISABLED}
    assert output.console == "Added user:e(eve)\n"
    assert children(output) == {"add": ("success", 1)}
    (value,) = await yard.values(output)
    assert (value["@type"], value["oid"], value["name"]) == ("UserType", "e", "eve")


async def test_what_is_added_without_an_oid_gets_one(yard: Yard) -> None:
    output = await yard.run(pipeline(action("add"), **new(name="eve")))
    (value,) = await yard.values(output)
    assert await yard.content(value["oid"]) == {"name": "eve"}
    assert output.console == f"Added user:{value['oid']}(eve)\n"


async def test_what_is_added_raw_is_added_as_it_is(yard: Yard) -> None:
    content = {"name": "eve", "activation": {"administrativeStatus": "disabled"}}
    await yard.run(pipeline(action("add", raw=True), **new(oid="e", **content)))
    assert await yard.content("e") == content


async def test_add_makes_no_second_object_of_an_oid(yard: Yard) -> None:
    before = await yard.records.read(TYPE, "a")
    for dry in (False, True):
        output = await yard.run(pipeline(action("add", dryRun=dry), **new(name="x", oid="a")))
        assert (output.result["status"], output.http_status) == ("fatal_error", 409)
    assert await yard.records.read(TYPE, "a") == before


async def test_add_puts_one_in_the_place_of_another_when_it_is_told_to(yard: Yard) -> None:
    add = action("add", options={"overwrite": True})
    output = await yard.run(pipeline(add, **new(name="x", oid="a")))
    assert output.console == "Added user:a(x)\n"
    assert await yard.content("a") == {"name": "x"}


async def test_an_object_that_is_put_in_anothers_place_may_be_new(yard: Yard) -> None:
    add = action("add", executeOptions={"overwrite": "true"})
    await yard.run(pipeline(add, **new(name="x", oid="n")))
    assert await yard.content("n") == {"name": "x"}


@pytest.mark.parametrize("there", [True, False])
async def test_a_dry_run_adds_nothing(yard: Yard, there: bool) -> None:
    before = await yard.records.read(TYPE, "a")
    add = action("add", dryRun=True, options={"overwrite": True})
    oid = "a" if there else "n"
    output = await yard.run(pipeline(add, **new(name="x", oid=oid)))
    assert output.console == f"Added user:{oid}(x) (dry run)\n"
    assert await yard.records.read(TYPE, "a") == before
    assert await gone(yard, "n")


async def test_a_dry_run_without_an_oid_returns_what_would_be_added(yard: Yard) -> None:
    output = await yard.run(pipeline(action("add", dryRun=True), **new(name="x")))
    assert output.console == "Added user:(new)(x) (dry run)\n"
    assert await yard.values(output) == [{"@type": "c:UserType", "name": "x"}]


async def test_the_same_object_added_twice_by_one_script_is_told(yard: Yard) -> None:
    value = {"@type": "UserType", "oid": "n", "name": "x"}
    script = pipeline(action("add"), input={"value": [value, value]})
    output = await yard.run({**script, "options": {"continueOnAnyError": True}})
    assert output.console.splitlines()[0] == "Added user:n(x)"
    assert output.console.splitlines()[1].startswith("Failed to add a value (error: ")
    assert children(output)["add"] == ("fatal_error", 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x", "the item is no new object: a value with an @type"),
        ({"name": "x"}, "the item is no new object: a value with an @type"),
        ({"@type": "ObjectType"}, "no object is of the type ObjectType itself"),
        ({"@type": "TaskType"}, "tasks are no objects"),
        ({"@type": "a b"}, "there is no type of objects 'a b'"),
        ({"@type": 5}, "there is no type of objects '5'"),
        ({"@type": "ComputerSystemType"}, "a ComputerSystemType cannot be added"),
        ({"@type": "UserType", "oid": 5}, "oid: has to be a text"),
        ({"@type": "UserType", "oid": ""}, "oid: has to be a text"),
        ({"@type": "UserType", "oid": "a/b"}, "oid: may hold"),
        ({"@type": "UserType", "name": "x" * 300_000}, "262144"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
async def test_what_cannot_be_added_ends_the_script(
    yard: Yard, value: Any, said: str, dry: bool
) -> None:
    before = await yard.records.count(TYPE)
    output = await yard.run(pipeline(action("add", dryRun=dry), input={"value": value}))
    assert (output.result["status"], output.http_status) == ("fatal_error", 400)
    assert said in output.result["message"]
    assert await yard.records.count(TYPE) == before


async def test_an_object_that_was_found_is_no_new_one(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), action("add")))
    assert "the item is no new object" in output.result["message"]


# modify


@pytest.mark.parametrize("dry", [True, False])
async def test_a_delta_that_cannot_be_applied_ends_the_script(yard: Yard, dry: bool) -> None:
    modify = action("modify", delta=replace("city/street", "x"), dryRun=dry)
    output = await yard.run(pipeline(search(), modify))
    assert output.http_status == 400
    assert "city/street leads through what is no container" in output.result["message"]


@pytest.mark.parametrize("dry", [True, False])
async def test_an_object_does_not_grow_beyond_what_may_be_kept(yard: Yard, dry: bool) -> None:
    modify = action("modify", delta=replace("city", "x" * 300_000), dryRun=dry)
    output = await yard.run(pipeline(search(), modify))
    assert output.result["status"] == "fatal_error"
    assert (await yard.content("a"))["city"] == "Ulm"


async def test_an_object_is_told_by_the_name_that_it_had(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), action("modify", delta=replace("name", "eve"))))
    assert output.console == "Modified user:a(ann)\n"


async def test_a_change_to_what_is_there_already_writes_nothing(yard: Yard) -> None:
    modify = action("modify", delta=replace("city", "Ulm"), raw=True)
    before = await yard.records.read(TYPE, "a")
    output = await yard.run(pipeline(search(), modify))
    assert output.console == "Modified user:a(ann)\n"
    assert await yard.records.read(TYPE, "a") == before


async def test_several_changes_of_an_object_in_one_turn_are_one_revision(yard: Yard) -> None:
    changes = [action("modify", delta=replace("city", city)) for city in ("Bonn", "Köln")]
    before = await yard.records.read(TYPE, "a")
    script = pipeline(search(), {"@element": "foreach", "pipeline": changes})
    output = await yard.run(script)
    record = await yard.records.read(TYPE, "a")
    assert record.content["city"] == "Köln"
    assert int(record.rev) == int(before.rev) + 1
    assert (await yard.values(output))[0]["version"] == record.rev


# delete


async def test_what_was_deleted_can_be_looked_at_behind_it(yard: Yard) -> None:
    select = {"@element": "select", "path": "city"}
    assert await yard.values(await yard.run(pipeline(search(), action("delete"), select))) == [
        "Ulm"
    ]


async def test_to_force_a_deletion_is_to_be_content_with_none(yard: Yard) -> None:
    force = action("delete", options={"force": True})
    output = await yard.run(pipeline(search(), action("delete"), force))
    assert output.result["status"] == "success"
    assert output.console == "Deleted user:a(ann)\n"
    assert (await yard.values(output))[0]["name"] == "ann"


async def test_what_others_have_deleted_is_put_out_by_its_oid(yard: Yard) -> None:
    force = action("delete", options={"force": True})
    output = await yard.run({"pipeline": [search(), {"@element": "sequence", "@value": [
        action("delete"), force]}]})  # fmt: skip
    assert output.result["status"] == "success"
    assert await yard.values(output) == [{"@type": "UserType", "oid": "a", "version": "0"}]
