"""What scripts do to machines: PATCH, and the actions that their resources have."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from odimra.jobs.bulk.deltas import parse_delta
from odimra.jobs.bulk.machine_actions import patch_body
from odimra.jobs.bulk.turn import ActionFailed
from odimra.tasks import states
from tests.jobs.bulk.yard import Yard, action, children, pipeline, replace, search, typed

SYSTEMS = "ComputerSystemType"
FIRST = {"filter": {"equal": {"path": "Name", "value": "System s1"}}}
FORMS = [pytest.param(action, id="dynamic"), pytest.param(typed, id="typed")]


def one() -> dict[str, Any]:
    return search(SYSTEMS, query=FIRST)


@pytest.mark.parametrize("form", FORMS)
async def test_to_modify_a_machine_is_to_patch_it(yard: Yard, form: Any) -> None:
    modify = form("modify", delta=replace("AssetTag", "x"))
    output = await yard.run(pipeline(search(SYSTEMS), modify))
    assert output.result["status"] == "success"
    assert yard.machines.patched == [("s1", {"AssetTag": "x"}), ("s2", {"AssetTag": "x"})]
    assert output.console == (
        "Modified computerSystem:s1(System s1)\nModified computerSystem:s2(System s2)\n"
    )
    assert children(output) == {"modify": ("success", 2)}
    assert [value["AssetTag"] for value in await yard.values(output)] == ["x", "x"]


async def test_a_dry_run_asks_whether_a_machine_could_be_patched(yard: Yard) -> None:
    modify = action("modify", delta=replace("AssetTag", "x"), dryRun=True)
    output = await yard.run(pipeline(one(), modify))
    assert output.console == "Modified computerSystem:s1(System s1) (dry run)\n"
    assert yard.machines.patched == []


@pytest.mark.parametrize("dry", [True, False])
async def test_a_patch_that_is_refused_ends_the_script(yard: Yard, dry: bool) -> None:
    modify = action("modify", delta=replace("SerialNumber", "x"), dryRun=dry)
    output = await yard.run(pipeline(search(SYSTEMS), modify))
    assert output.http_status == 400
    assert output.console == (
        "Failed to modify computerSystem:s1(System s1) (error: SerialNumber: cannot be written)\n"
    )
    assert yard.machines.patched == []


async def test_a_change_that_changes_nothing_is_no_patch(yard: Yard) -> None:
    change = {"modificationType": "delete", "path": "AssetTag", "value": "other"}
    output = await yard.run(pipeline(one(), action("modify", delta=change)))
    assert output.result["status"] == "success"
    assert yard.machines.patched == []


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("delete", {}, "cannot be deleted"),
        ("enable", {}, "cannot be enabled"),
        ("disable", {}, "cannot be disabled"),
        ("assign", {"role": "r"}, "cannot be assigned anything"),
        ("unassign", {"role": "r"}, "cannot be unassigned anything"),
        ("Chassis.Reset", {}, "has no action Chassis.Reset"),
    ],
)
async def test_what_machines_are_not_made_for(
    yard: Yard, name: str, parameters: Any, said: str
) -> None:
    output = await yard.run(pipeline(one(), action(name, **parameters)))
    assert (output.result["status"], output.http_status) == ("fatal_error", 400)
    assert f"a {SYSTEMS} {said}" in output.result["message"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("recompute", "Recomputed computerSystem:s1(System s1)"),
        ("log", "INFO: computerSystem:s1(System s1)"),
        ("notify", "Produced 1 event(s)"),
        ("validate", "Validated computerSystem:s1(System s1): 0 issue(s)"),
    ],
)
async def test_what_can_be_done_to_any_object(yard: Yard, name: str, line: str) -> None:
    output = await yard.run(pipeline(one(), action(name)))
    assert output.result["status"] == "success"
    assert output.console == f"{line}\n"


# Their own actions


async def test_an_action_is_called_and_its_task_awaited(yard: Yard) -> None:
    reset = action("ComputerSystem.Reset", ResetType="ForceOff")
    output = await yard.run(pipeline(search(SYSTEMS), reset))
    assert output.result["status"] == "success"
    assert sorted(yard.machines.started) == ["s1", "s2"]
    assert output.console == (
        "Called ComputerSystem.Reset of computerSystem:s1(System s1)\n"
        "Called ComputerSystem.Reset of computerSystem:s2(System s2)\n"
    )
    assert children(output) == {"ComputerSystem.Reset": ("success", 2)}
    assert [value["oid"] for value in await yard.values(output)] == ["s1", "s2"]


async def test_a_machine_is_put_out_as_it_is_after_the_call(yard: Yard) -> None:
    act = yard.machines.act

    async def acting(type_: str, id: str, *args: Any, **options: Any) -> str | None:
        yard.machines.systems[id]["PowerState"] = "Off"
        return await act(type_, id, *args, **options)

    yard.machines.act = acting  # type: ignore[method-assign]
    output = await yard.run(pipeline(one(), action("ComputerSystem.Reset")))
    assert [value["PowerState"] for value in await yard.values(output)] == ["Off"]


async def test_a_dry_run_calls_nothing(yard: Yard) -> None:
    reset = action("ComputerSystem.Reset", ResetType="On", dryRun="true")
    output = await yard.run(pipeline(one(), reset))
    assert output.console == (
        "Called ComputerSystem.Reset of computerSystem:s1(System s1) (dry run)\n"
    )
    assert yard.machines.started == []


@pytest.mark.parametrize("dry", [True, False])
async def test_an_action_that_is_refused_ends_the_script(yard: Yard, dry: bool) -> None:
    reset = action("ComputerSystem.Reset", ResetType="Never", dryRun=dry)
    output = await yard.run(pipeline(one(), reset))
    assert output.http_status == 400
    assert "ResetType: is not allowed" in output.console
    assert yard.machines.started == []


async def test_an_action_whose_task_fails_has_failed(yard: Yard) -> None:
    yard.machines.state = states.EXCEPTION
    output = await yard.run(pipeline(one(), action("ComputerSystem.Reset")))
    assert output.result["status"] == "fatal_error"
    assert "ComputerSystem.Reset ended as Exception (task" in output.result["message"]


async def test_nobody_waits_for_a_task_who_does_not_want_to(yard: Yard) -> None:
    yard.machines.state = states.EXCEPTION
    output = await yard.run(pipeline(one(), action("ComputerSystem.Reset", wait=False)))
    assert output.result["status"] == "success"
    assert yard.machines.started == ["s1"]


async def test_two_calls_of_one_turn_are_two(yard: Yard) -> None:
    reset = action("ComputerSystem.Reset")
    await yard.run(pipeline(one(), {"@element": "foreach", "pipeline": [reset, reset]}))
    assert yard.machines.started == ["s1", "s1"]


async def test_a_task_has_a_name_that_says_what_it_is_of(yard: Yard) -> None:
    """So a turn that is done again starts nothing twice."""
    output = await yard.run(pipeline(one(), action("ComputerSystem.Reset")))
    run = output.task
    expected = uuid.uuid5(
        uuid.NAMESPACE_URL, f"{run.id}/{run.start_time}/2/1/s1"
    )  # 1 was the search
    assert await yard.tasks.get(f"task{expected}") is not None


async def test_an_action_of_machines_is_none_of_users(yard: Yard) -> None:
    await yard.fill(1)
    output = await yard.run(pipeline(search(), action("ComputerSystem.Reset")))
    assert "a UserType has no action ComputerSystem.Reset" in output.result["message"]


async def test_what_was_done_to_machines_is_told_though_the_script_ends(yard: Yard) -> None:
    """It cannot be taken back; what was staged of records is."""
    await yard.fill(1)
    modify = action("modify", delta=replace("AssetTag", "x"))
    inner = [modify, action("Chassis.Reset")]
    output = await yard.run(pipeline(one(), {"@element": "foreach", "pipeline": inner}))
    assert yard.machines.patched == [("s1", {"AssetTag": "x"})]
    assert output.console.splitlines()[0] == "Modified computerSystem:s1(System s1)"
    assert [one["status"] for one in output.result["partialResults"]] == ["success", "fatal_error"]


# The body of a PATCH

CONTENT = {
    "AssetTag": "a",
    "Count": 3,
    "On": True,
    "Empty": None,
    "Boot": {"Target": "Pxe", "Order": ["x", "y"], "Numbers": [1, 2]},
    "Fans": [{"Name": "f1"}, {"Name": "f2"}],
}


def change(kind: str, path: str, *values: Any) -> dict[str, Any]:
    return {"modificationType": kind, "path": path, "value": list(values)}


BODIES: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("a text", [change("replace", "AssetTag", "b")], {"AssetTag": "b"}),
    ("the same text", [change("replace", "AssetTag", "a")], {"AssetTag": "a"}),
    ("nothing", [change("replace", "AssetTag")], {"AssetTag": None}),
    ("null", [change("replace", "AssetTag", None)], {"AssetTag": None}),
    ("what is not there", [change("replace", "Password", "p")], {"Password": "p"}),
    ("a number of XML", [change("replace", "Count", "-5")], {"Count": -5}),
    ("no number", [change("replace", "Count", "x")], {"Count": "x"}),
    ("digits that are none", [change("replace", "Count", "٣")], {"Count": "٣"}),
    ("a superscript", [change("replace", "Count", "²")], {"Count": "²"}),
    ("a truth of XML", [change("replace", "On", "false")], {"On": False}),
    ("no truth", [change("replace", "On", "no")], {"On": "no"}),
    ("a text where null is", [change("replace", "Empty", "1")], {"Empty": "1"}),
    ("below", [change("replace", "Boot/Target", "Hdd")], {"Boot": {"Target": "Hdd"}}),
    ("a list", [change("replace", "Boot/Order", "z")], {"Boot": {"Order": ["z"]}}),
    ("numbers of XML", [change("replace", "Boot/Numbers", "7")], {"Boot": {"Numbers": [7]}}),
    ("one more", [change("add", "Boot/Order", "z")], {"Boot": {"Order": ["x", "y", "z"]}}),
    ("what is there", [change("add", "Boot/Order", "x")], {}),
    ("a number that is there", [change("add", "Boot/Numbers", "1")], {}),
    ("one less", [change("delete", "Boot/Order", "x")], {"Boot": {"Order": ["y"]}}),
    ("all less", [change("delete", "Boot/Order", "x", "y")], {"Boot": {"Order": None}}),
    ("a value less", [change("delete", "AssetTag", "a")], {"AssetTag": None}),
    ("another less", [change("delete", "AssetTag", "x")], {}),
    (
        "several",
        [change("replace", "AssetTag", "b"), change("replace", "Boot/Target", "Hdd"),
         change("add", "Boot/Order", "z"), change("delete", "Boot/Order", "x")],
        {"AssetTag": "b", "Boot": {"Target": "Hdd", "Order": ["y", "z"]}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "body"), [pytest.param(*row[1:], id=row[0]) for row in BODIES])
def test_the_body_of_a_patch(changes: Any, body: Any) -> None:
    assert patch_body(parse_delta({"itemDelta": changes}, "delta"), CONTENT) == body


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([change("replace", "Fans[1]/Name", "x")], "Fans[1]/Name: a machine's values have no ids"),
        ([change("replace", "Fans/Name", "x")], "Fans/Name leads into a list"),
        ([change("replace", "AssetTag/x", "x")], "AssetTag/x leads through what is no container"),
        (
            [change("replace", "New", "x"), change("replace", "New/x", "x")],
            "New/x leads through what is no container",
        ),
    ],
)
def test_what_is_no_patch(changes: Any, said: str) -> None:
    with pytest.raises(ActionFailed) as caught:
        patch_body(parse_delta({"itemDelta": changes}, "delta"), CONTENT)
    assert said in str(caught.value)
