"""Scripts within scripts; they stand here by names for functions in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.jobs.bulk.yard import TYPE, Yard, action, children, pipeline, search, typed

FORMS = [pytest.param(action, id="dynamic"), pytest.param(typed, id="typed")]
pytestmark = pytest.mark.usefixtures("people")


async def count(bindings: Mapping[str, Any], change: Any) -> Any:
    await change.patch(
        TYPE, "a", [{"operation": "replace", "field": "/seen", "value": bindings["input"]}], None
    )
    return [1, 2]


@pytest.mark.parametrize("form", FORMS)
async def test_a_script_takes_an_item_and_writes(yard: Yard, form: Any) -> None:
    yard.scripts.named["x"] = count
    before = await yard.records.read(TYPE, "a")
    output = await yard.run(pipeline(search(), form("execute-script", script={"code": "x"})))
    seen = {"@type": "UserType", "oid": "a", "version": before.rev, **before.content}
    record = await yard.records.read(TYPE, "a")
    assert record.content["seen"] == seen
    assert output.console == "Executed script on user:a(ann)\n"
    assert children(output) == {"execute-script": ("success", 1)}
    (value,) = await yard.values(output)
    assert value == {"@type": "UserType", "oid": "a", "version": record.rev, **record.content}


@pytest.mark.parametrize("named", ["outputItem", "outputItemName", "outputTypeName"])
async def test_what_a_script_returns_is_put_out_when_it_is_asked_for(
    yard: Yard, named: str
) -> None:
    yard.scripts.named["x"] = count
    run = action("execute-script", script="x", **{named: "c:thing"})
    assert await yard.values(await yard.run(pipeline(search(), run))) == [1, 2]


@pytest.mark.parametrize(("value", "items"), [(None, []), (0, [0]), ({"a": 1}, [{"a": 1}])])
async def test_a_script_returns_one_value_or_none(yard: Yard, value: Any, items: Any) -> None:
    async def returned(bindings: Mapping[str, Any], change: Any) -> Any:
        return value

    yard.scripts.named["x"] = returned
    run = action("execute-script", script="x", outputItem="thing")
    assert await yard.values(await yard.run(pipeline(search(), run))) == items


async def test_a_script_knows_what_it_is_run_on(yard: Yard) -> None:
    seen: list[Any] = []

    async def look(bindings: Mapping[str, Any], change: Any) -> Any:
        seen.append({key: one for key, one in bindings.items() if key != "input"})

    yard.scripts.named["x"] = look
    output = await yard.run(pipeline(search(), action("execute-script", script="x", quiet=True)))
    oid = output.task.id.removeprefix("task")
    assert seen == [{"objectID": f"{TYPE}/a", "task": {"oid": oid}, "actor": {"name": "ann"}}]
    assert output.console == ""


@pytest.mark.parametrize(
    ("values", "line"), [([], "0 items"), ([1], "1 items"), ([1, "x", None], "3 items")]
)
async def test_a_script_takes_all_items_together(yard: Yard, values: Any, line: str) -> None:
    seen: list[Any] = []

    async def look(bindings: Mapping[str, Any], change: Any) -> Any:
        seen.append((bindings["input"], bindings["objectID"]))

    yard.scripts.named["x"] = look
    run = action("execute-script", script="x", forWholeInput="true")
    output = await yard.run(pipeline(run, input={"value": values}))
    assert [one[0] for one in seen] == [values]
    assert output.console == f"Executed script on {line}\n"
    assert await yard.values(output) == values


async def test_a_script_that_fails_writes_nothing(yard: Yard) -> None:
    before = await yard.records.read(TYPE, "a")

    async def fail(bindings: Mapping[str, Any], change: Any) -> Any:
        await count(bindings, change)
        await yard.scripts.run("unknown", {}, change, "ann")

    yard.scripts.named["x"] = fail
    output = await yard.run(
        pipeline(
            search(),
            action("execute-script", script="x"),
            options={"continueOnAnyError": True},
        )
    )
    assert output.console == (
        "Failed to execute script on user:a(ann) (error: there is no unknown)\n"
    )
    assert await yard.records.read(TYPE, "a") == before


async def test_scripts_need_the_privilege_to_read(yard: Yard) -> None:
    yard.accounts.privileges["bob"] = frozenset({"ConfigureComponents"})
    yard.scripts.named["x"] = count
    script = pipeline(action("execute-script", script="x"), input={"value": 1})
    output = await yard.run(script, owner="bob")
    assert output.http_status == 403
    assert "this needs the privilege Login" in output.result["message"]
