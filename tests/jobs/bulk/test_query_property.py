"""Queries against a plain evaluator, which shares nothing with them, and against chance."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.jobs.bulk.query import BadQuery, Query, parse_query

# An expression: ("compare", sign, path, values, folds), ("text", word, path, value, folds),
# ("path", sign, path, path), ("exists", path), ("oid", values), ("matches", path, inner),
# ("not", inner), ("and", parts), ("or", parts). Names and values are few, so that they meet.
NAMES = ["a", "b", "c", "oid"]
MOMENTS = {
    "2026-01-01": 0,
    "2026-01-01T00:00": 0,
    "2026-01-01T00:00:00Z": 0,
    "2026-01-01T01:30:00+01:00": 30,
    "2026-01-01 00:30:00.000": 30,
}
TEXTS = [
    *MOMENTS,
    *("", "a", "A", "ab", "Ab", "ß", "ẞ", "a\\", 'it\'s "b"', "2026-01-01T", "2026-13-01"),
    *("5", "5.0", "05", "-1", "5e0", "+5", "٥", "NaN", "true", "false", "True", "null"),
]
PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[0-9])?")
WORDS = {
    "equal": "=",
    "less": "<",
    "lessOrEqual": "<=",
    "greater": ">",
    "greaterOrEqual": ">=",
}

numbers = st.sampled_from([5, 5.0, -1, 0, 0.5, 2**70])
texts = st.sampled_from(TEXTS)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
contents = st.recursive(
    scalars | texts.map(lambda text: {"orig": text, "norm": text.casefold()}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=10,
)
records = st.dictionaries(st.sampled_from(NAMES), contents, max_size=4)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(tuple)
leaves = st.one_of(
    st.tuples(
        st.just("compare"),
        st.sampled_from(["<", "<=", ">", ">="]),
        paths,
        st.tuples(numbers | texts),
        st.booleans(),
    ),
    st.tuples(
        st.just("compare"),
        st.just("="),
        paths,
        st.lists(st.booleans() | numbers | texts, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.tuples(
        st.just("text"),
        st.sampled_from(["startsWith", "endsWith", "contains"]),
        paths,
        texts,
        st.booleans(),
    ),
    st.tuples(st.just("path"), st.sampled_from(list(WORDS.values())), paths, paths),
    st.tuples(st.just("exists"), paths),
    st.tuples(st.just("oid"), st.lists(texts, min_size=1, max_size=3).map(tuple)),
)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("matches"), paths, inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


# --- the plain evaluator ---


def flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [leaf for one in value for leaf in flat(one)]
    return [] if value is None else [value]


def found(record: Any, path: tuple[str, ...]) -> list[Any]:
    values = [record]
    for name in path:
        values = [leaf for one in values if isinstance(one, dict) for leaf in flat(one.get(name))]
    return values


def spelled(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("orig"), str):
        return value["orig"]
    return value


def holds(sign: str, left: Any, right: Any) -> bool:
    return {
        "=": left == right,
        "<": left < right,
        "<=": not right < left,
        ">": right < left,
        ">=": not left < right,
    }[sign]


def agrees(sign: str, left: Any, right: Any, folds: bool) -> bool:
    if isinstance(left, dict) or isinstance(right, dict):
        return sign == "=" and isinstance(left, dict) and within(left, right)
    if isinstance(left, bool) or isinstance(right, bool):
        sides = [str(one).lower() if isinstance(one, bool) else one for one in (left, right)]
        return "=" in sign and sides[0] == sides[1]
    if isinstance(left, str) and isinstance(right, str):
        if left in MOMENTS and right in MOMENTS:
            return holds(sign, MOMENTS[left], MOMENTS[right])
        if folds:
            left, right = left.casefold(), right.casefold()
        return holds(sign, left, right)
    for one in (left, right):
        if isinstance(one, str) and not PLAIN.fullmatch(one):
            return False
    return holds(
        sign,
        json.loads(left) if isinstance(left, str) else left,
        json.loads(right) if isinstance(right, str) else right,
    )


def within(value: Any, wanted: Any) -> bool:
    if isinstance(spelled(wanted), dict):
        return isinstance(value, dict) and all(
            within(spelled(value.get(name)), one) for name, one in wanted.items()
        )
    return bool(value == spelled(wanted))


def inner(value: Any) -> dict[str, Any]:
    """Return what a condition within a value sees of it."""
    if isinstance(value, str):
        return {"orig": value}
    return value if isinstance(value, dict) else {}


def plain(expression: Any, record: Any) -> bool:
    match expression:
        case ("compare", "=", path, (), _):
            return not found(record, path)
        case ("compare", sign, path, values, folds):
            pairs = [(spelled(one), value) for one in found(record, path) for value in values]
            return True in [agrees(sign, one, value, folds) for one, value in pairs]
        case ("text", word, path, value, folds):
            there = [one for one in map(spelled, found(record, path)) if isinstance(one, str)]
            if folds:
                there, value = [one.casefold() for one in there], value.casefold()
            pattern = {"startsWith": "{}(?s:.*)", "endsWith": "(?s:.*){}"}.get(
                word, "(?s:.*){}(?s:.*)"
            )
            return any(re.fullmatch(pattern.format(re.escape(value)), one) for one in there)
        case ("path", sign, path, other):
            pairs = [
                (spelled(one), spelled(two))
                for one in found(record, path)
                for two in found(record, other)
            ]
            return True in [agrees(sign, one, two, False) for one, two in pairs]
        case ("exists", path):
            return bool(found(record, path))
        case ("oid", values):
            return record.get("oid") in list(values)
        case ("matches", path, part):
            return True in [plain(part, inner(one)) for one in found(record, path)]
        case ("not", part):
            return not plain(part, record)
        case ("and", parts):
            return False not in [plain(part, record) for part in parts]
        case ("or", parts):
            return True in [plain(part, record) for part in parts]
    raise AssertionError(expression)


# --- the text of an expression ---

STRENGTH = {"or": 0, "and": 1, "not": 2}


@st.composite
def quoted(draw: st.DrawFn, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    mark = draw(st.sampled_from("\"'"))
    # A backslash before the mark would be its escape, so such a text is a variable.
    if value.endswith("\\"):
        return f"$backslash{TEXTS.index(value)}"
    return mark + value.replace(mark, "\\" + mark) + mark


@st.composite
def written(draw: st.DrawFn, expression: Any, needed: int = 0) -> str:
    """Return a text for ``expression``, whose parts bind at least as tightly as ``needed``."""

    def gap(least: int = 1) -> str:
        return draw(st.sampled_from([" ", "  ", "\n", " // x (\n"])) if least else draw(SPACES)

    def rule(folds: bool) -> str:
        return "[stringIgnoreCase]" if folds else draw(st.sampled_from(["", "[default]"]))

    sort = expression[0]
    strength = STRENGTH.get(sort, 3)
    if strength < needed or draw(st.integers(0, 5)) == 0:
        return f"({gap(0)}{draw(written(expression))}{gap(0)})"
    match expression:
        case ("compare", sign, path, values, folds):
            sign = draw(st.sampled_from([sign, *(w for w, s in WORDS.items() if s == sign)]))
            some = [draw(quoted(value)) for value in values]
            if not some:
                value = "null"
            elif len(some) == 1 and draw(st.booleans()):
                value = some[0]
            else:
                value = f"({gap(0)}{f'{gap(0)},{gap(0)}'.join(some)}{gap(0)})"
            return f"{'/'.join(path)}{gap()}{sign}{rule(folds)}{gap()}{value}"
        case ("text", word, path, value, folds):
            return f"{'/'.join(path)}{gap()}{word}{rule(folds)}{gap()}{draw(quoted(value))}"
        case ("path", sign, path, other):
            return f"{'/'.join(path)}{gap(0)}{sign}{gap(0)}{'/'.join(other)}"
        case ("exists", path):
            return f"{'/'.join(path)}{gap()}exists"
        case ("oid", values):
            return f".{gap()}inOid{gap()}({', '.join(draw(quoted(value)) for value in values)})"
        case ("matches", path, part):
            return f"{'/'.join(path)}{gap()}matches{gap(0)}({draw(written(part))})"
        case ("not", part):
            return f"{draw(st.sampled_from(['not', 'NOT']))}{gap()}{draw(written(part, 2))}"
        case (sort, parts):
            word = draw(st.sampled_from([sort, sort.upper()]))
            some = [draw(written(part, strength + 1)) for part in parts]
            return f"{gap()}{word}{gap()}".join(some)
    raise AssertionError(expression)


SPACES = st.sampled_from(["", " ", "\n"])
BACKSLASHES = {f"backslash{at}": text for at, text in enumerate(TEXTS) if text.endswith("\\")}


# --- the elements of an expression ---


@st.composite
def element(draw: st.DrawFn, expression: Any, people: bool) -> tuple[str, Any]:
    """Return the name of the element for ``expression`` and what is in it.

    As ``people`` write it there are lists of filters; as XML is read there are not.
    """

    def path_of(path: tuple[str, ...]) -> str:
        return draw(st.sampled_from(["", "/"])) + "/".join(path)

    def rule(folds: bool) -> dict[str, Any]:
        if folds:
            return {"matching": draw(st.sampled_from(["origIgnoreCase", "q:polyStringNorm"]))}
        return draw(st.sampled_from([{}, {"matching": "default"}, {"@type": "x"}]))

    def whole(part: Any) -> dict[str, Any]:
        return dict([draw(element(part, people))])

    match expression:
        case ("compare", sign, path, values, folds):
            name = next(name for name, one in WORDS.items() if one == sign)
            value = list(values) if len(values) != 1 or draw(st.booleans()) else values[0]
            return name, {"path": path_of(path), "value": value, **rule(folds)}
        case ("text", word, path, value, folds):
            anchors = {"startsWith": {"anchorStart": True}, "endsWith": {"anchorEnd": "true"}}
            more = anchors.get(word, {})
            return "substring", {"path": path_of(path), "value": value, **more, **rule(folds)}
        case ("path", sign, path, other):
            name = next(name for name, one in WORDS.items() if one == sign)
            return name, {"path": path_of(path), "rightHandSidePath": path_of(other)}
        case ("exists", path):
            return "exists", {"path": path_of(path)}
        case ("oid", values):
            return "inOid", {"value": list(values)}
        case ("matches", path, part):
            return "exists", {"path": path_of(path), "filter": whole(part)}
        case ("not", part):
            return "not", whole(part)
        case (sort, parts):
            some = [draw(element(part, people)) for part in parts]
            if people:
                return sort, [{name: data} for name, data in some]
            return sort, draw(gathered(sort, some))
    raise AssertionError(expression)


@st.composite
def gathered(draw: st.DrawFn, joined: str, some: list[tuple[str, Any]]) -> Any:
    """Return filters as one object, or as unlike elements where that would mean two things."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for name, data in some:
        groups[name].append(data)
    if draw(st.booleans()) or not all(clear(name, joined, one) for name, one in groups.items()):
        return [
            {"@element": name, **(data if isinstance(data, dict) else {name: data})}
            for name, data in some
        ]
    return {name: group[0] if len(group) == 1 else group for name, group in groups.items()}


