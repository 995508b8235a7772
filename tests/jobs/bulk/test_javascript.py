"""Scripts in JavaScript within bulk scripts, run as the service runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from odimra.jobs.script_host import ScriptHost
from odimra.scripting import ScriptOptions, ScriptPool
from odimra.store import Store
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, search

pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture
async def yard(store: Store) -> AsyncIterator[Yard]:
    async with ScriptPool(ScriptOptions(processes=2)) as pool, Yard(store) as made:
        host = ScriptHost(pool, made.records, made.accounts, timeout=1)  # type: ignore[arg-type]
        made.kind._scripts = host
        made.work()
        yield made


def run(code: str, **more: Any) -> dict[str, Any]:
    return action("execute-script", script={"code": code}, **more)


async def values(yard: Yard, *expressions: Any, **more: Any) -> list[Any]:
    output = await yard.run(pipeline(*expressions, **more))
    assert output.result["status"] == "success", output.result.get("message")
    return await yard.values(output)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("input.name + ' of ' + input.city", ["ann of Ulm"]),
        ("input.oid", ["a"]),
        ("input['@type']", ["UserType"]),
        ("objectID", [f"{TYPE}/a"]),
        ("actor.name", ["ann"]),
        ("[1, [2], {a: null}]", [1, [2], {"a": None}]),
        ("[]", []),
        ("undefined", []),
        ("null", []),
        ("false", [False]),
        ("({a: undefined, b: NaN, c: () => 1})", [{"b": None}]),
        ("[undefined]", [None]),
        ("2 ** 53", [2**53]),
        ("1e300", [1e300]),
        ("new Date(0)", ["1970-01-01T00:00:00.000Z"]),
        ("new Map([[1, 2]])", [{}]),
    ],
)
async def test_a_script_returns_values(yard: Yard, code: str, found: Any) -> None:
    assert await values(yard, search(), run(code, outputItem="x")) == found


async def test_a_script_knows_the_run_that_it_is_part_of(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), run("task.oid", outputItem="x")))
    assert await yard.values(output) == [output.task.id.removeprefix("task")]


async def test_a_script_sees_what_was_changed_before_it_in_the_turn(yard: Yard) -> None:
    change = {"modificationType": "replace", "path": "city", "value": "Bonn"}
    inner = [action("modify", delta=change), run("input.city", outputItem="x")]
    assert await values(yard, search(), {"@element": "foreach", "pipeline": inner}) == ["Bonn"]


async def test_what_a_script_writes_is_seen_behind_it_in_the_turn(yard: Yard) -> None:
    code = "openidm.patch(objectID, null, [{operation: 'replace', field: '/city', value: 'Bonn'}])"
    inner = [run(code), {"@element": "select", "path": "city"}]
    assert await values(yard, search(), {"@element": "foreach", "pipeline": inner}) == ["Bonn"]


async def test_all_items_are_one_list_to_a_script(yard: Yard) -> None:
    whole = run("input.reduce((sum, one) => sum + one, 0)", forWholeInput=True, outputItem="x")
    assert await values(yard, whole, input={"value": [1, 2, 3]}) == [6]


async def test_scripts_of_several_objects_keep_their_order(yard: Yard) -> None:
    await yard.fill(40)
    query = {"filter": {"text": 'name startsWith "u"'}}
    code = "for (let i = 0; i < (Number(input.oid.slice(1)) % 7) * 2000; i++); input.oid"
    found = await values(yard, search(query=query), run(code, outputItem="x"))
    assert found == [name_of(number) for number in range(40)]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("throw new Error('no')", "no"),
        ("nobody.there", "nobody"),
        ("NaN", "its value, NaN, is no JSON"),
        ("() => 1", "its value, a function, is no JSON"),
        ("10n", "BigInt"),
        ("'\\ud800'", "cannot be handed out as JSON"),
        ("({'\\ud800': 1})", "cannot be handed out as JSON"),
        (
            "let deep = []; for (let i = 0; i < 253; i++) deep = [deep]; deep",
            "more than 200 levels deep",
        ),
        ("while (true);", "took too long"),
        ("openidm.update('managed/none/x', null, {})", "managed/none/x"),
    ],
)
async def test_a_script_that_fails_says_why(yard: Yard, code: str, said: str) -> None:
    before = await yard.records.read(TYPE, "a")
    output = await yard.run(pipeline(search(), run(code, outputItem="x")))
    assert (output.result["status"], output.http_status) == ("fatal_error", 400)
    assert said in output.result["message"]
    assert "Traceback" not in output.result["message"]
    assert await yard.records.read(TYPE, "a") == before


async def test_who_may_read_only_runs_scripts_that_read_only(yard: Yard) -> None:
    yard.accounts.privileges["bob"] = frozenset({"Login"})
    read = run(f"openidm.read('{TYPE}/a').city", outputItem="x")
    output = await yard.run(pipeline(search(), read), owner="bob")
    assert await yard.values(output) == ["Ulm"]
    for code in (
        f"openidm.create('{TYPE}', 'n', {{}})",
        f"openidm.delete('{TYPE}/a', null)",
        f"try {{ openidm.delete('{TYPE}/a', null) }} catch (e) {{ throw e }}",
    ):
        output = await yard.run(pipeline(search(), run(code)), owner="bob")
        assert output.result["status"] == "fatal_error"
        assert "bob may not use openidm." in output.result["message"]
    assert (await yard.content("a"))["name"] == "ann"


@pytest.mark.parametrize(("depth", "shown"), [(199, True), (200, False), (251, False)])
async def test_an_object_that_is_nested_too_deeply_is_told_and_not_shown(
    yard: Yard, depth: int, shown: bool
) -> None:
    deep = f"let deep = 1; for (let i = 0; i < {depth}; i++) deep = [deep]; "
    create = run(f"{deep} openidm.create('managed/deep', 'd', {{deep}})", quiet=True)
    assert (await yard.run(pipeline(search(), create))).result["status"] == "success"
    keep = {"@element": "filterContent", "keep": "deep"}
    for behind in ([], [action("resolve")], [action("delete")], [keep], [keep, keep]):
        output = await yard.run(pipeline(search("DeepType"), *behind))
        (kept,) = [orjson.loads(one) for one in await yard.runs.data(output.task, 0, 10)]
        if shown:
            assert "deep" in kept["value"]
            assert kept["result"] == {"operation": "process", "status": "success"}
        else:
            assert kept["value"] is None
            assert kept["result"]["message"] == "it is nested more than 200 levels deep"
        if behind == [action("delete")]:
            await yard.run(pipeline(search(), create))
