"""Filters in elements: what each means, which belong together, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.bulk.element_query import DEEPEST, DEEPEST_VALUE, MOST, UNSUPPORTED
from odimra.jobs.bulk.query import BadQuery, parse_query

OBJECT: dict[str, Any] = {
    "@type": "UserType",
    "oid": "00001",
    "name": {"orig": "Jack Sparrow", "norm": "jack sparrow"},
    "nick": "Captain",
    "age": 42,
    "height": "180",
    "ratio": 0.5,
    "active": True,
    "retired": "false",
    "born": "1980-05-01T12:00:00+02:00",
    "mail": ["jack@example.com", "CAP@example.org", 7, None],
    "none": None,
    "empty": [],
    "nested": [["inner", [3]]],
    "text": "",
    "extension": {"ship": "Pearl", "speed": 12},
    "linkRef": [
        {"oid": "s1", "type": "c:ShadowType", "relation": "org:default"},
        {"oid": "s2", "type": "ShadowType"},
    ],
    "assignment": [
        {"id": 1, "description": "first", "targetRef": {"oid": "r1", "type": "RoleType"}},
        {
            "id": "2",
            "description": "second",
            "targetRef": {"oid": "o1", "type": "OrgType", "relation": "org:manager"},
        },
    ],
    "crew": {"oid": ["c1"]},
    "@odata.id": "/redfish/v1/Systems/1",
}


def meant(query: Any, record: Any = OBJECT) -> bool:
    test = parse_query(query, {}).test
    return True if test is None else test(record)


IGNORING = "stringIgnoreCase"


def with_value(name: str, path: str, value: Any, **more: Any) -> dict[str, Any]:
    return {name: {"path": path, "value": value, **more}}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        # Texts, letter by letter, and of a PolyString its spelling.
        (with_value("equal", "nick", "Captain"), True),
        (with_value("equal", "nick", "captain"), False),
        (with_value("equal", "c:nick", "Captain"), True),
        (with_value("equal", "/nick", "Captain"), True),
        (with_value("equal", "name", "Jack Sparrow"), True),
        (with_value("equal", "name", {"orig": "Jack Sparrow", "norm": "x"}), True),
        (with_value("equal", "name", {"@value": "Jack Sparrow", "@type": "T"}), True),
        (with_value("equal", "name/norm", "jack sparrow"), True),
        (with_value("equal", "nobody", "Captain"), False),
        (with_value("equal", "text", ""), True),
        (with_value("equal", "nick", ""), False),
        ({"equal": {"path": {"value": "nick"}, "value": "Captain"}}, True),
        # Matching rules.
        (with_value("equal", "nick", "cAPTAIN", matching="stringIgnoreCase"), True),
        (with_value("equal", "nick", "cAPTAIN", matching="q:origIgnoreCase"), True),
        (with_value("equal", "nick", "cAPTAIN", matching="http://x#polyStringNorm"), True),
        (with_value("equal", "nick", "cAPTAIN", matching="polyStringOrig"), False),
        (with_value("equal", "nick", "cAPTAIN", matching="default"), False),
        (with_value("equal", "nick", "cAPTAIN", matching=""), False),
        (with_value("equal", "retired", "FALSE", matching="stringIgnoreCase"), True),
        (with_value("less", "nick", "captaio", matching="stringIgnoreCase"), True),
        (with_value("substring", "nick", "PTA", matching="stringIgnoreCase"), True),
        # Numbers; a text that is a number is one, next to a number.
        (with_value("equal", "age", 42), True),
        (with_value("equal", "age", 42.0), True),
        (with_value("equal", "age", "42"), True),
        (with_value("equal", "age", "4.2e1"), True),
        (with_value("equal", "age", "042"), False),
        (with_value("equal", "age", "٤٢"), False),
        (with_value("equal", "height", 180), True),
        (with_value("equal", "height", "180"), True),
        (with_value("equal", "height", "180.0"), False),
        (with_value("greater", "age", 41), True),
        (with_value("greater", "age", "5"), True),
        (with_value("greater", "height", 20), True),
        (with_value("greater", "height", "20"), False),
        (with_value("greaterOrEqual", "age", 42), True),
        (with_value("greater", "age", 42), False),
        (with_value("less", "ratio", 1), True),
        (with_value("lessOrEqual", "ratio", "0.5"), True),
        (with_value("less", "nick", 5), False),
        (with_value("less", "active", 5), False),
        # Truth.
        (with_value("equal", "active", True), True),
        (with_value("equal", "active", "true"), True),
        (with_value("equal", "active", False), False),
        (with_value("equal", "active", 1), False),
        (with_value("equal", "age", True), False),
        (with_value("equal", "retired", False), True),
        (with_value("equal", "nick", True), False),
        # Times.
        (with_value("equal", "born", "1980-05-01T10:00:00Z"), True),
        (with_value("equal", "born", "1980-05-01T10:00:00.000Z"), True),
        (with_value("equal", "born", "1980-05-01T10:00:00"), True),
        (with_value("equal", "born", "1980-05-01 10:00:00Z"), True),
        (with_value("less", "born", "1980-05-01T10:00:01Z"), True),
        (with_value("less", "born", "1980-05-01T10:00:00Z"), False),
        (with_value("greater", "born", "1980-05-01"), True),
        (with_value("equal", "born", "1980-05-01T12:00:00"), False),
        (with_value("equal", "born", "1980-13-01T12:00:00"), False),
        # Several values: any of the object's, any of the query's.
        (with_value("equal", "mail", "jack@example.com"), True),
        (with_value("equal", "mail", "7"), True),
        (with_value("equal", "mail", 8), False),
        (with_value("equal", "nick", ["Cook", "Captain"]), True),
        (with_value("equal", "nick", ["Cook", "captain"]), False),
        (with_value("equal", "nick", ["cook", "captain"], matching="stringIgnoreCase"), True),
        (with_value("equal", "age", ["x", 42]), True),
        (with_value("equal", "age", ["x", "42"]), True),
        (with_value("equal", "height", ["x", 180]), True),
        (with_value("equal", "active", ["x", True]), True),
        (with_value("equal", "active", ["x", "true"]), True),
        (with_value("equal", "retired", ["x", False]), True),
        (with_value("equal", "born", ["x", "1980-05-01T10:00:00Z"]), True),
        (with_value("equal", "extension", ["x", {"ship": "Pearl"}]), True),
        (with_value("equal", "age", [True, "x"]), False),
        (with_value("anyIn", "nick", ["Cook", "Captain"]), True),
        (with_value("equal", "nested", "inner"), True),
        (with_value("equal", "nested", 3), True),
        # No value: what has none.
        ({"equal": {"path": "none"}}, True),
        ({"equal": {"path": "empty"}}, True),
        ({"equal": {"path": "nobody", "value": None}}, True),
        ({"equal": {"path": "nobody", "value": []}}, True),
        ({"equal": {"path": "nick"}}, False),
        # Objects.
        (with_value("equal", "extension", {"ship": "Pearl"}), True),
        (with_value("equal", "extension", {"ship": "Pearl", "speed": 12}), True),
        (with_value("equal", "extension", {"ship": "Pearl", "crew": 2}), False),
        (with_value("equal", "extension", {"ship": {"orig": "Pearl"}}), True),
        (with_value("equal", "nick", {"ship": "Pearl"}), False),
        # Paths.
        (with_value("equal", "extension/ship", "Pearl"), True),
        (with_value("equal", "extension/speed", 12), True),
        (with_value("equal", "assignment/description", "second"), True),
        (with_value("equal", "assignment[2]/description", "second"), True),
        (with_value("equal", "assignment[1]/description", "second"), False),
        (with_value("equal", "assignment/targetRef/oid", "o1"), True),
        (with_value("equal", "assignment/#", 2), True),
        (with_value("equal", "#", "00001"), True),
        (with_value("equal", "@odata.id", "/redfish/v1/Systems/1"), True),
        # The other side is a path.
        ({"equal": {"path": "age", "rightHandSidePath": "age"}}, True),
        ({"equal": {"path": "age", "rightHandSidePath": "ratio"}}, False),
        ({"greater": {"path": "age", "rightHandSidePath": "ratio"}}, True),
        ({"greater": {"path": "age", "rightHandSidePath": "extension/speed"}}, True),
        ({"less": {"path": "age", "rightHandSidePath": "height"}}, True),
        ({"less": {"path": "height", "rightHandSidePath": "age"}}, False),
        ({"less": {"path": "ratio", "rightHandSidePath": "mail"}}, True),
        ({"less": {"path": "nick", "rightHandSidePath": "mail"}}, True),
        ({"equal": {"path": "retired", "rightHandSidePath": "active"}}, False),
        ({"equal": {"path": "nobody", "rightHandSidePath": "none"}}, False),
        ({"equal": {"path": "name", "rightHandSidePath": "name/norm"}}, False),
        (
            {"equal": {"path": "name", "rightHandSidePath": "name/norm", "matching": IGNORING}},
            True,
        ),
        # Substrings.
        (with_value("substring", "nick", "ptai"), True),
        (with_value("substring", "nick", "PTAI"), False),
        (with_value("substring", "nick", "ptai", anchorStart=True), False),
        (with_value("substring", "nick", "Capt", anchorStart=True), True),
        (with_value("substring", "nick", "Capt", anchorStart="true"), True),
        (with_value("substring", "nick", "Capt", anchorStart="false", anchorEnd="true"), False),
        (with_value("substring", "nick", "ain", anchorEnd=True), True),
        (with_value("substring", "nick", "Cap", anchorEnd=True), False),
        (with_value("substring", "nick", "Captain", anchorStart=True, anchorEnd=True), True),
        (with_value("substring", "nick", "Capt", anchorStart=True, anchorEnd=True), False),
        (with_value("substring", "name", "Sparrow"), True),
        (with_value("substring", "mail", "example.org"), True),
        (with_value("substring", "height", 8), True),
        (with_value("substring", "age", "4"), False),
        # References.
        ({"ref": {"path": "linkRef", "value": {"oid": "s1"}}}, True),
        ({"ref": {"path": "linkRef", "value": {"oid": "s3"}}}, False),
        ({"ref": {"path": "linkRef", "value": {"oid": "s1", "type": "ShadowType"}}}, True),
        ({"ref": {"path": "linkRef", "value": {"oid": "s1", "type": "c:RoleType"}}}, False),
        ({"ref": {"path": "linkRef", "value": {"oid": "s2", "relation": "default"}}}, True),
        ({"ref": {"path": "linkRef", "value": {"oid": "s2", "relation": "q:any"}}}, True),
        ({"ref": {"path": "linkRef", "value": {"oid": "s1", "relation": "manager"}}}, False),
        ({"ref": {"path": "linkRef", "value": [{"oid": "x"}, {"oid": "s2"}]}}, True),
        ({"ref": {"path": "assignment/targetRef", "value": {"relation": "manager"}}}, True),
        ({"ref": {"path": "assignment[1]/targetRef", "value": {"relation": "manager"}}}, False),
        ({"ref": {"path": "linkRef"}}, False),
        ({"ref": {"path": "nobodyRef"}}, True),
        ({"ref": {"path": "nick", "value": {"oid": "s1"}}}, False),
        # What is there.
        ({"exists": {"path": "nick"}}, True),
        ({"exists": {"path": "text"}}, True),
        ({"exists": {"path": "none"}}, False),
        ({"exists": {"path": "empty"}}, False),
        ({"exists": {"path": "assignment", "filter": ""}}, True),
        ({"exists": {"path": "assignment[3]"}}, False),
        (
            {
                "exists": {
                    "path": "assignment",
                    "filter": {
                        "and": {
                            **with_value("equal", "description", "second"),
                            "ref": {"path": "targetRef", "value": {"oid": "o1"}},
                        }
                    },
                }
            },
            True,
        ),
        (
            {
                "exists": {
                    "path": "assignment",
                    "filter": {
                        "and": {
                            **with_value("equal", "description", "first"),
                            "ref": {"path": "targetRef", "value": {"oid": "o1"}},
                        }
                    },
                }
            },
            False,
        ),
        ({"exists": {"path": "nick", "filter": with_value("equal", "norm", "captain")}}, True),
        ({"exists": {"path": "age", "filter": with_value("equal", "norm", "42")}}, False),
        ({"exists": {"path": "name", "filter": with_value("equal", "orig", "Jack Sparrow")}}, True),
        # Oids and types.
        ({"inOid": {"value": "00001"}}, True),
        ({"inOid": {"value": ["x", "00001"]}}, True),
        ({"inOid": {"value": ["x"], "considerOwner": False}}, False),
        ({"inOid": {"value": []}}, False),
        ({"exists": {"path": "assignment", "filter": {"inOid": {"value": "00001"}}}}, False),
        ({"exists": {"path": "crew", "filter": {"inOid": {"value": "c1"}}}}, False),
        ({"type": {"type": "UserType"}}, True),
        ({"type": {"type": "c:UserType"}}, True),
        ({"type": {"type": "http://x/common-3#UserType"}}, True),
        ({"type": {"type": "RoleType"}}, False),
        ({"type": {"type": "ObjectType"}}, True),
        ({"type": {"type": "AssignmentHolderType"}}, True),
        ({"type": {"type": "FocusType"}}, True),
        ({"type": {"type": "AbstractRoleType"}}, False),
        ({"type": {"type": "UserType", "filter": with_value("equal", "age", 42)}}, True),
        ({"type": {"type": "UserType", "filter": with_value("equal", "age", 1)}}, False),
        ({"type": {"type": "RoleType", "filter": with_value("equal", "age", 42)}}, False),
        # All, none, words.
        ({"all": {}}, True),
        ({"all": ""}, True),
        ({"none": {}}, False),
        ({"undefined": {}}, False),
        ({"not": {"none": {}}}, True),
        ({"text": "age = 42"}, True),
        ({"text": {"text": "age = 42"}}, True),
        ({"and": {"text": "age = 42", "none": {}}}, False),
        ({"or": {"text": ["age = 41", "age = 42"]}}, True),
    ],
)  # fmt: skip
def test_what_a_filter_means(filter: Any, expected: bool) -> None:
    assert meant({"filter": filter}) is expected
    assert meant({"filter": {"not": filter}}) is not expected


def is_(value: int) -> dict[str, Any]:
    return {"path": "v", "value": value}


ONE, TWO = {"equal": is_(1)}, {"equal": is_(2)}
IS_ONE = {"@element": "equal", **is_(1)}
BELOW, ABOVE = {"less": is_(5)}, {"greater": is_(0)}


@pytest.mark.parametrize(
    ("filter", "met"),
    [
        # In one object, as XML is read: what is there several times is a list.
        ({"or": {"equal": [is_(1), is_(2)]}}, {1, 2}),
        ({"or": {"equal": [is_(1), is_(2)], "greater": is_(8)}}, {1, 2, 9}),
        ({"and": {"greater": [is_(1), is_(3)], "less": is_(6)}}, {4, 5}),
        ({"and": {"not": ONE, "less": is_(3)}}, {0, 2}),
        ({"and": {"not": [ONE, TWO], "less": is_(4)}}, {0, 3}),
        ({"or": {"not": [ABOVE, BELOW]}}, {0, 5, 6, 7, 8, 9}),
        ({"and": {"or": [{"equal": [is_(1), is_(2)]}, {"equal": [is_(2), is_(3)]}]}}, {2}),
        ({"and": {"or": [{"equal": [is_(1), is_(2)]}, {"equal": is_(2)}]}}, {2}),
        (
            {"or": {"and": [{"greater": is_(1), "less": is_(4)}, {"greater": is_(7)}]}},
            {2, 3, 8, 9},
        ),
        ({"or": {"or": [ONE, TWO]}}, {1, 2}),
        ({"and": {"or": [ONE], "less": is_(5)}}, {1}),
        ({"and": {"or": [{"equal": [is_(1), is_(2)]}]}}, {1, 2}),
        ({"and": {"and": [BELOW, {"greater": [is_(1), is_(2)]}]}}, {3, 4}),
        ({"not": {"or": {"equal": [is_(1), is_(2)]}}}, {0, 3, 4, 5, 6, 7, 8, 9}),
        # Where one filter alone may stand, a list holds the filters of one.
        ({"or": [ONE, TWO]}, {1, 2}),
        ({"and": [BELOW, {"greater": is_(2)}]}, {3, 4}),
        ({"and": [{"or": [ONE, TWO]}, {"greater": is_(1)}]}, {2}),
        ({"or": [{"and": [BELOW, {"greater": is_(2)}]}, ONE]}, {1, 3, 4}),
        ({"or": [{"not": ONE}, ONE]}, set(range(10))),
        ({"not": {"or": [ONE, TWO]}}, {0, 3, 4, 5, 6, 7, 8, 9}),
        ({"not": [ONE]}, {0, 2, 3, 4, 5, 6, 7, 8, 9}),
        ([BELOW, {"greater": is_(2)}], {3, 4}),
        ({"type": {"type": "ObjectType", "filter": {"or": [ONE, TWO]}}}, {1, 2}),
        # Unlike elements in their order.
        ({"or": [IS_ONE, {"@element": "greater", **is_(8)}]}, {1, 9}),
        ({"and": {"or": [IS_ONE, {"@element": "equal", **is_(2)}]}}, {1, 2}),
        ({"and": [{"@element": "or", "equal": [is_(1), is_(2)]}, IS_ONE]}, {1}),
        ({"and": [{"@element": "or", "or": [{"@element": "equal", **is_(1)}]}]}, {1}),
        ({"and": [{"@element": "and", "or": [ONE, TWO]}, {"@element": "not", **ONE}]}, {2}),
        ({"or": [{"@element": "text", "text": "v = 3"}, {"@element": "equal", **is_(1)}]}, {1, 3}),
        ({"and": [{"@element": "and", "not": [ONE, TWO]}, {"less": is_(4)}]}, {0, 3}),
        ({"or": [{"@element": "not", "greater": is_(1)}, {"@element": "none"}]}, {0, 1}),
    ],
)  # fmt: skip
def test_which_filters_belong_together(filter: Any, met: set[int]) -> None:
    test = parse_query({"filter": filter}, {}).test
    assert test is not None
    assert {value for value in range(10) if test({"v": value})} == met


@pytest.mark.parametrize(
    ("filter", "element"),
    [
        ({"and": {"or": [ONE, TWO]}}, "filter/and/or"),
        ({"or": {"and": [BELOW, ABOVE], "equal": is_(9)}}, "filter/or/and"),
        ({"not": {"and": {"or": [ONE, TWO]}}}, "filter/not/and/or"),
    ],
)
def test_a_list_that_may_mean_two_things_is_refused(filter: Any, element: str) -> None:
    with pytest.raises(BadQuery, match="or one of several") as refused:
        parse_query({"filter": filter}, {})
    assert refused.value.element == element


@pytest.mark.parametrize(
    ("filter", "element", "said"),
    [
        ({"like": {"path": "a"}}, "filter/like", "is no filter"),
        ({"and": {"like": {}}}, "filter/and/like", "is no filter"),
        ({"@element": "like"}, "filter/like", "is no filter"),
        ({"@element": 5}, "filter/5", "is no filter"),
        ({"and": {}}, "filter/and", "has no filter"),
        ({"or": []}, "filter/or", "has no filter"),
        ({"not": {}}, "filter/not", "has no filter"),
        ({"and": ""}, "filter/and", "has to be an object"),
        ({"or": [5]}, "filter/or", "has to be an object"),
        ({"equal": []}, "filter/equal", "has no filter"),
        ({"equal": 5}, "filter/equal", "has to be an object"),
        ({"not": {**ONE, **BELOW}}, "filter/not", "takes one filter"),
        ({"not": [ONE, TWO]}, "filter/not", "takes one filter"),
        ({"not": {"equal": [is_(1), is_(2)]}}, "filter/not", "takes one filter"),
        ({"or": [{**ONE, **BELOW}, TWO]}, "filter/or", "each in a list has to be one filter"),
        ({"text": ""}, "filter/text", "has to be a text"),
        ({"text": 5}, "filter/text", "has to be a text"),
        ({"text": {}}, "filter/text", "has to be a text"),
        ({"text": "name ="}, "text", "cannot be understood at its end"),
        ({"equal": {"value": "x"}}, "filter/equal/path", "has to be a path"),
        ({"equal": {"path": 5, "value": "x"}}, "filter/equal/path", "has to be a path"),
        ({"equal": {"path": " ", "value": "x"}}, "filter/equal/path", "has to be a path"),
        ({"equal": {"path": "a b", "value": 1}}, "filter/equal/path", "is no path"),
        ({"equal": {"path": "a[x]", "value": 1}}, "filter/equal/path", "is no path"),
        ({"equal": {"path": "a//b", "value": 1}}, "filter/equal/path", "is no path"),
        ({"equal": {"path": "a/" * 40, "value": 1}}, "filter/equal/path", "segments"),
        ({"equal": {"path": "r/@/a", "value": 1}}, "filter/equal/path", "leads to other objects"),
        ({"equal": {"path": "../a", "value": 1}}, "filter/equal/path", "leads to other objects"),
        ({"equal": {"path": "a", "value": {}}}, "filter/equal/value", "no value to compare"),
        ({"equal": {"path": "a", "value": [[1]]}}, "filter/equal/value", "no value to compare"),
        ({"equal": {"path": "a", "value": {"@type": "T"}}}, "filter/equal/value", "no value"),
        ({"equal": {"path": "a", "expression": {}}}, "filter/equal/expression", "not known here"),
        (
            {"equal": {"path": "a", "value": 1, "rightHandSidePath": "b"}},
            "filter/equal",
            "both value and",
        ),
        (
            {"equal": {"path": "a", "rightHandSidePath": 5}},
            "filter/equal/rightHandSidePath",
            "has to be a path",
        ),
        (
            {"equal": {"path": "a", "rightHandSide": {"path": "b"}}},
            "filter/equal/rightHandSide",
            "not known here",
        ),
        (with_value("equal", "a", 1, matching="soundex"), "filter/equal/matching", "soundex"),
        (with_value("equal", "a", 1, matching={"x": 1}), "filter/equal/matching", "no matching"),
        (with_value("less", "a", None), "filter/less/value", "is missing"),
        (with_value("less", "a", [1, 2]), "filter/less/value", "has to be one value"),
        (with_value("less", "a", True), "filter/less/value", "a text or a number"),
        (with_value("less", "a", {"b": 1}), "filter/less/value", "a text or a number"),
        (with_value("anyIn", "a", None), "filter/anyIn/value", "is missing"),
        (with_value("substring", "a", None), "filter/substring/value", "has to be one text"),
        (with_value("substring", "a", ["x", "y"]), "filter/substring/value", "has to be one text"),
        (with_value("substring", "a", True), "filter/substring/value", "has to be one text"),
        (with_value("substring", "a", {"b": 1}), "filter/substring/value", "has to be one text"),
        (
            with_value("substring", "a", "x", anchorStart="yes"),
            "filter/substring/anchorStart",
            "true or false",
        ),
        ({"ref": {"path": "a", "value": "oid"}}, "filter/ref/value", "has to be a reference"),
        ({"ref": {"path": "a", "value": {"x": 1}}}, "filter/ref/value/x", "is not known here"),
        ({"ref": {"path": "a", "value": {"oid": 1}}}, "filter/ref/value/oid", "has to be a text"),
        (
            {"ref": {"path": "a", "value": {"oid": None}}},
            "filter/ref/value/oid",
            "has to be a text",
        ),
        ({"exists": {}}, "filter/exists/path", "has to be a path"),
        ({"exists": {"path": "a", "filter": 5}}, "filter/exists/filter", "has to be an object"),
        ({"exists": {"path": "a", "filter": {"like": 1}}}, "filter/exists/filter/like", "no"),
        ({"inOid": {"value": {"a": 1}}}, "filter/inOid/value", "has to be an oid"),
        ({"inOid": {"value": ["a", 1.5]}}, "filter/inOid/value", "has to be an oid"),
        ({"inOid": {"value": "a", "considerOwner": True}}, "filter/inOid/considerOwner", "not"),
        ({"type": {}}, "filter/type/type", "has to be the name of a type"),
        ({"type": {"type": 5}}, "filter/type/type", "has to be the name of a type"),
        ({"type": {"type": "UserType", "x": 1}}, "filter/type/x", "is not known here"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_told(filter: Any, element: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said) as refused:
        parse_query({"filter": filter}, {})
    assert refused.value.element == element
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_midpoint_has_and_nothing_here_could_tell_is_named(name: str) -> None:
    with pytest.raises(BadQuery, match=f"^filter/{name}: is not supported by this service$"):
        parse_query({"filter": {name: {"path": "a", "value": "x"}}}, {})


@pytest.mark.parametrize("kind", ["not", "and", "list", "exists", "type", "element"])
def test_filters_are_nested_so_deep_and_no_deeper(kind: str) -> None:
    wrap = {
        "not": lambda inner: {"not": inner},
        "and": lambda inner: {"and": inner},
        "list": lambda inner: {"or": [inner, {"none": {}}]},
        "exists": lambda inner: {"exists": {"path": ".", "filter": inner}},
        "type": lambda inner: {"type": {"type": "ObjectType", "filter": inner}},
        "element": lambda inner: {"and": [{"@element": "and", **inner}]},
    }[kind]
    steps = DEEPEST // 2 if kind == "element" else DEEPEST
    filter: Any = ONE
    for _ in range(steps):
        filter = wrap(filter)
    assert meant({"filter": filter}, {"v": 1})
    for more in (1, 5000):
        for _ in range(more):
            filter = wrap(filter)
        with pytest.raises(BadQuery, match="nested more than"):
            parse_query({"filter": filter}, {})


def test_there_are_so_many_filters_and_no_more() -> None:
    assert meant({"or": {"equal": [is_(1)] * (MOST - 1)}}, {"v": 1})
    with pytest.raises(BadQuery, match="more than"):
        parse_query({"or": {"equal": [is_(1)] * MOST}}, {})


def test_values_are_so_deep_and_no_deeper() -> None:
    value: Any = 1
    for _ in range(DEEPEST_VALUE - 1):
        value = {"a": value}
    assert meant(with_value("equal", "v", value), {"v": value})
    with pytest.raises(BadQuery, match="no value to compare"):
        parse_query(with_value("equal", "v", {"a": value}), {})
