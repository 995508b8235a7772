"""What becomes of a run when an action fails, and what is told of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from odimra.jobs.bulk.results import Note
from odimra.jobs.bulk.runs import Output, result_of
from odimra.jobs.bulk.state import State
from odimra.store import Store
from odimra.tasks import states
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, replace, search

GO_ON = {"options": {"continueOnAnyError": True}}
ODD = {"filter": {"text": "odd = true"}}


async def fill(yard: Yard, count: int) -> None:
    """Make users, of whom every second has a city that is a text, and no container."""
    await yard.fill(
        count,
        odd=lambda number: bool(number % 2),
        city=lambda number: "Ulm" if number % 2 else {"name": "Ulm"},
    )


def rename() -> dict[str, Any]:
    return action("modify", delta=replace("city/name", "Bonn"))


SAID = "city/name leads through what is no container"


def stopped(output: Output) -> str:
    """Return what the task says of why the script has failed."""
    (found,) = (one for one in output.task.messages if one.message_id == "Odimra.1.0.ScriptStopped")
    return found.args[0]


# The first failure ends a script


async def test_what_was_done_before_stays_done(yard: Yard) -> None:
    await fill(yard, 4)
    output = await yard.run(pipeline(search(), rename(), action("log")))
    assert (await yard.content(name_of(0)))["city"] == {"name": "Bonn"}
    assert (await yard.content(name_of(2)))["city"] == {"name": "Ulm"}
    assert output.console == (
        f"Modified user:u00000(u00000)\nFailed to modify user:u00001(u00001) (error: {SAID})\n"
    )


async def test_the_result_names_the_element_and_the_object(yard: Yard) -> None:
    await fill(yard, 4)
    output = await yard.run(pipeline(search(), rename()))
    result = output.result
    assert result["operation"] == "executeScript"
    assert result["status"] == "fatal_error"
    assert result["message"] == f"executeScript/pipeline/2/action: {SAID}"
    good, bad = result["partialResults"]
    assert (good["operation"], good["status"], good["count"]) == ("modify", "success", 1)
    assert bad == {
        "operation": "modify",
        "status": "fatal_error",
        "params": {"entry": [{"key": "object", "paramValue": "user:u00001(u00001)"}]},
        "message": SAID,
    }


async def test_the_task_ends_as_exception(yard: Yard) -> None:
    await fill(yard, 4)
    output = await yard.run(pipeline(search(), rename()))
    assert output.task.task_state == states.EXCEPTION
    assert output.http_status == 400
    assert stopped(output) == f"executeScript/pipeline/2/action: {SAID}"


async def test_items_before_the_one_that_failed_are_put_out(yard: Yard) -> None:
    await fill(yard, 4)
    output = await yard.run(pipeline(search(), rename()))
    assert [one["oid"] for one in await yard.values(output)] == [name_of(0)]


async def test_the_turn_that_fails_writes_nothing_at_all(yard: Yard) -> None:
    await fill(yard, 2)
    inner = [action("modify", delta=replace("seen", True)), rename()]
    output = await yard.run(pipeline(search(), {"@element": "foreach", "pipeline": inner}))
    assert (await yard.content(name_of(0)))["seen"] is True
    assert "seen" not in await yard.content(name_of(1))
    assert output.console.splitlines() == [
        "Modified user:u00000(u00000)",
        "Modified user:u00000(u00000)",
        f"Failed to modify user:u00001(u00001) (error: {SAID})",
    ]
    found = [(one["status"], one.get("count")) for one in output.result["partialResults"]]
    assert found == [("success", 2), ("fatal_error", None)]


async def test_so_does_the_turn_whose_outcome_cannot_be_shown(yard: Yard) -> None:
    await fill(yard, 1)
    inner = {"sequence": [action("delete"), action("resolve")]}
    output = await yard.run(pipeline(search(), {"@element": "foreach", **inner}))
    assert (output.result["status"], output.http_status) == ("fatal_error", 404)
    assert (await yard.content(name_of(0)))["name"] == name_of(0)
    assert output.console.startswith("Failed to read user:u00000")


# With continueOnAnyError the script goes on


async def test_the_others_are_done(yard: Yard) -> None:
    await fill(yard, 4)
    output = await yard.run(pipeline(search(), rename(), **GO_ON))
    assert [(await yard.content(name_of(at)))["city"] for at in range(4)] == [
        {"name": "Bonn"},
        "Ulm",
        {"name": "Bonn"},
        "Ulm",
    ]
    assert output.console.splitlines() == [
        "Modified user:u00000(u00000)",
        f"Failed to modify user:u00001(u00001) (error: {SAID})",
        "Modified user:u00002(u00002)",
        f"Failed to modify user:u00003(u00003) (error: {SAID})",
    ]


async def test_each_item_has_a_result_of_its_own(yard: Yard) -> None:
    await fill(yard, 2)
    output = await yard.run(pipeline(search(), rename(), **GO_ON))
    kept = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert [one["result"] for one in kept] == [
        {"operation": "process", "status": "success"},
        {"operation": "process", "status": "fatal_error", "message": SAID},
    ]


async def test_results_of_items_are_left_out_when_they_are_hidden(yard: Yard) -> None:
    await fill(yard, 2)
    options = {"continueOnAnyError": True, "hideOperationResults": True}
    output = await yard.run(pipeline(search(), rename(), options=options))
    kept = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert [set(one) for one in kept] == [{"value"}, {"value"}]
    assert output.result["status"] == "fatal_error"


async def test_any_failure_makes_the_whole_a_failure_that_http_does_not_know(yard: Yard) -> None:
    await fill(yard, 20)
    output = await yard.run(pipeline(search(), rename(), **GO_ON))
    assert (output.result["status"], output.http_status) == ("fatal_error", 200)
    assert "message" not in output.result
    assert output.task.task_state == states.EXCEPTION
    assert stopped(output) == "10 of 20 items failed"


async def test_an_item_that_failed_goes_on_and_is_counted_once(yard: Yard) -> None:
    await fill(yard, 2)
    output = await yard.run(
        pipeline(search(query=ODD), rename(), action("log"), action("log"), **GO_ON)
    )
    assert output.console.splitlines()[1:] == ["INFO: user:u00001(u00001)"] * 2
    assert stopped(output).startswith("1 of ")
    kept = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert kept[0]["result"]["message"] == SAID


async def test_what_was_done_in_the_turn_besides_stays(yard: Yard) -> None:
    await fill(yard, 2)
    inner = [action("modify", delta=replace("seen", True)), rename()]
    script = pipeline(search(query=ODD), {"@element": "foreach", "pipeline": inner}, **GO_ON)
    await yard.run(script)
    assert (await yard.content(name_of(1)))["seen"] is True


async def test_failures_are_told_in_messages_of_the_task_up_to_a_number(yard: Yard) -> None:
    await fill(yard, 60)
    output = await yard.run(pipeline(search(), rename(), **GO_ON))
    told = [one for one in output.task.messages if one.message_id == "Odimra.1.0.ObjectFailed"]
    assert len(told) == 20
    assert told[0].args == ("user:u00001(u00001)", SAID)


async def test_of_many_failures_ten_are_kept(yard: Yard) -> None:
    await fill(yard, 60)
    output = await yard.run(pipeline(search(), rename(), **GO_ON))
    found = output.result["partialResults"]
    assert [one.get("count") for one in found] == [30] + [None] * 11
    assert found[-1]["hiddenRecordsCount"] == 20


@pytest.mark.parametrize("continued", [True, False])
async def test_what_is_gone_when_it_is_put_out_has_failed(yard: Yard, continued: bool) -> None:
    await fill(yard, 3)
    both = {"@element": "sequence", "@value": [action("delete"), action("resolve")]}
    options = {"options": {"continueOnAnyError": continued}}
    output = await yard.run(pipeline(search(), both, **options))
    assert output.result["status"] == "fatal_error"
    assert output.http_status == (200 if continued else 404)
    failures = [line for line in output.console.splitlines() if line.startswith("Failed to read")]
    assert len(failures) == (3 if continued else 1)
    kept = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert [one["result"]["status"] for one in kept] == (["fatal_error"] * 3 if continued else [])


LOOKING = [
    {"@element": "select", "path": "oid"},
    {"@element": "filter", "filter": {"text": 'oid = "u00000"'}},
    {"@element": "filterContent", "keep": "oid"},
]


@pytest.mark.parametrize("expression", LOOKING)
async def test_what_is_gone_when_it_is_looked_at_has_failed(yard: Yard, expression: Any) -> None:
    await fill(yard, 1)
    both = {"@element": "sequence", "@value": [action("delete"), expression]}
    output = await yard.run(pipeline(search(), both))
    assert (output.result["status"], output.http_status) == ("fatal_error", 404)
    # It was one turn, which was not written.
    output = await yard.run(pipeline(search(), both, **GO_ON))
    assert output.console.count("Failed to read user:u00000 (error: ") == 1
    (kept,) = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert kept["result"]["status"] == "fatal_error"


@pytest.mark.parametrize(
    "behind",
    [
        action("log"),
        action("validate"),
        {"@element": "select", "path": "oid"},
        {"@element": "filter", "filter": {"text": "odd = true"}},
        {"@element": "filterContent", "keep": "city"},
    ],
)
async def test_that_something_has_failed_is_not_forgotten_behind_it(
    yard: Yard, behind: Any
) -> None:
    await fill(yard, 2)
    output = await yard.run(pipeline(search(query=ODD), rename(), behind, **GO_ON))
    (kept,) = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert kept["result"] == {"operation": "process", "status": "fatal_error", "message": SAID}


async def test_a_script_that_cannot_be_parsed_any_more_says_so(store: Store) -> None:
    """It was accepted by another version of the service."""
    async with Yard(store) as yard:
        oid = await yard.start(pipeline(action("log")))
        task = await yard.runs.find(oid)
        assert task is not None
        args = orjson.dumps({"name": "executeScript", "script": {"shout": {}}})
        await store.call("HSET", store.keys.task(task.id), "args", args)
        yard.tasks.forget(task.id)
        yard.work()
        output = await yard.ended(oid)
    assert output.result["status"] == "fatal_error"
    assert output.result["message"] == "executeScript/shout: is not known here"


# What a run comes to, by the state of its task


@pytest.mark.parametrize(
    ("script", "status", "http"),
    [
        (pipeline(action("log"), input={"value": 1}), "success", 200),
        (pipeline(action("delete"), input={"value": 1}), "fatal_error", 400),
        (pipeline(action("delete"), input={"value": 1}, **GO_ON), "fatal_error", 200),
    ],
)
async def test_what_a_run_comes_to(yard: Yard, script: Any, status: str, http: int) -> None:
    output = await yard.run(script)
    assert (output.result["status"], output.http_status) == (status, http)
    assert output.result["asynchronousOperationReference"] == output.task.id.removeprefix("task")
    assert {"start", "end"} <= set(output.result)


async def test_a_run_that_was_not_begun_is_in_progress(store: Store) -> None:
    async with Yard(store) as yard:
        oid = await yard.start(pipeline(action("log")))
        task = await yard.runs.find(oid)
        assert task is not None
        output = await yard.runs.output(task)
        assert output.result["status"] == "in_progress"
        assert "end" not in output.result and "partialResults" not in output.result
        assert (output.console, output.items, output.turns) == ("", 0, 0)


async def test_a_run_that_is_cancelled_says_so(store: Store) -> None:
    async with Yard(store) as yard:
        oid = await yard.start(pipeline(action("log")))
        task = await yard.runs.find(oid)
        assert task is not None
        await yard.tasks.cancel(task.id)
        yard.work()
        output = await yard.ended(oid)
    assert output.task.task_state == states.CANCELLED
    assert output.result["status"] == "fatal_error"
    said = "The run was cancelled; what it had done by then stays done."
    assert output.result["message"] == said
    assert output.result["partialResults"] == [
        {"operation": "executeScript", "status": "fatal_error", "message": said}
    ]


@pytest.mark.parametrize(
    ("status", "http"),
    [("success", 200), ("warning", 200), ("partial_error", 250), ("handled_error", 240)],
)
async def test_what_http_is_told_of_a_status(yard: Yard, status: str, http: int) -> None:
    output = await yard.run(pipeline(action("log")))
    state = State()
    state.summary.add(Note("x", status))
    result, found = result_of(output.task, state)
    assert (result["status"], found) == (status, http)


# Others


def changing(yard: Yard, times: int) -> list[int]:
    """Have the script ``x`` change an object, and somebody else change it meanwhile so often."""
    seen: list[int] = []

    async def run(bindings: Mapping[str, Any], change: Any) -> Any:
        _, oid = bindings["objectID"].rsplit("/", 1)
        await change.patch(
            TYPE, oid, [{"operation": "replace", "field": "/mine", "value": True}], None
        )
        seen.append(len(seen))
        if len(seen) <= times:
            await yard.records.update(TYPE, name_of(0), {"name": "x", "theirs": len(seen)}, None)

    yard.scripts.named["x"] = run
    return seen


@pytest.mark.parametrize("times", [1, 9, 12])
async def test_what_others_have_changed_meanwhile_is_done_anew(yard: Yard, times: int) -> None:
    await fill(yard, 1)
    seen = changing(yard, times)
    output = await yard.run(pipeline(search(), action("execute-script", script="x")))
    assert output.result["status"] == "success"
    assert output.console.count("Executed") == 1
    assert len(seen) == times + 1
    assert await yard.content(name_of(0)) == {"name": "x", "theirs": times, "mine": True}


@pytest.mark.parametrize("whole", [True, False])
async def test_what_others_change_all_the_time_is_given_up(yard: Yard, whole: bool) -> None:
    await fill(yard, 1)
    changing(yard, 1000)
    run = action("execute-script", script="x", forWholeInput=whole)
    output = await yard.run(pipeline(search(), run))
    assert (output.result["status"], output.http_status) == ("fatal_error", 409)
    assert "all the time" in output.result["message"]
    assert "mine" not in await yard.content(name_of(0))


async def test_others_are_not_held_up_by_what_is_given_up(yard: Yard) -> None:
    await fill(yard, 3)
    changing(yard, 1000)

    script = pipeline(search(), action("execute-script", script="x"), **GO_ON)
    yard.scripts.named["x"] = only_first(yard.scripts.named["x"], yard)
    output = await yard.run(script)
    assert output.console.count("Executed") == 2
    assert output.console.count("others change it all the time") == 1


def only_first(script: Any, yard: Yard) -> Any:
    async def run(bindings: Mapping[str, Any], change: Any) -> Any:
        if bindings["objectID"].endswith(name_of(0)):
            await script(bindings, change)

    return run


async def test_a_run_that_was_given_up_says_so(yard: Yard) -> None:
    output = await yard.run(pipeline(action("log")))
    task = output.task
    object.__setattr__(task, "task_state", states.EXCEPTION)
    result, http = result_of(task, State())
    assert (result["status"], http) == ("fatal_error", 500)
    assert result["message"] == "The run was given up; the log of the service says why."
