"""What each expression of the language makes of what it is given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.bulk.yard import Yard, action, pipeline, replace, search


def given(*values: Any) -> dict[str, Any]:
    return {"input": {"value": list(values)}}


def select(path: str) -> dict[str, Any]:
    return {"@element": "select", "path": path}


def equal(path: str, value: Any) -> dict[str, Any]:
    return {"filter": {"equal": {"path": path, "value": value}}}


async def put_out(yard: Yard, script: Any, name: str = "executeScript") -> list[Any]:
    """Return the values that a script puts out which succeeds."""
    output = await yard.run(script, name)
    assert output.result["status"] == "success", output.result
    return await yard.values(output)


# Pipelines and sequences


async def test_a_pipeline_hands_on_what_each_expression_returns(yard: Yard) -> None:
    script = pipeline(select("a"), select("b"), **given({"a": [{"b": 1}, {"b": 2}]}, {"a": {}}))
    assert await put_out(yard, script) == [1, 2]


async def test_each_expression_of_a_sequence_takes_the_same_and_the_last_counts(
    yard: Yard,
) -> None:
    script = {
        "sequence": [select("a"), action("log", message="heard of"), select("b")],
        **given({"a": 1, "b": 2}, {"a": 3, "b": 4}),
    }
    output = await yard.run(script)
    assert await yard.values(output) == [2, 4]
    assert output.console == "INFO: heard of a value (dict)\n" * 2


async def test_a_sequence_does_one_expression_for_all_before_it_does_the_next(yard: Yard) -> None:
    script = {
        "sequence": [action("log", message="first"), action("log", message="second")],
        **given(1, 2),
    }
    output = await yard.run(script)
    words = [line.split()[1] for line in output.console.splitlines()]
    assert words == ["first", "first", "second", "second"]


async def test_pipelines_and_sequences_stand_in_each_other(yard: Yard) -> None:
    inner = {
        "@element": "sequence",
        "@value": [select("b"), {"@element": "pipeline", "@value": [select("c"), select("d")]}],
    }
    script = pipeline(select("a"), inner, **given({"a": {"b": 1, "c": {"d": 2}}}))
    assert await put_out(yard, script) == [2]


async def test_a_bare_expression_is_a_script(yard: Yard) -> None:
    await yard.fill(2)
    found = await put_out(yard, {"type": "UserType"}, "search")
    assert [one["oid"] for one in found] == ["u00000", "u00001"]


async def test_without_input_an_action_has_nothing_to_do(yard: Yard) -> None:
    output = await yard.run({"action": {"type": "log"}})
    assert (output.result["status"], output.console, output.items) == ("success", "", 0)


@pytest.mark.parametrize(
    "script",
    [
        {"scriptingExpression": {"@element": "select", "path": "a"}},
        {"scriptingExpression": {"@type": "SelectExpressionType", "path": "a"}},
        {"scriptingExpression": {"select": {"path": "a"}}},
        {"select": {"path": "a"}},
        {"select": "a"},
        {"pipeline": [{"@element": "select", "path": "a"}]},
        {"pipeline": {"select": {"path": "a"}}},
        {"pipeline": {"@element": "pipeline", "scriptingExpression": {"select": {"path": "a"}}}},
        {"pipeline": {"scriptingExpression": [{"@type": "SelectExpressionType", "path": "a"}]}},
    ],
)
async def test_an_expression_is_written_in_several_ways(yard: Yard, script: Any) -> None:
    assert await put_out(yard, {**script, **given({"a": 5})}) == [5]


# Searches


async def test_a_search_finds_the_objects_of_its_type_that_the_query_means(yard: Yard) -> None:
    await yard.fill(3, city=lambda number: "Bonn" if number else "Ulm")
    await yard.records.create("managed/role", {"name": "other", "city": "Bonn"}, "r")
    found = await put_out(yard, pipeline(search(query=equal("city", "Bonn"))))
    assert [(one["@type"], one["oid"], one["name"]) for one in found] == [
        ("UserType", "u00001", "u00001"),
        ("UserType", "u00002", "u00002"),
    ]


async def test_an_object_comes_with_its_version(yard: Yard) -> None:
    made = await yard.records.create("managed/user", {"name": "ann"}, "a")
    (found,) = await put_out(yard, pipeline(search()))
    assert found == {"@type": "UserType", "oid": "a", "version": made.rev, "name": "ann"}


async def test_search_filter_is_another_word_for_a_query(yard: Yard) -> None:
    await yard.fill(3)
    bare = {"equal": {"path": "name", "value": "u00001"}}
    for asked in (bare, {"filter": bare}, {"filter": {"text": 'name = "u00001"'}}):
        found = await put_out(yard, pipeline(search(searchFilter=asked)))
        assert [one["oid"] for one in found] == ["u00001"]


@pytest.mark.parametrize(
    "named",
    ["UserType", "c:UserType", "http://x/common-3#UserType", "User", "user", "managed/user"],
)
async def test_types_are_named_in_several_ways(yard: Yard, named: str) -> None:
    await yard.fill(1)
    assert len(await put_out(yard, pipeline(search(named)))) == 1


async def test_paging_lets_through_a_part(yard: Yard) -> None:
    await yard.fill(10)
    asked = {"paging": {"offset": 3, "maxSize": 4}}
    found = await put_out(yard, pipeline(search(query=asked), select("name")))
    assert found == ["u00003", "u00004", "u00005", "u00006"]


async def test_paging_counts_what_the_query_means(yard: Yard) -> None:
    await yard.fill(10, even=lambda number: number % 2 == 0)
    asked = {**equal("even", True), "paging": {"offset": 1, "maxSize": 2}}
    found = await put_out(yard, pipeline(search(query=asked), select("name")))
    assert found == ["u00002", "u00004"]


async def test_a_search_puts_what_it_finds_in_order(yard: Yard) -> None:
    await yard.fill(6, rank=lambda number: (number * 5) % 6)
    down = {"paging": {"orderBy": "rank", "orderDirection": "descending", "maxSize": 3}}
    found = await put_out(yard, pipeline(search(query=down), select("rank")))
    assert found == [5, 4, 3]


async def test_a_search_is_done_once_for_each_item_of_its_input(yard: Yard) -> None:
    await yard.fill(2)
    script = pipeline(search(), select("name"), **given("x", "y"))
    assert await put_out(yard, script) == ["u00000", "u00001"] * 2


async def test_a_search_behind_another_is_done_for_each_that_the_first_found(yard: Yard) -> None:
    await yard.fill(3)
    await yard.records.create("managed/role", {"name": "r"}, "r")
    found = await put_out(yard, pipeline(search(), search("RoleType"), select("name")))
    assert found == ["r", "r", "r"]


async def test_that_nothing_was_found_is_said_for_each_time_it_was_looked(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), **given(1, 2)))
    assert output.console == "Warning: no matching object found\n" * 2
    assert output.result["status"] == "success"


async def test_what_is_found_does_not_depend_on_the_pages_of_the_store(yard: Yard) -> None:
    await yard.fill(1203)
    asked = {"paging": {"offset": 499, "maxSize": 502}}
    found = await put_out(yard, pipeline(search(query=asked), select("name")))
    assert found == [f"u{number:05d}" for number in range(499, 1001)]


async def test_machines_are_found_by_what_they_are(yard: Yard) -> None:
    asked = equal("Name", "System s2")
    found = await put_out(yard, pipeline(search("ComputerSystemType", query=asked)))
    assert [(one["@type"], one["oid"], one["AssetTag"]) for one in found] == [
        ("ComputerSystemType", "s2", "")
    ]


# Searches with a child


async def test_the_child_of_a_search_is_done_with_each_object(yard: Yard) -> None:
    await yard.fill(3)
    child = {"select": {"path": "name"}}
    found = await put_out(yard, pipeline(search(**child)))
    assert found == ["u00000", "u00001", "u00002"]


@pytest.mark.parametrize("value", [False, "false"])
async def test_what_a_child_returns_is_dropped_when_it_is_not_to_be_aggregated(
    yard: Yard, value: Any
) -> None:
    await yard.fill(2)
    child = {"action": {"type": "log", "parameter": {"name": "message", "value": "met"}}}
    output = await yard.run(pipeline(search(aggregateOutput=value, **child)))
    assert await yard.values(output) == []
    assert output.console.count("met user:") == 2


async def test_a_child_may_be_a_pipeline_with_a_search_of_its_own(yard: Yard) -> None:
    await yard.fill(2)
    await yard.records.create("managed/role", {"name": "r"}, "r")
    inner = {"pipeline": [search("RoleType"), select("name")]}
    assert await put_out(yard, pipeline(search(**inner))) == ["r", "r"]


async def test_what_such_a_child_returns_is_dropped_as_well(yard: Yard) -> None:
    await yard.fill(2)
    await yard.records.create("managed/role", {"name": "r"}, "r")
    inner = {"pipeline": [search("RoleType"), action("log")], "aggregateOutput": False}
    output = await yard.run(pipeline(search(**inner), action("log", message="behind")))
    assert await yard.values(output) == []
    assert output.console == "INFO: role:r(r)\n" * 2


# For each


async def test_foreach_takes_one_item_at_a_time(yard: Yard) -> None:
    inner = {"sequence": [action("log", message="one"), action("log", message="two")]}
    script = {"foreach": inner, **given(1, 2)}
    output = await yard.run(script)
    words = [line.split()[1] for line in output.console.splitlines()]
    assert words == ["one", "two", "one", "two"]
    assert await yard.values(output) == [1, 2]


async def test_foreach_around_a_search_goes_item_by_item(yard: Yard) -> None:
    await yard.fill(2)
    inner = {"sequence": [action("log"), search()]}
    output = await yard.run({"pipeline": [{"@element": "foreach", **inner}], **given("a", "b")})
    assert [one["oid"] for one in await yard.values(output)] == ["u00000", "u00001"] * 2
    assert output.console == "INFO: a value (str)\n" * 2


async def test_foreach_in_foreach_keeps_the_order(yard: Yard) -> None:
    await yard.fill(1)
    loop = {"foreach": {"foreach": {"pipeline": [search(), select("name")]}}}
    assert await put_out(yard, {**loop, **given(1, 2)}) == ["u00000", "u00000"]


async def test_each_round_of_a_loop_has_lists_of_its_own(yard: Yard) -> None:
    await yard.fill(2)
    once = {"@element": "foreach", "pipeline": [search(), action("notify", forWholeInput=True)]}
    assert len(await put_out(yard, pipeline(once, **given(1, 2, 3)))) == 6
    both = {"@element": "foreach", "pipeline": [search(), search(), select("name")]}
    assert len(await put_out(yard, pipeline(both, **given(1, 2, 3)))) == 12


async def test_objects_that_depend_on_each_other_are_done_one_after_the_other(yard: Yard) -> None:
    """The first is changed, and each other one looks at it."""
    await yard.fill(8)
    target = {"oid": "u00000", "type": "UserType"}
    asked = {"paging": {"offset": 0, "maxSize": 6}}
    script = pipeline(search(query=asked), action("assign", targetRef=target), select("oid"))
    assert await put_out(yard, script) == [f"u{number:05d}" for number in range(6)]
    assert ["assignment" in await yard.content(f"u{number:05d}") for number in range(8)] == [
        True
    ] * 6 + [False] * 2


# Values: select, filter, filterContent


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("name", ["ann"]),
        ("c:name", ["ann"]),
        ("assignment/id", [1, 2]),
        ("assignment", [{"id": 1, "targetRef": {"oid": "r1"}}, {"id": 2}]),
        ("assignment[1]/targetRef/oid", ["r1"]),
        ("assignment[7]/targetRef/oid", []),
        ("nothing", []),
        ("name/deeper", []),
        ("none", []),
        ("zero", [0]),
        ("no", [False]),
        ("empty", [""]),
        ("matrix", [1, 2, 3]),
    ],
)  # fmt: skip
async def test_select_returns_all_values_at_a_path(yard: Yard, path: str, found: Any) -> None:
    value = {
        "name": "ann",
        "assignment": [{"id": 1, "targetRef": {"oid": "r1"}}, {"id": 2}],
        "none": None,
        "zero": 0,
        "no": False,
        "empty": "",
        "matrix": [[1, 2], [3]],
    }
    assert await put_out(yard, pipeline(select(path), **given(value))) == found


@pytest.mark.parametrize(
    "clause",
    [
        {"equal": {"path": "a", "value": 2}},
        {"filter": {"equal": {"path": "a", "value": 2}}},
        {"query": {"filter": {"equal": {"path": "a", "value": 2}}}},
        {"searchFilter": {"equal": {"path": "a", "value": 2}}},
        {"filter": {"text": "a = 2"}},
    ],
)
async def test_filter_keeps_the_items_that_it_means(yard: Yard, clause: Any) -> None:
    script = pipeline(
        {"@element": "filter", **clause}, **given({"a": 1}, {"a": 2}, {"a": 2, "b": 1})
    )
    assert await put_out(yard, script) == [{"a": 2}, {"a": 2, "b": 1}]


async def test_filter_keeps_none_of_what_has_no_properties(yard: Yard) -> None:
    script = pipeline(
        {"@element": "filter", "equal": {"path": "a", "value": 2}}, **given(2, "a", None)
    )
    assert await put_out(yard, script) == []


async def test_filter_sees_an_object_as_it_is_by_then(yard: Yard) -> None:
    await yard.fill(2, city="Ulm")
    script = pipeline(
        search(query=equal("name", "u00001")),
        action("modify", delta=replace("city", "Bonn")),
        {"@element": "filter", "equal": {"path": "city", "value": "Bonn"}},
        select("oid"),
    )
    assert await put_out(yard, script) == ["u00001"]


CONTENT = {"a": 1, "b": {"c": 2, "d": 3}, "e": [{"c": 4, "d": 5}]}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"keep": "a"}, {"a": 1}),
        ({"keep": ["a", "b/c"]}, {"a": 1, "b": {"c": 2}}),
        ({"keep": ["b/c", "b"]}, {"b": {"c": 2, "d": 3}}),
        ({"keep": ["b", "b/c"]}, {"b": {"c": 2, "d": 3}}),
        ({"keep": ["b/c", "b/d"]}, {"b": {"c": 2, "d": 3}}),
        ({"keep": "e/c"}, {"e": [{"c": 4}]}),
        ({"keep": ["e/c", "a"]}, {"a": 1, "e": [{"c": 4}]}),
        ({"keep": "a/b"}, {}),
        ({"keep": "b/x"}, {}),
        ({"keep": "nothing"}, {}),
        ({"remove": "a"}, {"b": {"c": 2, "d": 3}, "e": [{"c": 4, "d": 5}]}),
        ({"remove": ["a", "b/c", "e/d"]}, {"b": {"d": 3}, "e": [{"c": 4}]}),
        ({"remove": ["b", "b/c"]}, {"a": 1, "e": [{"c": 4, "d": 5}]}),
        ({"remove": ["b/c", "b"]}, {"a": 1, "e": [{"c": 4, "d": 5}]}),
        ({"remove": "nothing/at/all"}, CONTENT),
        ({"remove": ["a", "b", "e"]}, {}),
    ],
)
async def test_filter_content_keeps_or_removes(yard: Yard, what: Any, left: Any) -> None:
    script = pipeline({"@element": "filterContent", **what}, **given(CONTENT))
    assert await put_out(yard, script) == [left]


NUMBERED = {
    "assignment": [
        {"id": 1, "targetRef": {"oid": "r1"}, "description": "x"},
        {"id": 2, "targetRef": {"oid": "r2"}, "description": "y"},
    ]
}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"keep": "assignment[2]"}, [NUMBERED["assignment"][1]]),
        ({"keep": "assignment[2]/targetRef"}, [{"targetRef": {"oid": "r2"}}]),
        (
            {"keep": ["assignment[2]/targetRef", "assignment/description"]},
            [{"description": "x"}, {"targetRef": {"oid": "r2"}, "description": "y"}],
        ),
        (
            {"keep": ["assignment/id", "assignment[2]"]},
            [{"id": 1}, NUMBERED["assignment"][1]],
        ),
        ({"remove": "assignment[2]"}, [NUMBERED["assignment"][0]]),
        (
            {"remove": ["assignment[2]/targetRef", "assignment/description"]},
            [{"id": 1, "targetRef": {"oid": "r1"}}, {"id": 2}],
        ),
    ],
)
async def test_filter_content_goes_by_the_ids_of_values(yard: Yard, what: Any, left: Any) -> None:
    script = pipeline({"@element": "filterContent", **what}, **given(NUMBERED))
    assert await put_out(yard, script) == [{"assignment": left}]


async def test_filter_content_leaves_plain_values_alone(yard: Yard) -> None:
    script = pipeline({"@element": "filterContent", "keep": "a"}, **given("x", 3))
    assert await put_out(yard, script) == ["x", 3]


async def test_an_object_with_some_of_its_content_stays_recognisable(yard: Yard) -> None:
    await yard.fill(1, secret="s", city="Ulm")
    script = pipeline(search(), {"@element": "filterContent", "keep": "city"})
    (found,) = await put_out(yard, script)
    assert set(found) == {"@type", "oid", "version", "city"}


async def test_who_an_object_is_cannot_be_removed(yard: Yard) -> None:
    await yard.fill(1, city="Ulm")
    what = {"@element": "filterContent", "remove": ["oid", "version", "city"]}
    (found,) = await put_out(yard, pipeline(search(), what))
    assert set(found) == {"@type", "oid", "version", "name"}


# Variables


async def test_a_query_speaks_of_the_variables_of_the_script(yard: Yard) -> None:
    await yard.fill(3)
    variables = {"variable": [{"name": "who", "expression": {"value": "u00002"}}]}
    script = pipeline(
        search(query={"filter": {"text": "name = $who"}}), select("name"), variables=variables
    )
    assert await put_out(yard, script) == ["u00002"]
