"""Queries as a whole: where the filter stands, what paging says, and what a query costs."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Any

import pytest

from odimra.jobs.bulk.query import MOST, MOST_ORDERS, BadQuery, Query, parse_query

JACK = {"oid": "1", "name": "jack", "age": 5}
JILL = {"oid": "2", "name": "jill", "age": 7}
IS_JACK = {"equal": {"path": "name", "value": "jack"}}


@pytest.mark.parametrize(
    "data",
    [
        {"filter": IS_JACK},
        {"filter": {"text": 'name = "jack"'}},
        {"filter": 'name = "jack"'},
        {"filter": {"description": "the sailor", **IS_JACK}},
        {"@ns": "query-3", "@type": "QueryType", "description": "the sailor", "filter": IS_JACK},
        IS_JACK,
        {"text": 'name = "jack"'},
        'name = "jack"',
        {"@element": "equal", "path": "name", "value": "jack"},
        {"@element": "not", "equal": {"path": "name", "value": "jill"}},
        {"@ns": "query-3", "description": "the sailor", **IS_JACK},
        {"filter": [IS_JACK]},
        {"filter": {**IS_JACK, "less": {"path": "age", "value": 6}}},
    ],
)
def test_a_filter_stands_in_a_query_or_by_itself(data: Any) -> None:
    query = parse_query(data, {})
    assert query.test is not None
    assert [query.test(JACK), query.test(JILL)] == [True, False]
    assert (query.order, query.offset, query.max_size) == ((), 0, None)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"@ns": "query-3"},
        {"description": "x"},
        {"filter": {}},
        {"filter": ""},
        {"filter": None},
        {"filter": {"all": {}}},
    ],
)
def test_without_conditions_all_objects_are_meant(data: Any) -> None:
    assert parse_query(data, {}) == Query(None)


def test_a_filter_that_is_met_by_nothing_is_not_one_that_says_nothing() -> None:
    test = parse_query({"@element": "none"}, {}).test
    assert test is not None and not test(JACK)


def test_a_query_says_the_order_and_the_page() -> None:
    paging = {"orderBy": "c:name", "orderDirection": "descending", "offset": 2, "maxSize": 3}
    assert parse_query({"paging": paging}, {}) == Query(None, ((("name",), False),), 2, 3)


@pytest.mark.parametrize(
    ("paging", "order"),
    [
        ({"orderBy": "a/b"}, ((("a", "b"), True),)),
        ({"orderBy": "a", "orderDirection": "ascending"}, ((("a",), True),)),
        ({"orderBy": "a", "orderDirection": "q:descending"}, ((("a",), False),)),
        ({"orderBy": "#"}, ((("oid",), True),)),
        ({"ordering": {"orderBy": "a"}}, ((("a",), True),)),
        (
            {"ordering": [{"orderBy": "a"}, {"orderBy": "b", "orderDirection": "descending"}]},
            ((("a",), True), (("b",), False)),
        ),
        ({"maxSize": 1}, ()),
    ],
)
def test_results_are_ordered_by_paths(paging: Any, order: Any) -> None:
    assert parse_query({"paging": paging}, {}).order == order


@pytest.mark.parametrize("given", [7, "7"])
def test_numbers_of_paging_are_numbers_or_texts_of_them(given: Any) -> None:
    query = parse_query({"paging": {"offset": given, "maxSize": given}}, {})
    assert (query.offset, query.max_size) == (7, 7)


@pytest.mark.parametrize(
    ("data", "element", "said"),
    [
        (None, "query", "has to be an object"),
        (5, "query", "has to be an object"),
        ([IS_JACK], "query", "has to be an object"),
        ("", "filter/text", "has to be a text"),
        ({"filter": IS_JACK, "options": {}}, "options", "is no part of a query"),
        ({"filter": 5}, "filter", "has to be an object"),
        ({"filter": {"@ns": "query-3"}}, "filter", "has no filter"),
        ({"paging": 5}, "paging", "has to be an object"),
        ({"paging": {"cookie": "x"}}, "paging/cookie", "is not known here"),
        ({"paging": {"offset": -1}}, "paging/offset", "from 0 to"),
        ({"paging": {"offset": "x"}}, "paging/offset", "from 0 to"),
        ({"paging": {"offset": True}}, "paging/offset", "from 0 to"),
        ({"paging": {"offset": 1.5}}, "paging/offset", "from 0 to"),
        ({"paging": {"offset": None}}, "paging/offset", "from 0 to"),
        ({"paging": {"maxSize": MOST + 1}}, "paging/maxSize", "from 0 to"),
        ({"paging": {"maxSize": "٣"}}, "paging/maxSize", "from 0 to"),
        ({"paging": {"maxSize": "9" * 5000}}, "paging/maxSize", "from 0 to"),
        ({"paging": {"orderBy": 5}}, "paging/orderBy", "has to be a path"),
        ({"paging": {"orderBy": ["a", "b"]}}, "paging/orderBy", "has to be a path"),
        ({"paging": {"orderBy": "a b"}}, "paging/orderBy", "is no path"),
        ({"paging": {"orderBy": "a[1]"}}, "paging/orderBy", "by its id"),
        ({"paging": {"orderBy": "ref/@/name"}}, "paging/orderBy", "leads to other objects"),
        ({"paging": {"orderBy": "a", "orderDirection": "up"}}, "paging/orderDirection", "neither"),
        ({"paging": {"orderBy": "a", "orderDirection": 1}}, "paging/orderDirection", "neither"),
        ({"paging": {"ordering": ["a"]}}, "paging/ordering", "has to be an object"),
        ({"paging": {"ordering": [{"orderBy": "a"}] * (MOST_ORDERS + 1)}}, "paging", "more than"),
    ],
)
def test_what_is_no_query_is_told(data: Any, element: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said) as refused:
        parse_query(data, {})
    assert refused.value.element == element


@pytest.mark.parametrize("data", [{"x" * 10_000: {}}, {"filter": {"equal": {"y" * 10_000: 1}}}])
def test_a_long_name_is_not_told_in_full(data: Any) -> None:
    with pytest.raises(BadQuery) as refused:
        parse_query(data, {})
    assert len(str(refused.value)) < 200


def test_objects_need_not_be_dicts() -> None:
    test = parse_query('name = "jack" and c/d = 1', {}).test
    assert test is not None
    assert test(MappingProxyType({"name": "jack", "c": MappingProxyType({"d": 1})}))


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('name = "x"', [{"name": "x"}, [{"name": "x"}]]),
        ("name exists", [{"name": "x"}, [{"name": "x"}]]),
        ('name matches (orig = "x")', [{"name": "x"}, [{"name": "x"}]]),
        ('. = "x"', ["x", ["x"]]),
        (". > 4", [5]),
        ("name = name", [{"name": "x"}, [{"name": "x"}]]),
        (". type UserType", [{"name": "x"}]),
        (". type ObjectType", [{"name": "x"}]),
        ('. inOid ("x")', []),
    ],
)
def test_values_that_are_no_objects_have_no_members(text: str, met: list[Any]) -> None:
    test = parse_query(text, {}).test
    assert test is not None
    values: list[Any] = [{"name": "x"}, "x", 5, True, None, ["x"], [{"name": "x"}]]
    assert [one for one in values if test(one)] == met


# --- cost ---


def seconds(work: Any) -> float:
    """Return the shortest of three runs: others may be busy meanwhile."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize("text", ['name = "jack"', 'name =[origIgnoreCase] "JACK"', "age > 3"])
