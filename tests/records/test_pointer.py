"""Places in a record: draft-pbryan-zyp-json-pointer-02, where it differs from RFC 6901."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.records.pointer import (
    MISSING,
    BadPointer,
    NoSuchPlace,
    get,
    parse,
    put,
    remove,
    render,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("/", ()),
        ("/sunset/date", ("sunset", "date")),
        ("sunset/date", ("sunset", "date")),
        ("sunset/date/", ("sunset", "date")),
        ("/sunset/date/", ("sunset", "date")),
        ("mail", ("mail",)),
        ("triggers/0/nodeId", ("triggers", "0", "nodeId")),
        # Only one slash at each end may be left out.
        ("//", ("",)),
        ("/a//b", ("a", "", "b")),
        ("a//", ("a", "")),
        ("//a", ("", "a")),
        # %XX is the escape ...
        ("/a%2Fb", ("a/b",)),
        ("/a%2fb", ("a/b",)),
        ("/a%20b%28c%29", ("a b(c)",)),
        ("/%C3%A9t%c3%a9", ("été",)),
        ("/100%25", ("100%",)),
        ("/%2520", ("%20",)),
        ("/%2F", ("/",)),
        # ... and nothing else is: not RFC 6901's, not that of forms.
        ("/a~1b", ("a~1b",)),
        ("/m~0n", ("m~0n",)),
        ("/a+b", ("a+b",)),
        ("#/a", ("#", "a")),
        ("/été", ("été",)),
        # Names keep their case, and what they look like is not looked at.
        ("/Sunset/DATE", ("Sunset", "DATE")),
        ("/ a /", (" a ",)),
        ("/@odata.id", ("@odata.id",)),
        ("/-", ("-",)),
        ("/007", ("007",)),
    ],
)
def test_what_a_text_names(text: str, names: tuple[str, ...]) -> None:
    assert parse(text) == names


@pytest.mark.parametrize(
    "text", ["/%", "/a%2", "/%zz", "%u00e9", "/a/%-1", "/%ff", "/%C3", "/%ED%A0%80"]
)
def test_an_escape_that_spells_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadPointer, match="%"):
        parse(text)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)).map(tuple))
def test_what_is_written_is_read_again_and_can_stand_in_a_filter(names: tuple[str, ...]) -> None:
    text = render(names)
    assert parse(text) == names
    assert text.startswith("/")
    assert not set(text) & set(" ()\"'!")


@pytest.mark.parametrize(
    ("names", "text"),
    [((), "/"), (("a", "b"), "/a/b"), (("a b",), "/a%20b"), (("a/b", ""), "/a%2Fb//")],
)
def test_how_a_place_is_written(names: tuple[str, ...], text: str) -> None:
    assert render(names) == text


RECORD: dict[str, Any] = {
    "sunset": {"date": "2026-01-01T00:00:00.000Z", "nothing": None},
    "triggers": [{"nodeId": "n0"}, {"nodeId": None}, "plain"],
    "digits": {"0": "zero", "-1": "minus"},
    "text": "abc",
    "a/b": 1,
    "a~1b": 2,
    "": {"": 3},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/", RECORD),
        ("/sunset/date", "2026-01-01T00:00:00.000Z"),
        ("sunset/", RECORD["sunset"]),
        ("/sunset/nothing", None),
        ("/sunset/nothing/deeper", MISSING),
        ("/sunset/Date", MISSING),
        ("/missing", MISSING),
        ("/missing/deeper", MISSING),
        ("/triggers/0/nodeId", "n0"),
        ("/triggers/00/nodeId", "n0"),
        ("/triggers/1/nodeId", None),
        ("/triggers/2", "plain"),
        ("/triggers/3", MISSING),
        ("/triggers/-", MISSING),
        ("/triggers/-1", MISSING),
        ("/triggers/+1", MISSING),
        ("/triggers/1_0", MISSING),
        ("/triggers/²", MISSING),
        ("/triggers/١", MISSING),
        ("/triggers/nodeId", MISSING),
        ("/triggers//", MISSING),
        ("/triggers/" + "0" * 5000, MISSING),
        ("/digits/0", "zero"),
        ("/digits/-1", "minus"),
        ("/text/0", MISSING),
        ("/text/length", MISSING),
        ("/a%2Fb", 1),
        ("/a~1b", 2),
        ("///", 3),
    ],
)
def test_what_is_there(text: str, value: Any) -> None:
    assert get(RECORD, parse(text)) is value or get(RECORD, parse(text)) == value


def test_nothing_and_null_are_told_apart() -> None:
    assert get({"a": None}, ("a",)) is None
    assert get({"a": None}, ("b",)) is MISSING
    assert not MISSING
    assert repr(MISSING) == "MISSING"


def test_any_mapping_can_be_read() -> None:
    assert get(MappingProxyType({"a": MappingProxyType({"b": (1, 2)})}), ("a", "b", "1")) == 2


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ({}, "/a", {"a": 9}),
        ({"a": 1, "b": 2}, "/a", {"a": 9, "b": 2}),
        ({}, "/a/b/c", {"a": {"b": {"c": 9}}}),
        ({"a": {"x": 1}}, "/a/b/c", {"a": {"x": 1, "b": {"c": 9}}}),
        ({"a": None}, "/a/b", {"a": {"b": 9}}),
        ({"a": {}}, "/a/b", {"a": {"b": 9}}),
        # Digits that meet no array name a property, and make no array.
        ({}, "/a/0", {"a": {"0": 9}}),
        ({"a": {"0": 1}}, "/a/0", {"a": {"0": 9}}),
        ({"a": [1, 2]}, "/a/0", {"a": [9, 2]}),
        ({"a": [1, 2]}, "/a/2", {"a": [1, 2, 9]}),
        ({"a": [1, 2]}, "/a/-", {"a": [1, 2, 9]}),
        ({"a": [{"b": 1}]}, "/a/0/b", {"a": [{"b": 9}]}),
        ({"a": []}, "/a/-/b", {"a": [{"b": 9}]}),
        ({"a": [None]}, "/a/0/b", {"a": [{"b": 9}]}),
        ({}, "/a%2Fb", {"a/b": 9}),
        ({}, "//", {"": 9}),
    ],
)
def test_how_something_is_put(before: Any, text: str, after: Any) -> None:
    put(before, parse(text), 9)
    assert before == after


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ({"a": "x"}, "/a/b"),
        ({"a": "x"}, "/a/b/c"),
        ({"a": True}, "/a/b"),
        ({"a": 5}, "/a/0"),
        ({"a": [1]}, "/a/2"),
        ({"a": [1]}, "/a/b"),
        ({"a": [1]}, "/a/b/c"),
        ({"a": [1]}, "/a/-1"),
        ({"a": [1]}, "/a/3/b/c"),
        ({"a": 1}, "/"),
    ],
)
def test_what_cannot_be_put_changes_nothing(before: Any, text: str) -> None:
    kept = copy.deepcopy(before)
    with pytest.raises(NoSuchPlace):
        put(before, parse(text), 9)
    assert before == kept


@pytest.mark.parametrize(
    ("before", "text", "there", "after"),
    [
        ({"a": 1, "b": 2}, "/a", True, {"b": 2}),
        ({"a": None}, "/a", True, {}),
        ({"a": {"b": 1}}, "/a/b", True, {"a": {}}),
        ({"a": [1, 2, 3]}, "/a/1", True, {"a": [1, 3]}),
        ({"a": [{"b": 1}]}, "/a/0/b", True, {"a": [{}]}),
        ({"a": 1}, "/b", False, {"a": 1}),
        ({"a": 1}, "/a/b", False, {"a": 1}),
        ({"a": 1}, "/b/c", False, {"a": 1}),
        ({"a": [1]}, "/a/1", False, {"a": [1]}),
        ({"a": [1]}, "/a/-", False, {"a": [1]}),
        ({"a": (1, 2)}, "/a/0", False, {"a": (1, 2)}),
        ({"a": 1}, "/", False, {"a": 1}),
    ],
)
def test_how_something_is_removed(before: Any, text: str, there: bool, after: Any) -> None:
    assert remove(before, parse(text)) is there
    assert before == after
