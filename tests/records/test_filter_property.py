"""The filter against a plain evaluator, which shares nothing with it, over random expressions."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.records.filter import BadFilter, compile_filter

# An expression: ("literal", bool), ("pr", names), (operator, names, constant), ("not", inner),
# ("and", parts), ("or", parts). Names and values are few, so that they meet.
NAMES = ["a", "A", "b", "0", "1", "or", "pr", "TRUE", "x y", "x/y", "été", "!", "(%", "", "it's"]
TEXTS = [
    "",
    "a",
    "A",
    "b",
    "Ab",
    "aB\\",
    "é",
    "É",
    "b \"(q')",
    "2026-01-01T00:00:00.000Z",
    "5",
    "true",
]
OPERATORS = ["eq", "lt", "le", "gt", "ge", "co", "sw", "regex", "ne"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 0.5, 1.0, -1.5, 2.0**53]),
    st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1]),
    st.sampled_from(TEXTS),
)
names = st.sampled_from(NAMES)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(names, values, max_size=6)
constants = st.one_of(
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([2**53, 2**63 - 1, -(2**63)]),
    st.sampled_from([0.5, 1.0, -1.5]),
    st.sampled_from(TEXTS),
)
pointers = st.lists(names, max_size=3).map(tuple)
leaves = st.one_of(
    st.tuples(st.just("literal"), st.booleans()),
    st.tuples(st.just("pr"), pointers),
    st.tuples(st.sampled_from(OPERATORS), pointers, constants),
)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=12,
)


# --- the plain evaluator ---


def found(record: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(record, dict):
            record = record.get(name)
        elif isinstance(record, list):
            inside = re.fullmatch("[0-9]+", name) and int(name) < len(record)
            record = record[int(name)] if inside else None
        else:
            record = None
    return record


def kind(value: Any) -> str:
    if value is True or value is False:
        return "boolean"
    return {int: "number", float: "number", str: "text"}.get(type(value), "other")


def agrees(name: str, value: Any, constant: Any) -> bool:
    if kind(value) != kind(constant):
        return False
    if kind(value) == "text":
        value, constant = value.lower(), constant.lower()
    else:
        value, constant = float(value), float(constant)
    if name == "eq":
        return bool(value == constant)
    if name == "lt":
        return bool(value < constant)
    if name == "le":
        return bool(value < constant or value == constant)
    if name == "gt":
        return bool(constant < value)
    if name == "ge":
        return bool(constant < value or value == constant)
    if name in ("co", "sw") and isinstance(value, str):
        places = [0] if name == "sw" else range(len(value) + 1)
        return any(value[at : at + len(constant)] == constant for at in places)
    return name in ("co", "sw") and bool(value == constant)


def plain(expression: Any, record: dict[str, Any]) -> bool:
    match expression:
        case ("literal", value):
            return bool(value)
        case ("pr", path):
            return found(record, path) is not None
        case ("not", inner):
            return not plain(inner, record)
        case ("and", parts):
            return False not in [plain(part, record) for part in parts]
        case ("or", parts):
            return True in [plain(part, record) for part in parts]
    name, path, constant = expression
    value = found(record, path)
    elements = value if isinstance(value, list) else [value]
    return True in [agrees(name, element, constant) for element in elements]


# --- the text of an expression ---

STRENGTH = {"or": 0, "and": 1, "not": 2}


@st.composite
def written(draw: st.DrawFn, expression: Any, needed: int = 0) -> str:
    """Return a text for ``expression``, whose parts bind at least as tightly as ``needed``."""

    def cased(word: str) -> str:
        return draw(st.sampled_from([word, word.upper(), word.title()]))

    def gap(least: int = 1) -> str:
        return " " * draw(st.integers(least, 3))

    sort = expression[0]
    strength = STRENGTH.get(sort, 3)
    if strength < needed or draw(st.integers(0, 5)) == 0:
        return f"({gap(0)}{draw(written(expression))}{gap(0)})"
    match expression:
        case ("literal", value):
            return cased(str(value).lower())
        case ("pr", path):
            return f"{draw(pointer(path))}{gap()}{cased('pr')}"
        case ("not", inner):
            text = draw(written(inner, 3))
            return f"!{gap(0 if text.startswith('(') else 1)}{text}"
        case (("and" | "or") as word, parts):
            texts = [draw(written(part, strength + 1)) for part in parts]
            whole = texts[0]
            for text in texts[1:]:
                left = gap(0 if whole.endswith((")", '"', "'")) else 1)
                whole += left + cased(word) + gap(0 if text.startswith("(") else 1) + text
            return whole
    name, path, constant = expression
    return f"{draw(pointer(path))}{gap()}{cased(name)}{gap()}{draw(quoted(constant))}"


@st.composite
def pointer(draw: st.DrawFn, path: tuple[str, ...]) -> str:
    text = "/".join(quote(name, safe="") for name in path)
    # What would be read as something else needs its slash; nothing at all needs one, too.
    if path[:1] in ((), ("",), ("TRUE",)) or draw(st.booleans()):
        text = "/" + text
    if (path and path[-1] == "") or draw(st.booleans()):
        text += "/" if path else ""
    return text


@st.composite
def quoted(draw: st.DrawFn, constant: Any) -> str:
    if isinstance(constant, bool):
        return draw(st.sampled_from([str(constant), str(constant).lower(), str(constant).upper()]))
    if not isinstance(constant, str):
        return draw(st.sampled_from([str(constant), f"{constant:+}"]))
    mark = draw(st.sampled_from("\"'"))
    spoken = ""
    for char in constant:
        spoken += "\\" if char in ("\\", mark) or draw(st.integers(0, 4)) == 0 else ""
        spoken += char
    return mark + spoken + mark


@settings(max_examples=600, deadline=None)
@given(st.data(), expressions, st.lists(records, min_size=1, max_size=5))
def test_a_filter_means_what_a_plain_evaluator_says(
    data: st.DataObject, expression: Any, tried: list[dict[str, Any]]
) -> None:
    text = data.draw(written(expression), "text")
    asked = compile_filter(text)
    assert compile_filter(text, lenient=True).mended is False
    for record in tried:
        before = orjson.dumps(record)
        assert asked(record) is plain(expression, record)
        assert orjson.dumps(record) == before


@settings(max_examples=400, deadline=None)
@given(st.text("ab1.!()\"' \\%/orpe\t", max_size=30), records)
def test_any_text_is_a_filter_or_is_refused(text: str, record: dict[str, Any]) -> None:
    for lenient in (False, True):
        try:
            asked = compile_filter(text, lenient=lenient)
        except BadFilter as error:
            assert str(error).endswith("of the filter)")
        else:
            assert asked(record) in (True, False)
            # Spaces around a filter and parentheses around one that is right say nothing.
            for same in ("  " + text + "  ", *(() if asked.mended else (f"({text})",))):
                assert compile_filter(same, lenient=lenient)(record) is asked(record)