def clear(name: str, joined: str, group: list[Any]) -> bool:
    """Tell whether several filters of one name can be a list."""
    if len(group) == 1 or name not in ("and", "or"):
        return True
    if any(isinstance(data, list) for data in group):
        return False
    return name == joined or any(map(many, group))


def many(data: dict[str, Any]) -> bool:
    return sum(len(one) if isinstance(one, list) else 1 for one in data.values()) > 1


@settings(max_examples=500, deadline=None)
@given(st.data(), expressions, st.lists(records, min_size=1, max_size=5))
def test_queries_mean_what_a_plain_evaluator_says(
    data: st.DataObject, expression: Any, tried: list[dict[str, Any]]
) -> None:
    text = data.draw(written(expression), "text")
    queries: list[Any] = [{"text": text}]
    queries += [dict([data.draw(element(expression, people))]) for people in (True, False)]
    tests = [parse_query({"filter": one}, BACKSLASHES).test for one in queries]
    for record in tried:
        before = repr(record)
        for query, test in zip(queries, tests, strict=True):
            assert test is not None
            assert test(record) is plain(expression, record), query
        assert repr(record) == before


@settings(max_examples=400, deadline=None)
@given(st.lists(scalars, max_size=4), st.lists(scalars, max_size=4))
def test_lists_compare_as_each_of_their_values_with_each(left: list[Any], right: list[Any]) -> None:
    record = {"a": left, "b": right}
    for sign in WORDS.values():
        expected = plain(("path", sign, ("a",), ("b",)), record)
        test = parse_query({"text": f"a {sign} b"}, {}).test
        assert test is not None
        assert test(record) is expected, sign


