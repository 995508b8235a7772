"""What deltas make of an object."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.jobs.bulk.deltas import MOST, CannotApply, apply, meets, parse_delta
from odimra.jobs.bulk.errors import BadScript

R1 = {"targetRef": {"oid": "r1", "type": "RoleType"}}
R2 = {"targetRef": {"oid": "r2", "type": "RoleType"}}


def delta(kind: str, path: str, *values: Any) -> dict[str, Any]:
    return {"modificationType": kind, "path": path, "value": list(values)}


def changed(content: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """Return a content after some changes; the one that is given stays as it is."""
    before = copy.deepcopy(content)
    after = apply(content, parse_delta({"itemDelta": list(changes)}, "delta"))
    assert content == before
    return after


def kept(*assignments: dict[str, Any]) -> dict[str, Any]:
    return {"assignment": [{"id": at, **one} for at, one in enumerate(assignments, 1)]}


ROWS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # replace
    ("what is not there", {}, delta("replace", "a", 1), {"a": 1}),
    ("what is there", {"a": 1, "b": 2}, delta("replace", "a", 3), {"a": 3, "b": 2}),
    ("by several", {"a": 1}, delta("replace", "a", 3, 4), {"a": [3, 4]}),
    ("one for several", {"a": [1, 2]}, delta("replace", "a", 3), {"a": [3]}),
    ("by nothing", {"a": 1, "b": 2}, delta("replace", "a"), {"b": 2}),
    ("by null", {"a": 1}, delta("replace", "a", None), {"a": None}),
    ("a list that is one always", {}, delta("replace", "subtype", "x"), {"subtype": ["x"]}),
    ("below what is not there", {}, delta("replace", "a/b/c", 1), {"a": {"b": {"c": 1}}}),
    ("below null", {"a": None}, delta("replace", "a/b", 1), {"a": {"b": 1}}),
    ("below an empty list", {"a": []}, delta("replace", "a/b", 1), {"a": {"b": 1}}),
    ("below the only one", {"a": [{"b": 1}]}, delta("replace", "a/b", 2), {"a": [{"b": 2}]}),
    ("with prefixes", {}, delta("replace", "c:a/t:b", 1), {"a": {"b": 1}}),
    ("with a slash in front", {}, delta("replace", "/a", 1), {"a": 1}),
    ("by a PolyString", {"name": "x"}, delta("replace", "name", {"orig": "y", "norm": "y"}),
     {"name": {"orig": "y", "norm": "y"}}),
    ("by typed values", {}, delta("replace", "a", {"@type": "xsd:int", "@value": 5}), {"a": 5}),
    ("by a typed container", {}, delta("replace", "a", {"@type": "T", "b": 1}), {"a": {"b": 1}}),
    ("numbered ones", kept(R1), delta("replace", "assignment", R2, R1), kept(R2, R1)),
    ("a value by its id", kept(R1, R2), delta("replace", "assignment[2]/description", "x"),
     {"assignment": [{"id": 1, **R1}, {"id": 2, **R2, "description": "x"}]}),
    ("the only value by its id", {"assignment": {"id": 1}},
     delta("replace", "assignment[1]/a", "x"), {"assignment": [{"id": 1, "a": "x"}]}),
    # add
    ("to nothing", {}, delta("add", "a", 1), {"a": 1}),
    ("to nothing, several", {}, delta("add", "a", 1, 2), {"a": [1, 2]}),
    ("to one", {"a": 1}, delta("add", "a", 2), {"a": [1, 2]}),
    ("to null", {"a": None}, delta("add", "a", 2), {"a": 2}),
    ("to several", {"a": [1, 2]}, delta("add", "a", 3), {"a": [1, 2, 3]}),
    ("to an empty list", {"a": []}, delta("add", "a", 3), {"a": [3]}),
    ("what is there already", {"a": 1}, delta("add", "a", 1), {"a": 1}),
    ("a part of which is there", {"a": [1, 2]}, delta("add", "a", 2, 3, 3), {"a": [1, 2, 3]}),
    ("true is not one", {"a": 1}, delta("add", "a", True), {"a": [1, True]}),
    ("a text is no number", {"a": 1}, delta("add", "a", "1"), {"a": [1, "1"]}),
    ("to a list that is one always", {}, delta("add", "subtype", "x"), {"subtype": ["x"]}),
    ("a PolyString that is there as text", {"a": "x"},
     delta("add", "a", {"orig": "x", "norm": "x"}), {"a": "x"}),
    ("a text that is there as PolyString", {"a": {"orig": "x", "norm": "x"}},
     delta("add", "a", "x"), {"a": {"orig": "x", "norm": "x"}}),
    ("what is spelled like a PolyString", {"a": {"orig": {}}}, delta("add", "a", {"orig": {}}),
     {"a": {"orig": {}}}),
    ("a list", {"a": [[1]]}, delta("add", "a", [1]), {"a": [[1]]}),
    ("a container", {"a": [{"b": 1}]}, delta("add", "a", {"b": 2}), {"a": [{"b": 1}, {"b": 2}]}),
    ("a container that is there", {"a": [{"b": 1}]}, delta("add", "a", {"b": 1}),
     {"a": [{"b": 1}]}),
    ("less than what is there", {"a": [{"b": 1, "c": 2}]}, delta("add", "a", {"b": 1}),
     {"a": [{"b": 1, "c": 2}, {"b": 1}]}),
    ("more than what is there", {"a": [{"b": 1}]}, delta("add", "a", {"b": 1, "c": 2}),
     {"a": [{"b": 1}, {"b": 1, "c": 2}]}),
    ("the first assignment", {}, delta("add", "assignment", R1), kept(R1)),
    ("a second assignment", kept(R1), delta("add", "assignment", R2), kept(R1, R2)),
    ("an assignment that is there", kept(R1), delta("add", "assignment", R1), kept(R1)),
    ("an assignment with its relation", kept(R1), delta("add", "assignment",
     {"targetRef": {**R1["targetRef"], "relation": "org:default"}}), kept(R1)),
    ("an assignment with another relation", kept(R1), delta("add", "assignment",
     {"targetRef": {**R1["targetRef"], "relation": "owner"}}),
     kept(R1, {"targetRef": {**R1["targetRef"], "relation": "owner"}})),
    ("an assignment that names no type", kept(R1),
     delta("add", "assignment", {"targetRef": {"oid": "r1"}}), kept(R1)),
    ("an assignment to one that names no type", kept({"targetRef": {"oid": "r1"}}),
     delta("add", "assignment", R1), kept({"targetRef": {"oid": "r1"}})),
    ("an assignment behind one that is gone", {"assignment": [{"id": 7, **R1}]},
     delta("add", "assignment", R2), {"assignment": [{"id": 7, **R1}, {"id": 8, **R2}]}),
    ("an assignment with an id of its own", kept(R1), delta("add", "assignment", {"id": 9, **R2}),
     {"assignment": [{"id": 1, **R1}, {"id": 9, **R2}]}),
    ("an assignment with the id of XML", {}, delta("add", "assignment", {"id": "9", **R2}),
     {"assignment": [{"id": 9, **R2}]}),
    ("one with an id and one without", {}, delta("add", "assignment", R1, {"id": 1, **R2}),
     {"assignment": [{"id": 2, **R1}, {"id": 1, **R2}]}),
    ("an assignment as XML has it", {}, delta("add", "assignment", {"assignment": R1}), kept(R1)),
    # delete
    ("the only one", {"a": 1, "b": 2}, delta("delete", "a", 1), {"b": 2}),
    ("one of several", {"a": [1, 2, 3]}, delta("delete", "a", 2), {"a": [1, 3]}),
    ("all but one", {"a": [1, 2, 3]}, delta("delete", "a", 2, 1), {"a": [3]}),
    ("all", {"a": [1, 2]}, delta("delete", "a", 2, 1), {}),
    ("another", {"a": 1}, delta("delete", "a", 2), {"a": 1}),
    ("from nothing", {"b": 1}, delta("delete", "a", 2), {"b": 1}),
    ("from null", {"a": None}, delta("delete", "a", 2), {"a": None}),
    ("below nothing", {"b": 1}, delta("delete", "a/c/d", 2), {"b": 1}),
    ("below null", {"a": None}, delta("delete", "a/c", 2), {"a": None}),
    ("by an id that there is not", kept(R1), delta("delete", "assignment[4]/a", 2), kept(R1)),
    ("a value below an id", kept({**R1, "a": 2}), delta("delete", "assignment[1]/a", 2), kept(R1)),
    ("true, which is not one", {"a": [1]}, delta("delete", "a", True), {"a": [1]}),
    ("a text that is there as PolyString", {"a": {"orig": "x", "norm": "x"}},
     delta("delete", "a", "x"), {}),
    ("a PolyString that is there as text", {"a": ["x", "y"]},
     delta("delete", "a", {"orig": "x"}), {"a": ["y"]}),
    ("an assignment", kept(R1, R2), delta("delete", "assignment", R1),
     {"assignment": [{"id": 2, **R2}]}),
    ("an assignment by its id", kept(R1, R2), delta("delete", "assignment", {"id": 1}),
     {"assignment": [{"id": 2, **R2}]}),
    ("an assignment by its id in XML", kept(R1, R2), delta("delete", "assignment", {"id": "2"}),
     kept(R1)),
    ("an assignment that XML has put there", {"assignment": [{"id": "1", **R1}]},
     delta("delete", "assignment", {"id": 1}), {}),
    ("an assignment with the default relation", kept(R1),
     delta("delete", "assignment", {"targetRef": {"oid": "r1", "relation": "default"}}), {}),
    ("one with another relation", kept({"targetRef": {"oid": "r", "relation": "owner"}}),
     delta("delete", "assignment", {"targetRef": {"oid": "r"}}),
     kept({"targetRef": {"oid": "r", "relation": "owner"}})),
    ("one with another type", kept(R1),
     delta("delete", "assignment", {"targetRef": {"oid": "r1", "type": "OrgType"}}), kept(R1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [pytest.param(*row[1:], id=f"{row[2]['modificationType']} {row[0]}") for row in ROWS],
)
def test_a_change(before: dict[str, Any], change: dict[str, Any], after: dict[str, Any]) -> None:
    assert changed(before, change) == after


@pytest.mark.parametrize(
    ("content", "change", "said"),
    [
        ({"a": 1}, delta("replace", "a/b", 1), "a/b leads through what is no container"),
        ({"a": [1]}, delta("add", "a/b", 1), "a/b leads through what is no container"),
        ({"a": "x"}, delta("delete", "a/b/c", 1), "a/b/c leads through what is no container"),
        ({"a": [{}, {}]}, delta("replace", "a/b", 1), "a/b leads through several values"),
        (kept(R1), delta("replace", "assignment[2]/x", 1), "no value has the id 2"),
        ({}, delta("add", "assignment[2]/x", 1), "no value has the id 2"),
        (kept(R1), delta("add", "assignment", {"id": 1, **R2}), "would have the same id"),
        ({}, delta("replace", "assignment", {"id": 1}, {"id": "1"}), "would have the same id"),
    ],
)
def test_a_change_that_cannot_be_made(content: Any, change: Any, said: str) -> None:
    with pytest.raises(CannotApply) as caught:
        changed(content, change)
    assert said in str(caught.value)


def test_what_cannot_be_done_is_told_without_the_values() -> None:
    with pytest.raises(CannotApply) as caught:
        changed({"a": "hidden"}, delta("replace", "a/b", "secret"))
    assert "hidden" not in str(caught.value) and "secret" not in str(caught.value)


def test_changes_are_made_one_after_the_other() -> None:
    changes = [delta("add", "a", 1), delta("add", "a", 2), delta("delete", "a", 1)]
    assert changed({}, *changes) == {"a": [2]}


@pytest.mark.parametrize(
    "data",
    [
        delta("replace", "a", 1),
        {"itemDelta": delta("replace", "a", 1)},
        {"itemDelta": [delta("REPLACE", "a", 1)]},
        {"changeType": "modify", "objectType": "UserType", "oid": "x",
         "itemDelta": {"modificationType": "replace", "path": {"@value": "a"}, "value": 1}},
        {"modification": [delta("replace", "a", 1)]},
    ],
)  # fmt: skip
def test_a_delta_is_written_in_several_ways(data: Any) -> None:
    assert apply({}, parse_delta(data, "delta")) == {"a": 1}


@pytest.mark.parametrize("kind", ["add", "delete", "replace"])
def test_a_path_leads_to_an_item_not_to_one_of_its_values(kind: str) -> None:
    with pytest.raises(BadScript) as caught:
        parse_delta(delta(kind, "assignment[1]", {}), "delta")
    assert caught.value.element == "delta/itemDelta/path"


@pytest.mark.parametrize("kind", ["add", "delete"])
def test_many_values_are_added_or_deleted_in_several_changes(kind: str) -> None:
    with pytest.raises(BadScript) as caught:
        parse_delta(delta(kind, "a", *range(MOST + 1)), "delta")
    assert caught.value.element == "delta/itemDelta/value"
    assert len(parse_delta(delta("replace", "a", *range(MOST + 1)), "delta")[0].values) == MOST + 1


def test_many_values_among_very_many_take_no_long_time() -> None:
    content = {"a": [f"{number}" for number in range(50_000)]}
    began = time.process_time()
    after = changed(content, *(delta(kind, "a", *map(str, range(MOST))) for kind in KINDS[:2]))
    assert after == {"a": content["a"][MOST:]}
    assert time.process_time() - began < 2


KINDS = ("add", "delete", "replace")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "id", "oid", "type", "orig"]), inner)
    ),
    max_leaves=8,
)
PLAIN = st.lists(st.booleans() | st.integers(0, 5) | st.sampled_from(["", "a", "0"]), max_size=6)
PATHS = st.sampled_from(["a", "a/b", "b[1]/a", "assignment", "assignment[2]/a", "a/assignment"])


@given(
    content=st.dictionaries(st.sampled_from(["a", "b", "assignment"]), VALUES),
    changes=st.lists(st.builds(delta, st.sampled_from(KINDS), PATHS, VALUES), max_size=4),
)
def test_whatever_is_there_a_change_is_made_or_cannot_be_made(content: Any, changes: Any) -> None:
    if not changes:
        return
    try:
        after = changed(content, *changes)
    except CannotApply:
        return
    assert isinstance(after, dict)


def exact(value: Any) -> tuple[type, Any]:
    return (bool, value) if isinstance(value, bool) else (object, value)


@given(before=PLAIN, values=PLAIN.filter(bool))
def test_plain_values_are_a_set_that_has_an_order(before: list[Any], values: list[Any]) -> None:
    added = changed({"a": before}, delta("add", "a", *values)).get("a", [])
    wanted = list(before)
    for value in values:
        if exact(value) not in map(exact, wanted):
            wanted.append(value)
    assert list(map(exact, added)) == list(map(exact, wanted))
    left = changed({"a": added}, delta("delete", "a", *values)).get("a", [])
    gone = set(map(exact, values))
    assert [exact(one) for one in left] == [exact(one) for one in before if exact(one) not in gone]


@given(value=VALUES)
def test_what_is_added_twice_is_there_once(value: Any) -> None:
    once = changed({}, delta("add", "a", value))
    assert changed(once, delta("add", "a", value)) == once


@given(value=VALUES)
def test_a_value_means_itself(value: Any) -> None:
    assert meets(value, value)
