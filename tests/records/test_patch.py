"""CREST patch: what each operation does, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from odimra.records.errors import BadPatch
from odimra.records.patch import MOST, apply, parse_patch

Record = dict[str, Any]


def patched(record: Record, *operations: dict[str, Any]) -> Record:
    return apply(record, parse_patch(list(operations)))


def op(operation: str, field: str, value: Any = ..., **more: Any) -> dict[str, Any]:
    given = {"operation": operation, "field": field, **more}
    return given if value is ... else {**given, "value": value}


# fmt: off
DONE = [
    # add: sets, makes parents, appends behind an array
    ({}, op("add", "/a", 1), {"a": 1}),
    ({}, op("add", "a", 1), {"a": 1}),
    ({}, op("add", "a/", 1), {"a": 1}),
    ({}, op("ADD", "a", 1), {"a": 1}),
    ({"a": 1}, op("add", "/a", 2), {"a": 2}),
    ({"a": 1}, op("add", "/a", None), {"a": None}),
    ({}, op("add", "/a/b/c", 1), {"a": {"b": {"c": 1}}}),
    ({"a": None}, op("add", "/a/b", 1), {"a": {"b": 1}}),
    ({"a": {"x": 0}}, op("add", "/a/b", [1]), {"a": {"x": 0, "b": [1]}}),
    ({"a": [1]}, op("add", "/a/-", 2), {"a": [1, 2]}),
    ({"a": [1]}, op("add", "/a/-", [2]), {"a": [1, [2]]}),
    ({"a": [1]}, op("add", "/a", [2]), {"a": [2]}),
    ({}, op("add", "/a/-", 2), {"a": [2]}),
    ({"a": None}, op("add", "/a/-", 2), {"a": [2]}),
    ({"a": {"b": []}}, op("add", "/a/b/-", {"c": 1}), {"a": {"b": [{"c": 1}]}}),
    ({}, op("add", "/-", 1), {"-": 1}),
    ({"a": {}}, op("add", "/a/0", 1), {"a": {"0": 1}}),
    ({"a": [{"b": 1}, {}]}, op("add", "/a/1/b", 2), {"a": [{"b": 1}, {"b": 2}]}),
    ({}, op("add", "/a%2Fb", 1), {"a/b": 1}),
    # replace
    ({"a": 1}, op("replace", "/a", 2), {"a": 2}),
    ({}, op("replace", "/a", 2), {"a": 2}),
    ({}, op("replace", "/a/b", 2), {"a": {"b": 2}}),
    ({"a": [1, 2]}, op("replace", "/a", []), {"a": []}),
    ({"a": {"b": 1}}, op("replace", "/a", {"c": 1}), {"a": {"c": 1}}),
    ({"a": 1}, op("replace", "/a", False), {"a": False}),
    # remove: the field, or what of it equals the value
    ({"a": 1, "b": 2}, op("remove", "/a"), {"b": 2}),
    ({"a": 1}, op("remove", "/a", None), {}),
    ({"a": {"b": 1}}, op("remove", "/a/b"), {"a": {}}),
    ({"a": 1}, op("remove", "/b"), {"a": 1}),
    ({"a": 1}, op("remove", "/a/b"), {"a": 1}),
    ({"a": 1}, op("remove", "/a", 1), {}),
    ({"a": 1}, op("remove", "/a", 2), {"a": 1}),
    ({"a": 1}, op("remove", "/a", True), {"a": 1}),
    ({"a": 1}, op("remove", "/b", 1), {"a": 1}),
    ({"a": [1, 2, 1, True]}, op("remove", "/a", 1), {"a": [2, True]}),
    ({"a": [1]}, op("remove", "/a", 1), {"a": []}),
    ({"a": [1]}, op("remove", "/a", 3), {"a": [1]}),
    ({"a": [{"x": 1, "y": 2}, {"x": 1}]}, op("remove", "/a", {"y": 2, "x": 1}), {"a": [{"x": 1}]}),
    ({"a": [1, 2]}, op("remove", "/a", [1, 2]), {}),
    ({"a": [1, 2]}, op("remove", "/a"), {}),
    ({"a": [1]}, op("remove", "/a/-"), {"a": [1]}),
    ({"a": [{"b": 1}]}, op("remove", "/a/0/b"), {"a": [{}]}),
    # increment
    ({"a": 1}, op("increment", "/a", 2), {"a": 3}),
    ({"a": 1}, op("increment", "/a", -2), {"a": -1}),
    ({"a": 1}, op("increment", "/a", 0.5), {"a": 1.5}),
    ({"a": [1, 2.5]}, op("increment", "/a", 1), {"a": [2, 3.5]}),
    ({"a": []}, op("increment", "/a", 1), {"a": []}),
    ({"a": {"b": 2**63 - 2}}, op("increment", "/a/b", 1), {"a": {"b": 2**63 - 1}}),
    ({"a": 1e300}, op("increment", "/a", 1), {"a": 1e300}),
    # copy and move
    ({"a": {"x": 1}}, op("copy", "/b", **{"from": "/a"}), {"a": {"x": 1}, "b": {"x": 1}}),
    ({"a": 1}, op("copy", "/b/c", **{"from": "a"}), {"a": 1, "b": {"c": 1}}),
    ({"a": 1, "b": [0]}, op("copy", "/b/-", **{"from": "/a"}), {"a": 1, "b": [0, 1]}),
    ({"a": [7]}, op("copy", "/b", **{"from": "/a/0"}), {"a": [7], "b": 7}),
    ({"a": 1}, op("copy", "/b", **{"from": "/c"}), {"a": 1}),
    ({"a": None}, op("copy", "/b", **{"from": "/a"}), {"a": None}),
    ({"a": {"x": 1}}, op("copy", "/a/b", **{"from": "/a"}), {"a": {"x": 1, "b": {"x": 1}}}),
    ({"a": 1, "b": 2}, op("move", "/b", **{"from": "/a"}), {"b": 1}),
    ({"a": {"x": 1}}, op("move", "/b/c", **{"from": "/a/x"}), {"a": {}, "b": {"c": 1}}),
    ({"a": {"x": 1}}, op("move", "/a", **{"from": "/a/x"}), {"a": 1}),
    ({"a": 1}, op("move", "/a", **{"from": "/a"}), {"a": 1}),
    ({"a": 1}, op("move", "/b", **{"from": "/c"}), {"a": 1}),
    ({"a": None}, op("move", "/b", **{"from": "/a"}), {"a": None}),
    ({"a": 1}, op("move", "/b", value=None, **{"from": "/a"}), {"b": 1}),
]
REFUSED = [
    ({"a": [1, 2]}, op("add", "/a/0", 1), "field: position-based"),
    ({"a": [1, 2]}, op("replace", "/a/1", 1), "field: position-based"),
    ({"a": [1, 2]}, op("remove", "/a/1"), "field: position-based"),
    ({"a": [1, 2]}, op("increment", "/a/12", 1), "field: position-based"),
    ({"a": [1, 2]}, op("copy", "/a/0", **{"from": "/a"}), "field: position-based"),
    ({"a": [1, 2]}, op("move", "/b", **{"from": "/a/0"}), "from: position-based"),
    ({"a": [1]}, op("replace", "/a/-", 1), "field: there is nothing behind"),
    ({"a": [1]}, op("add", "/a/x", 1), "field: an array"),
    ({"a": 1}, op("add", "/a/b", 1), "field: there is neither"),
    ({"a": 1}, op("add", "/a/-", 1), "field: there is neither"),
    ({"a": 1}, op("copy", "/a/b", **{"from": "/a"}), "field: there is neither"),
    ({}, op("increment", "/a", 1), "field: there is neither a number"),
    ({"a": "1"}, op("increment", "/a", 1), "field: there is neither a number"),
    ({"a": True}, op("increment", "/a", 1), "field: there is neither a number"),
    ({"a": [1, None]}, op("increment", "/a", 1), "field: there is neither a number"),
    ({"a": 2**63 - 1}, op("increment", "/a", 1), "value: the number would become too large"),
    ({"a": 1.7e308}, op("increment", "/a", 1.7e308), "value: the number would become too large"),
    ({"a": 1}, op("increment", "/a", True), "value: must be a number"),
    ({"a": 1}, op("increment", "/a", "1"), "value: must be a number"),
    ({"a": 1}, op("increment", "/a"), "value: is needed"),
    ({"a": 1}, op("add", "/a"), "value: is needed"),
    ({"a": 1}, op("replace", "/a"), "value: is needed"),
    ({"a": 1}, op("replace", "/a", None), "value: null"),
    ({"a": 1}, op("add", "/a", 2**64), "value: cannot be kept"),
    ({"a": 1}, op("remove", "/a", 2**64), "value: cannot be kept"),
    ({"a": 1}, op("add", "/a", 1, **{"from": "/b"}), "from: does not go with 'add'"),
    ({"a": 1}, op("remove", "/a", **{"from": "/b"}), "from: does not go with 'remove'"),
    ({"a": 1}, op("move", "/a", 1, **{"from": "/b"}), "value: does not go with 'move'"),
    ({"a": 1}, op("copy", "/a"), "from: is needed"),
    ({"a": 1}, op("move", "/b", **{"from": 7}), "from: must be a pointer"),
    ({"a": {"b": 1}}, op("move", "/a/b/c", **{"from": "/a"}), "field: is within what is moved"),
    ({"a": 1}, op("move", "/a", **{"from": "/_id"}), "from: _id cannot be changed"),
    ({"a": 1}, op("add", "/_id", "x"), "field: _id cannot be changed"),
    ({"a": 1}, op("remove", "/_rev"), "field: _rev cannot be changed"),
    ({"a": 1}, op("add", "", {}), "field: is the whole record"),
    ({"a": 1}, op("remove", "/"), "field: is the whole record"),
    ({"a": 1}, op("add", "/a%2", 1), "field: a % must"),
    ({"a": 1}, {"operation": "add", "value": 1}, "field: is missing"),
    ({"a": 1}, {"operation": "add", "field": ["a"], "value": 1}, "field: must be a pointer"),
    ({"a": 1}, {"field": "/a", "value": 1}, "operation: is missing"),
    ({"a": 1}, {"op": "add", "path": "/a", "value": 1}, "operation: is missing"),
    ({"a": 1}, op("set", "/a", 1), "operation: invalid patch operation type 'set'"),
    ({"a": 1}, op("transform", "/a", {"script": {}}), "operation: 'transform' is not supported"),
]
# fmt: on


@pytest.mark.parametrize(("record", "operation", "expected"), DONE)
def test_what_an_operation_does(record: Record, operation: Record, expected: Record) -> None:
    before = copy.deepcopy(record)
    result = patched(record, operation)
    assert repr(result) == repr(expected)
    assert record == before, "what was given is not changed"


@pytest.mark.parametrize(("record", "operation", "said"), REFUSED)
def test_what_is_refused_says_which_operation_and_where(
    record: Record, operation: Record, said: str
) -> None:
    with pytest.raises(BadPatch) as refused:
        patched(record, op("add", "/first", 1), operation)
    assert str(refused.value).startswith(f"operation 1, {said}")


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({}, "patch: must be an array"),
        ("add", "patch: must be an array"),
        (None, "patch: must be an array"),
        ([1], "operation 0: must be an object"),
        ([{"operation": "add", "field": "a", "value": 1, "x": 1}], "operation 0: has a member"),
        ([op("add", "a", 1)] * (MOST + 1), f"patch: has {MOST + 1} operations"),
    ],
)
def test_what_is_no_patch(patch: Any, said: str) -> None:
    with pytest.raises(BadPatch, match=said):
        parse_patch(patch)


def test_operations_are_done_one_after_the_other() -> None:
    operations = [
        op("add", "/a", {"x": 1}),
        op("add", "/a/y", 2),
        op("copy", "/b", **{"from": "/a"}),
        op("increment", "/b/y", 1),
        op("move", "/c", **{"from": "/a/x"}),
    ]
    expected = {"a": {"y": 2}, "b": {"x": 1, "y": 3}, "c": 1}
    assert patched({}, *operations) == expected


def test_a_patch_can_be_done_more_than_once() -> None:
    operations = parse_patch(
        [op("add", "/a", {"x": 1}), op("add", "/a/y", 2), op("remove", "/a/x")]
    )
    assert apply({}, operations) == apply({}, operations) == {"a": {"y": 2}}
    assert apply({}, parse_patch(operations)) == {"a": {"y": 2}}
