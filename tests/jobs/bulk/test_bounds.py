"""What a run keeps is bounded, and what it says of the rest is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from odimra.jobs.bulk import finding, work
from odimra.jobs.bulk.runs import Output
from odimra.jobs.bulk.steps import BulkOptions
from odimra.store import Store, StoreOptions
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, replace, search

GO_ON = {"options": {"continueOnAnyError": True}}
SIZES = pytest.mark.parametrize("size", [1, 3, 100])


async def ran(
    store: Store, options: BulkOptions, script: Any, count: int = 12
) -> tuple[Yard, Output]:
    """Run a script on so many users."""
    async with Yard(store, options) as yard:
        yard.work()
        await yard.fill(count)
        await yard.records.create("managed/role", {"name": "r"}, "r")
        return yard, await yard.run(script)


# Data


@SIZES
@pytest.mark.parametrize("most", [0, 1, 5, 11, 12, 13])
async def test_so_many_items_are_kept(store: Store, size: int, most: int) -> None:
    options = BulkOptions(max_items=most, flush_items=size)
    yard, output = await ran(store, options, pipeline(search()))
    kept = min(12, most)
    assert (output.items, output.hidden_items) == (kept, 12 - kept)
    assert [one["oid"] for one in await yard.values(output)] == [name_of(at) for at in range(kept)]
    assert output.result["status"] == "success"


@SIZES
async def test_so_many_values_of_one_item_are_kept(store: Store, size: int) -> None:
    options = BulkOptions(max_items=5, flush_items=size)
    script = pipeline(
        {"@element": "select", "path": "a"}, input={"value": [{"a": [1, 2, 3]}, {"a": [4, 5, 6]}]}
    )
    yard, output = await ran(store, options, script)
    assert await yard.values(output) == [1, 2, 3, 4, 5]
    assert output.hidden_items == 1


@SIZES
async def test_so_many_bytes_are_kept(store: Store, size: int) -> None:
    values = ["a" * 100, "b" * 100, "c" * 500, "d"]
    script = {
        **pipeline({"@element": "filterContent", "keep": "a"}, input={"value": values}),
        "options": {"hideOperationResults": True},
    }
    room = sum(len(orjson.dumps({"value": one})) for one in values[:2]) + 50
    options = BulkOptions(max_bytes=room, flush_items=size)
    yard, output = await ran(store, options, script)
    # Behind the first that is left out there is nothing: what is kept is a beginning.
    assert await yard.values(output) == values[:2]
    assert output.hidden_items == 2


async def test_what_is_not_kept_is_done_all_the_same(store: Store) -> None:
    script = pipeline(search(), action("modify", delta=replace("seen", True)))
    yard, output = await ran(store, BulkOptions(max_items=2, max_console=10), script)
    assert [(await yard.content(name_of(at)))["seen"] for at in range(12)] == [True] * 12
    assert output.turns == 12


async def test_what_goes_from_one_expression_to_the_next_is_not_cut_off(store: Store) -> None:
    script = pipeline(search(), search(query={"paging": {"maxSize": 1}}), action("log"))
    _, output = await ran(store, BulkOptions(max_items=2), script)
    assert output.console.count("INFO") == 12


async def test_secrets_are_masked_in_what_is_put_out(yard: Yard) -> None:
    await yard.records.create(TYPE, {"name": "a", "password": "p", "list": [{"token": "t"}]}, "a")
    output = await yard.run(pipeline(search()))
    raw = b"".join(await yard.runs.data(output.task, 0, 10))
    assert b'"p"' not in raw and b'"t"' not in raw
    assert (await yard.content("a"))["password"] == "p"


# Console


@SIZES
@pytest.mark.parametrize("room", [0, 1, 29, 30, 31, 59, 60, 300, 359, 360, 1000])
async def test_so_many_bytes_of_whole_lines_are_kept(store: Store, size: int, room: int) -> None:
    options = BulkOptions(max_console=room, flush_items=size)
    _, output = await ran(store, options, pipeline(search(), action("log", message="héé")))
    lines = [f"INFO: héé user:{name_of(at)}({name_of(at)})\n" for at in range(12)]
    kept, left = "", 12
    for line in lines:
        if len((kept + line).encode()) > room:
            break
        kept, left = kept + line, left - 1
    assert output.console == kept
    assert output.hidden_lines == left


async def test_behind_a_line_that_is_left_out_there_is_none(store: Store) -> None:
    lines = action("log"), action("log", message="x" * 200), action("log")
    script = {"foreach": {"pipeline": list(lines)}, "input": {"value": [1, 2]}}
    _, output = await ran(store, BulkOptions(max_console=100, flush_items=1), script)
    assert output.console == "INFO: a value (int)\n"
    assert output.hidden_lines == 5


async def test_lines_of_what_was_not_done_are_not_counted(store: Store) -> None:
    """Whoever cannot see the lines is told as many as there would have been."""
    inner = [action("log"), action("log"), action("assign", role="r" * 3)]
    failing = [search(), {"@element": "foreach", "pipeline": inner}]
    script = {
        "sequence": [search(action=action("log")), {"@element": "pipeline", "@value": failing}]
    }
    counts = []
    for room in (10_000, 1):
        async with Yard(store, BulkOptions(max_console=room, flush_items=1)) as yard:
            yard.work()
            await yard.records.create(TYPE, {"name": "a"}, f"a{room}")
            output = await yard.run(script)
            counts.append(len(output.console.splitlines()) + output.hidden_lines)
            await yard.records.delete(TYPE, f"a{room}", None)
    assert counts == [2, 2]


# Records


@SIZES
async def test_there_are_so_many_records_of_a_type(store: Store, size: int) -> None:
    values = [{"@type": "UserType", "oid": f"n{at}", "name": f"n{at}"} for at in range(5)]
    script = pipeline(action("add"), input={"value": values}, **GO_ON)
    options = BulkOptions(max_records=15, flush_items=size)
    yard, output = await ran(store, options, script)
    assert await yard.records.count(TYPE) == 15
    said = "there are as many records of the type as may be, 15"
    assert output.console.splitlines() == [
        *(f"Added user:n{at}(n{at})" for at in range(3)),
        *[f"Failed to add a value (error: {said})"] * 2,
    ]
    kept = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
    assert [one["result"]["status"] for one in kept] == ["success"] * 3 + ["fatal_error"] * 2


async def test_the_record_that_is_too_many_ends_the_script(store: Store) -> None:
    values = [{"@type": "UserType", "name": f"n{at}"} for at in range(5)]
    options = BulkOptions(max_records=13)
    script = pipeline(action("add"), input={"value": values})
    yard, output = await ran(store, options, script)
    assert (output.result["status"], output.http_status) == ("fatal_error", 409)
    assert await yard.records.count(TYPE) == 13
    assert output.items == 1


async def test_a_script_for_all_items_makes_no_record_too_many(store: Store) -> None:
    async def make(bindings: Mapping[str, Any], change: Any) -> Any:
        for number in range(5):
            await change.create(TYPE, {"name": "x"}, f"n{number}")

    async with Yard(store, BulkOptions(max_records=3)) as yard:
        yard.work()
        yard.scripts.named["x"] = make
        run = action("execute-script", script="x", forWholeInput=True)
        output = await yard.run(pipeline(run, input={"value": 1}))
        assert await yard.records.count(TYPE) == 0
    assert (output.result["status"], output.http_status) == ("fatal_error", 409)
    assert "as many records of the type as may be" in output.result["message"]


# What has to fit into memory


async def test_an_order_is_made_of_so_many_objects_only(store: Store) -> None:
    options = BulkOptions(max_sorted=10)
    by_name = {"paging": {"orderBy": "name", "orderDirection": "descending"}}
    _, output = await ran(store, options, pipeline(search(query=by_name)))
    assert output.http_status == 400
    assert output.result["message"] == (
        "search: a search puts at most 10 objects in order, this one means 12; "
        "ask for fewer by its paging, or for no order"
    )


@pytest.mark.parametrize("size", [1, 100])
async def test_the_first_of_more_objects_can_be_put_in_order(store: Store, size: int) -> None:
    options = BulkOptions(max_sorted=10, flush_items=size)
    paging = {"orderBy": "name", "orderDirection": "descending", "offset": 2, "maxSize": 8}
    script = pipeline(search(query={"paging": paging}), {"@element": "select", "path": "name"})
    yard, output = await ran(store, options, script)
    assert await yard.values(output) == [name_of(at) for at in range(9, 1, -1)]


async def test_an_action_takes_so_many_items_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MOST_WHOLE", 12)
    script = pipeline(search(), action("notify", forWholeInput=True))
    _, output = await ran(store, BulkOptions(), script)
    assert output.result["status"] == "success"
    monkeypatch.setattr(work, "MOST_WHOLE", 11)
    async with Yard(store) as yard:
        yard.work()
        output = await yard.run(script)
    assert output.http_status == 400
    assert "an action with forWholeInput takes at most 11 items" in output.result["message"]


# How it is cut into steps makes no difference


SCRIPTS = [
    pipeline(search(), action("modify", delta=replace("seen", True)), action("log")),
    pipeline(search(query={"paging": {"offset": 2, "maxSize": 7}}), action("log")),
    pipeline(search(query={"paging": {"orderBy": "name", "orderDirection": "descending"}})),
    pipeline(search(), search(query={"paging": {"maxSize": 2}}), action("log")),
    pipeline(search(), {"@element": "foreach", "pipeline": [search("RoleType"), action("log")]}),
    pipeline(search(), {"@element": "sequence", "@value": [action("log"), action("delete")]}),
    pipeline(search(), action("notify", forWholeInput=True), action("log", message="behind")),
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_how_a_run_is_cut_into_steps_makes_no_difference(
    valkey: str, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for size, page in ((1, 1), (2, 5), (5, 3), (100, 500)):
        monkeypatch.setattr(finding, "PAGE", page)
        options = StoreOptions(valkey, namespace=f"t{size}{id(script)}")
        store = await Store.open(options)
        yard, output = await ran(store, BulkOptions(flush_items=size), script)
        values = [
            {name: one for name, one in value.items() if name != "version"}
            for value in await yard.values(output)
        ]
        partial = output.result.get("partialResults", [])
        counts = [(one["operation"], one.get("count")) for one in partial]
        found.append((output.console, values, counts, output.turns))
        await store.close()
    assert found[0][0] or found[0][1]
    assert all(one == found[0] for one in found[1:])
