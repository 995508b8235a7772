"""What is written in any form is read as what it was."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.midpoint.media import Form, Writer, read, render

EVERY_FORM = pytest.mark.parametrize("form", list(Form))

ODD_TEXTS = [
    *("", " ", "\n", "a\nb", "a\n\nb\n", " a\n", "a \nb", "\t\ta\n", "a\n\n", "\r\n", "\x85\u2028"),
    *("yes", "null", "~", "007", "1e5", "0x1f", "1:30", "2026-01-01", "- a", "a: b", "# a", "&a"),
    *("<a>", "]]>", "&amp;", "_x0041_", "\0", "\ufffe", "\ufeff", "{}", "[]", "|", "%", "@", "`"),
]
ODD_NAMES = [
    *("name", "oid", "id", "version", "type", "relation", "ownerRef", "value", "item", "list"),
    *("pipeline", "sequence", "@value", "@ns", "@odata.id", "#Chassis.Reset", "c:a", "urn:x#y"),
    *("_x_", "_x0041_", "xmlns", "<<", "true", "5", "a" * 2000),
]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(ODD_TEXTS)
)
NAMES = st.one_of(TEXTS, st.sampled_from(ODD_NAMES))
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
TYPES = st.sampled_from(["UserType", "TaskType", "ObjectListType", "int", "Größe"])


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(NAMES, inner, max_size=5)
    return st.one_of(
        members,
        st.builds(lambda kind, rest: {"@type": kind, **rest}, TYPES, members),
    )


def _unlike(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.sampled_from(["search", "action", "sequence", "value", "x"])
    members = st.one_of(
        st.dictionaries(NAMES, inner, max_size=3),
        st.builds(lambda value: {"@value": value}, inner),
    )
    element = st.builds(lambda name, rest: {"@element": name, **rest}, named, members)
    return st.lists(element, max_size=3)


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(_objects(inner), st.lists(inner, max_size=3), _unlike(inner)),
    max_leaves=15,
)
OBJECTS = _objects(VALUES)


@EVERY_FORM
@settings(max_examples=100, deadline=None)
@given(content=OBJECTS)
def test_a_record_is_read_as_it_was_written(form: Form, content: Any) -> None:
    document = read(render(form, "user", content), form, max_depth=200)
    assert document.name == "user"
    assert document.content == content
    assert _kinds(document.content) == _kinds(content)


@EVERY_FORM
@settings(max_examples=50, deadline=None)
@given(value=VALUES)
def test_a_value_in_an_answer_is_read_as_it_was_written(form: Form, value: Any) -> None:
    raw = render(form, "object", {"dataOutput": {"value": value}}, "ScriptExecutionResultType")
    assert read(raw, form, max_depth=200).content == {
        "@type": "ScriptExecutionResultType",
        "dataOutput": {"value": value},
    }


@EVERY_FORM
@settings(max_examples=50, deadline=None)
@given(name=NAMES.filter(lambda name: name != "@ns"), value=VALUES)
def test_anything_can_be_a_document(form: Form, name: str, value: Any) -> None:
    document = read(render(form, name, value), form, max_depth=200)
    if name not in ("object", "task"):
        assert (document.name, document.content) == (name, value)


@settings(max_examples=60, deadline=None)
@given(content=OBJECTS)
def test_other_readers_read_the_same(content: Any) -> None:
    as_json = orjson.loads(render(Form.JSON, "user", content))
    # YAML 1.1, where "yes", dates and much else are no texts.
    assert yaml.safe_load(render(Form.YAML, "user", content)) == as_json
    assert ElementTree.fromstring(render(Form.XML, "user", content)).tag.endswith("}user")


@settings(max_examples=60, deadline=None)
@given(content=OBJECTS)
def test_what_one_form_says_the_others_say(content: Any) -> None:
    for form in Form:
        document = read(render(form, "user", content), form, max_depth=200)
        for other in Form:
            raw = render(other, document.name, document.content)
            assert read(raw, other, max_depth=200) == document


@EVERY_FORM
@pytest.mark.parametrize("name", ["object", "user"])
@settings(max_examples=30, deadline=None)
@given(
    before=st.dictionaries(st.sampled_from(["oid", "@x", "a", "b"]), TEXTS, max_size=3),
    items=st.lists(VALUES, max_size=4),
    after=st.dictionaries(st.sampled_from(["@y", "c", "result"]), OBJECTS, max_size=3),
    path=st.sampled_from([("item",), ("dataOutput", "item"), ("a.b", "@c", "object")]),
)
def test_a_document_in_pieces_is_the_whole(
    form: Form,
    name: str,
    before: dict[str, Any],
    items: list[Any],
    after: dict[str, Any],
    path: tuple[str, ...],
) -> None:
    inner: Any = items
    for step in reversed(path):
        inner = {step: inner}
    kind = "ScriptExecutionResultType" if name == "object" else ""
    writer = Writer(form, name, kind, path)
    pieces = [writer.begin(before), *map(writer.item, items), writer.end(after)]
    whole = render(form, name, {**before, **inner, **after}, kind)
    if len(items) == 1 and name == "user" and form is Form.XML:
        # Whether it will be the only one is not known when it is written.
        assert read(b"".join(pieces), form, max_depth=200).name == name
    else:
        assert b"".join(pieces) == whole


@EVERY_FORM
def test_numbers_that_are_none_are_nothing(form: Form) -> None:
    content = {"a": math.nan, "b": [1, math.inf]}
    assert read(render(form, "user", content), form).content == {"a": None, "b": [1, None]}


@EVERY_FORM
def test_numbers_beyond_64_bits_are_read_as_json_reads_them(form: Form) -> None:
    found = read(render(form, "user", {"a": 2**70}), form).content
    assert found == {"a": float(2**70)}


@EVERY_FORM
def test_halves_of_characters_are_replaced(form: Form) -> None:
    content = {"a": "x\ud800y", "b": {"c": ["\udfff\n", 5]}}
    found = read(render(form, "user", content), form).content
    assert found == {"a": "x\ufffdy", "b": {"c": ["\ufffd\n", 5]}}


def _kinds(value: Any) -> Any:
    """Return the shape of a value, in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {name: _kinds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_kinds(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int
    return type(value)
