"""What is no script: each mistake is refused with the element that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.language import Action, Foreach, Pipeline, Script, Search
from odimra.jobs.bulk.parsing import DEEPEST, MOST, MOST_INPUT, parse_script
from odimra.jobs.bulk.plan import Plan
from tests.jobs.bulk.yard import action, replace

LOG = {"action": {"type": "log"}}


def refused(data: Any, name: str = "executeScript") -> tuple[str, str]:
    """Return the element that is named, and what is said."""
    with pytest.raises(BadScript) as caught:
        parse_script(name, data)
    return caught.value.element, str(caught.value)


def only(data: Any, name: str = "executeScript") -> Any:
    """Return the one expression of a script."""
    return parse_script(name, data).expression


# Scripts

SCRIPTS: list[tuple[Any, str, str]] = [
    (None, "executeScript", "has no expression"),
    ("", "executeScript", "has no expression"),
    ({}, "executeScript", "has no expression"),
    ([], "executeScript", "has to be an object"),
    ("text", "executeScript", "has to be an object"),
    ({**LOG, "search": {"type": "UserType"}}, "executeScript", "has more than one expression"),
    ({"action": [{"type": "log"}] * 2}, "executeScript", "has more than one expression"),
    ({**LOG, "unknown": 1}, "executeScript/unknown", "is not known here"),
    ({**LOG, "n" * 500: 1}, "executeScript/" + "n" * 80, "is not known here"),
    ({**LOG, "options": "x"}, "options", "has to be an object"),
    ({**LOG, "options": {"x": 1}}, "options/x", "is not known here"),
    ({**LOG, "options": {"continueOnAnyError": "yes"}}, "options/continueOnAnyError", "true or"),
    ({**LOG, "options": {"continueOnAnyError": 1}}, "options/continueOnAnyError", "true or"),
    ({**LOG, "options": {"continueOnAnyError": "True"}}, "options/continueOnAnyError", "true or"),
    ({**LOG, "options": {"continueOnAnyError": None}}, "options/continueOnAnyError", "true or"),
    ({**LOG, "options": {"hideOperationResults": 0}}, "options/hideOperationResults", "true or"),
    ({**LOG, "input": "x"}, "input", "has to be an object"),
    ({**LOG, "input": {"values": 1}}, "input/values", "is not known here"),
    ({**LOG, "input": {"value": [1] * (MOST_INPUT + 1)}}, "input", f"more than {MOST_INPUT}"),
    ({**LOG, "variables": "x"}, "variables", "has to be an object"),
    ({**LOG, "variables": {"x": 1}}, "variables/x", "is not known here"),
    ({**LOG, "variables": {"variable": 1}}, "variables/variable", "has to be an object"),
    ({**LOG, "variables": {"variable": {}}}, "variables/variable/name", "has to be a text"),
    ({**LOG, "variables": {"variable": {"name": "a", "x": 1}}}, "variable/x", "not known"),
    (
        {**LOG, "variables": {"variable": [{"name": "a", "expression": {"value": 1}}] * 2}},
        "variables/a",
        "is there twice",
    ),
    (
        {**LOG, "variables": {"variable": {"name": "a", "expression": {"script": {}}}}},
        "variables/a/expression/script",
        "is not known here",
    ),
    (
        {**LOG, "variables": {"variable": {"name": "a", "expression": 1}}},
        "variables/a/expression",
        "has to be an object",
    ),
    ({"scriptingExpression": 1}, "executeScript/scriptingExpression", "has to be an object"),
    ({"scriptingExpression": {}}, "executeScript/scriptingExpression", "by no @element"),
    ({"scriptingExpression": {"@element": "x"}}, "executeScript/x", "is no expression"),
    ({"scriptingExpression": {"@type": "FooType"}}, "executeScript/foo", "is no expression"),
    ({"scriptingExpression": {"@element": 1}}, "executeScript/scriptingExpression", "@element"),
]


@pytest.mark.parametrize(("data", "element", "said"), SCRIPTS)
def test_what_is_no_script_is_refused(data: Any, element: str, said: str) -> None:
    assert refused(data)[0] == element
    assert said in refused(data)[1]


def test_another_document_is_no_script() -> None:
    assert refused({}, "user")[0] == "user"
    assert len(refused({}, "x" * 500)[1]) < 200


# Expressions; each stands in a script as its one expression

HERE = "executeScript"
EXPRESSIONS: list[tuple[Any, str, str]] = [
    ({"pipeline": []}, f"{HERE}/pipeline", "has no expression"),
    ({"pipeline": {}}, f"{HERE}/pipeline", "has no expression"),
    ({"pipeline": None}, f"{HERE}/pipeline", "has no expression"),
    ({"pipeline": "x"}, f"{HERE}/pipeline", "has to be an object"),
    ({"pipeline": [1]}, f"{HERE}/pipeline", "has to be an object"),
    ({"pipeline": [{}]}, f"{HERE}/pipeline", "by no @element"),
    ({"pipeline": {"x": {}}}, f"{HERE}/pipeline/x", "is not known here"),
    ({"pipeline": [{"@element": "x"}]}, f"{HERE}/pipeline/1/x", "is no expression"),
    (
        {"pipeline": [{"@element": "action", "type": "log"}, {"@element": "select"}]},
        f"{HERE}/pipeline/2/select/path",
        "has to be a text",
    ),
    ({"sequence": []}, f"{HERE}/sequence", "has no expression"),
    ({"sequence": [{"@element": "select"}]}, f"{HERE}/sequence/1/select/path", "be a text"),
    ({"search": "x"}, f"{HERE}/search", "has to be an object"),
    ({"search": {}}, f"{HERE}/search/type", "has to be a text"),
    ({"search": {"type": 1}}, f"{HERE}/search/type", "has to be a text"),
    ({"search": {"type": "a b"}}, f"{HERE}/search/type", "no type of objects 'a b'"),
    ({"search": {"type": "ObjectType"}}, f"{HERE}/search/type", "name one that is"),
    ({"search": {"type": "FocusType"}}, f"{HERE}/search/type", "name one that is"),
    ({"search": {"type": "TaskType"}}, f"{HERE}/search/type", "tasks are no objects"),
    ({"search": {"type": "UserType", "x": 1}}, f"{HERE}/search/x", "is not known here"),
    ({"search": {"type": "UserType", "variable": "x"}}, f"{HERE}/search/variable", "supported"),
    ({"search": {"type": "UserType", "options": {"a": 1}}}, f"{HERE}/search/options", "supported"),
    (
        {"search": {"type": "UserType", "parameter": {"name": "raw", "value": True}}},
        f"{HERE}/search/parameter/raw",
        "is no parameter of a search",
    ),
    ({"search": {"type": "UserType", "parameter": 1}}, f"{HERE}/search/parameter", "an object"),
    (
        {"search": {"type": "UserType", "query": {"all": {}}, "searchFilter": {"all": {}}}},
        f"{HERE}/search",
        "has both query and searchFilter",
    ),
    ({"search": {"type": "UserType", "query": 1}}, f"{HERE}/search/query", "query"),
    (
        {"search": {"type": "UserType", "query": {"filter": {"foo": 1}}}},
        f"{HERE}/search/query",
        "filter/foo",
    ),
    (
        {"search": {"type": "UserType", "query": {"filter": {"text": "name ="}}}},
        f"{HERE}/search/query",
        "text",
    ),
    (
        {"search": {"type": "UserType", "query": {"paging": {"maxSize": -1}}}},
        f"{HERE}/search/query",
        "paging/maxSize",
    ),
    (
        {"search": {"type": "UserType", "searchFilter": {"inOrg": {}}}},
        f"{HERE}/search/searchFilter",
        "inOrg",
    ),
    (
        {"search": {"type": "UserType", "query": {"filter": {"text": "name = $nobody"}}}},
        f"{HERE}/search/query",
        "nobody",
    ),
    (
        {"search": {"type": "UserType", **LOG, "select": {"path": "a"}}},
        f"{HERE}/search",
        "has more than one expression",
    ),
    (
        {"search": {"type": "UserType", **LOG, "aggregateOutput": "no"}},
        f"{HERE}/search/aggregateOutput",
        "true or false",
    ),
    (
        {"search": {"type": "UserType", "action": {"type": "shout"}}},
        f"{HERE}/search/action",
        "shout is no action",
    ),
    ({"select": {}}, f"{HERE}/select/path", "has to be a text"),
    ({"select": None}, f"{HERE}/select", "has to be a text"),
    ({"select": {"path": "a", "x": 1}}, f"{HERE}/select/x", "is not known here"),
    ({"select": {"path": "a b"}}, f"{HERE}/select/path", "is no path"),
    ({"select": {"path": "a//b"}}, f"{HERE}/select/path", "is no path"),
    ({"select": {"path": "a[x]"}}, f"{HERE}/select/path", "is no path"),
    ({"select": {"path": "/"}}, f"{HERE}/select/path", "is no path"),
    ({"select": {"path": "/".join("a" * 33)}}, f"{HERE}/select/path", "more than 32"),
    ({"filter": {}}, f"{HERE}/filter", "nothing of what is to be kept"),
    ({"filter": "x"}, f"{HERE}/filter", "has to be an object"),
    ({"filter": {"query": {}}}, f"{HERE}/filter", "nothing of what is to be kept"),
    ({"filter": {"foo": 1}}, f"{HERE}/filter/searchFilter", "foo"),
    (
        {"filter": {"query": {"filter": {"all": {}}, "paging": {"maxSize": 1}}}},
        f"{HERE}/filter",
        "nothing of what is to be kept",
    ),
    (
        {"filter": {"query": {"filter": {"text": "a = 1"}, "paging": {"maxSize": 1}}}},
        f"{HERE}/filter/query/paging",
        "is for searches only",
    ),
    ({"filterContent": {}}, f"{HERE}/filterContent", "either what to keep or what to remove"),
    ({"filterContent": {"keep": "a", "remove": "b"}}, f"{HERE}/filterContent", "either"),
    ({"filterContent": {"keep": "a b"}}, f"{HERE}/filterContent/keep", "is no path"),
    ({"filterContent": {"remove": ["a", 1]}}, f"{HERE}/filterContent/remove", "be a text"),
    ({"filterContent": {"drop": "a"}}, f"{HERE}/filterContent/drop", "is not known here"),
    ({"foreach": {}}, f"{HERE}/foreach", "has no expression"),
    ({"foreach": "x"}, f"{HERE}/foreach", "has to be an object"),
    ({"foreach": {"x": 1}}, f"{HERE}/foreach/x", "is not known here"),
    ({"foreach": {**LOG, "select": "a"}}, f"{HERE}/foreach", "has more than one expression"),
    ({"foreach": {"foreach": {"select": ""}}}, f"{HERE}/foreach/foreach/select", "be a text"),
]


@pytest.mark.parametrize(("data", "element", "said"), EXPRESSIONS)
def test_what_is_no_expression_is_refused(data: Any, element: str, said: str) -> None:
    assert refused(data)[0] == element
    assert said in refused(data)[1]


# Bounds


def test_expressions_are_nested_so_deep_only() -> None:
    data: Any = {"select": "a"}
    for _ in range(DEEPEST):
        data = {"foreach": data}
    assert f"more than {DEEPEST} deep" in refused(data)[1]
    assert isinstance(only(data["foreach"]), Foreach)


def test_hostile_depth_is_refused_and_not_followed() -> None:
    data: Any = {"select": "a"}
    for _ in range(900):
        data = {"foreach": data}
    assert f"more than {DEEPEST} deep" in refused(data)[1]


def test_a_script_has_so_many_expressions_only() -> None:
    one = {"@element": "select", "path": "a"}
    assert f"more than {MOST} expressions" in refused({"pipeline": [one] * MOST})[1]
    assert len(only({"pipeline": [one] * (MOST - 1)}).children) == MOST - 1


# What is read


def test_the_options_of_a_script() -> None:
    options = {"continueOnAnyError": "true", "hideOperationResults": True}
    assert parse_script("executeScript", {**LOG, "options": options}) == Script(
        Action("log", {"level": "info", "message": ""}, element="executeScript/action"),
        continue_on_error=True,
        hide_results=True,
    )


@pytest.mark.parametrize("given", [None, "", {}, {"value": []}, {"value": None}])
def test_a_script_without_input(given: Any) -> None:
    assert parse_script("executeScript", {**LOG, "input": given}).input == ()


def test_input_is_one_value_or_several() -> None:
    assert parse_script("executeScript", {**LOG, "input": {"value": "a"}}).input == ("a",)
    assert parse_script("executeScript", {**LOG, "input": {"value": ["a", 1]}}).input == ("a", 1)


def test_searches_take_the_parameter_no_fetch() -> None:
    parameter = {"name": "noFetch", "value": True}
    assert isinstance(only({"search": {"type": "UserType", "parameter": parameter}}), Search)
    assert isinstance(only({"search": {"type": "UserType", "options": ""}}), Search)


def test_search_is_an_action_as_well() -> None:
    given = action("search", type="UserType", query={"filter": {"text": 'name = "a"'}})
    read = only({"scriptingExpression": given})
    assert isinstance(read, Search) and read.query.test is not None
    assert read.query.test({"name": "a"}) and not read.query.test({"name": "b"})


@pytest.mark.parametrize(
    ("type_", "data", "name"),
    [
        ("LogActionExpressionType", {}, "log"),
        ("ResolveReferenceActionExpressionType", {}, "resolve"),
        ("ExecuteScriptActionExpressionType", {"script": "x"}, "execute-script"),
        ("ActionExpressionType", {"type": "log"}, "log"),
    ],
)
def test_the_type_of_an_expression_says_which_it_is(type_: str, data: Any, name: str) -> None:
    assert only({"scriptingExpression": {"@type": type_, **data}}).name == name


# How it is laid out


def test_a_search_and_what_touches_only_its_objects_are_one_node() -> None:
    child = {"pipeline": [action("modify", delta=replace("a", 1)), action("log")]}
    plan = Plan(only({"search": {"type": "UserType", **child}}))
    assert len(plan.nodes) == 1


def test_a_search_and_what_makes_new_objects_are_two() -> None:
    data = {"search": {"type": "UserType", "execute": {"script": "x"}}}
    expression = only(data)
    assert isinstance(expression, Pipeline)
    assert len(Plan(expression).nodes) == 3