# --- chance ---

PIECES = [
    *("a", "b/c", ".", "@", "#", "..", "@odata.id", "a[1]", "=", "!=", "<", ">=", "[", "]"),
    *("and", "or", "not", "exists", "matches", "inOid", "type", "contains", "isRoot", "inOrg"),
    *('"x"', "'y'", '"', "'", "\\", '"""', "\n", "//", ",", "(", ")", "5", "-1.5", "1e9", "٥"),
    *("$v", "$", "null", "true", "equal", "[stringIgnoreCase]", "?", "`", "é", "\x00", "\u2028"),
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25), SPACES, records)
def test_any_text_is_a_filter_or_is_refused(
    pieces: list[str], space: str, record: dict[str, Any]
) -> None:
    ask({"text": (space or " ").join(pieces)}, record)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), records)
def test_any_characters_are_a_filter_or_are_refused(text: str, record: dict[str, Any]) -> None:
    ask({"text": text}, record)


KEYS = [
    *("and", "or", "not", "equal", "anyIn", "less", "greaterOrEqual", "substring", "ref", "exists"),
    *("inOid", "type", "text", "all", "none", "filter", "paging", "path", "value", "matching"),
    *("orderBy", "orderDirection", "offset", "maxSize", "ordering", "oid", "relation", "orig"),
    *("anchorStart", "rightHandSidePath", "@element", "@type", "@value", "x"),
]
SOME = [None, True, False, 0, -1, 5, 1.5, 2**70, "", "a", "a/b", ".", "@", "true", "c:UserType"]
values = st.recursive(
    st.sampled_from([*SOME, *KEYS, 'a = "x"', "descending"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=20,
)
filters = st.recursive(
    st.sampled_from(
        ["equal", "less", "substring", "ref", "exists", "inOid", "type", "text"]
    ).flatmap(
        lambda name: st.fixed_dictionaries(
            {name: st.fixed_dictionaries({"path": values, "value": values}) | values}
        )
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(["and", "or", "not", "filter"]),
        inner | st.lists(inner | values, max_size=3),
        min_size=1,
        max_size=3,
    ),
    max_leaves=8,
)


@settings(max_examples=1000, deadline=None)
@given(values | filters, records)
def test_any_data_is_a_query_or_is_refused(data: Any, record: dict[str, Any]) -> None:
    ask(data, record)


def ask(data: Any, record: dict[str, Any]) -> None:
    """Ask a query of a record; what it is refused with can be shown."""
    before = repr(data)
    try:
        query = parse_query(data, {"v": ["x", 5, None, {"a": 1}]})
    except BadQuery as error:
        assert str(error)
        assert len(str(error)) < 400
    else:
        assert isinstance(query, Query)
        assert query.test is None or query.test(record) in (True, False)
    assert repr(data) == before


@pytest.mark.parametrize("name", sorted({*KEYS, "a"}))
def test_any_member_of_any_type_is_a_query_or_is_refused(name: str) -> None:
    for value in [*SOME, [], {}, [[]], [{}], {"path": "a", "value": "a"}, {"@element": "and"}]:
        for data in ({name: value}, {"filter": {name: value}}, {"paging": {name: value}}):
            ask(data, {"a": value, "oid": value})