def test_a_condition_costs_about_a_microsecond_for_each_object(text: str) -> None:
    test = parse_query(text, {}).test
    assert test is not None

    def ask() -> None:
        for _ in range(10_000):
            test(JACK)

    # Ten times of what it takes: enough to notice whether queries are interpreted.
    assert seconds(ask) / 10_000 < 5e-6


@pytest.mark.parametrize(
    "query",
    [
        {"equal": {"path": "a", "rightHandSidePath": "b"}},
        {"less": {"path": "a", "rightHandSidePath": "b"}},
        {"equal": {"path": "a", "value": list(range(-20_000, 0))}},
        {"equal": {"path": "a", "value": [f"x{at}" for at in range(20_000)]}},
        {"inOid": {"value": [str(at) for at in range(20_000)]}},
    ],
)
def test_long_lists_are_not_compared_each_with_each(query: Any) -> None:
    test = parse_query(query, {}).test
    assert test is not None
    record = {"a": list(range(20_000, 40_000)), "b": [*range(20_000), *map(str, range(20_000))]}
    assert test(record) is False
    assert seconds(lambda: test(record)) < 1


FIVE_AT_FIVE, HALF_PAST = "2026-01-01T05:00:00+05:00", "2026-01-01T00:30:00Z"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # Greatest by letters, and greatest as a number.
        (9.5, ["9", "10"]),
        # Greatest by letters, and the latest.
        ("2026-01-01T00:00:00Z", [FIVE_AT_FIVE, HALF_PAST]),
        # A text that is no time compares with times by letters.
        ("2026-01-01T02", [FIVE_AT_FIVE, HALF_PAST]),
        # A time compares with other texts by letters.
        (HALF_PAST, [FIVE_AT_FIVE, "2026-01-01T01x"]),
    ],
)
def test_one_of_a_list_that_is_greater_is_found_whatever_the_others_are(
    left: Any, right: list[Any]
) -> None:
    for query in ("a < b", "a <= b"):
        test = parse_query(query, {}).test
        assert test is not None and test({"a": left, "b": right})


def test_content_may_be_nested_deeper_than_python_goes() -> None:
    content: Any = "x"
    for _ in range(5000):
        content = [content]
    test = parse_query('a = "x" and a exists and a matches (orig = "x")', {}).test
    assert test is not None and test({"a": content})
