"""``$filter`` as an expression: its language and what it means (DSP0266 7.3.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.redfish.filter import DEEPEST, LONGEST, BadFilter, compile_filter

MEMBER: dict[str, Any] = {
    "Id": "a",
    "Number": 5,
    "Ratio": 0.5,
    "On": True,
    "Off": False,
    "Nothing": None,
    "Status": {"Health": "OK", "Codes": [1, 2]},
    "Notes": "it's",
    "Oracle": 1,
    "@odata.id": "/x",
    "Big": 9007199254740993,
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("Id eq 'a'", True),
        ("Id eq 'b'", False),
        ("Id ne 'b'", True),
        ("Number gt 4", True),
        ("Number ge 5", True),
        ("Number lt 5", False),
        ("Number le 5", True),
        ("Number eq 5.0", True),
        ("Ratio lt 1", True),
        ("Number eq -5", False),
        ("Ratio eq 5e-1", True),
        ("Id gt 'Z'", True),
        ("'a' eq Id", True),
        ("Status/Health eq 'OK'", True),
        ("Status/Nothing eq null", True),
        ("Id/Deeper eq null", True),
        ("Missing eq null", True),
        ("Missing ne 'x'", True),
        ("Missing gt 1", False),
        ("Nothing eq null", True),
        ("On eq true", True),
        ("Off eq false", True),
        ("On", True),
        ("Off", False),
        ("not Off", True),
        ("not On", False),
        ("Notes eq 'it''s'", True),
        ("@odata.id eq '/x'", True),
        ("Big eq 9007199254740993", True),
        ("Big eq 9007199254740992", False),
        # Words of the language within names are part of the names.
        ("Oracle eq 1", True),
        ("Notes ne 'x' and Oracle eq 1", True),
        # Nothing has an order with what is of another type, and it is never equal.
        ("Id eq 5", False),
        ("Id ne 5", True),
        ("Id gt 5", False),
        ("On eq 1", False),
        ("On gt false", False),
        ("Status eq 'OK'", False),
        # What is no condition is not met, nor is its opposite.
        ("Number", False),
        ("not Number", False),
        ("Missing", False),
        ("not Missing", False),
        # Precedence: not, then gt ge lt le, then eq ne, then and, then or.
        ("not Off eq true", True),
        ("not On eq false", True),
        ("Number gt 4 eq true", True),
        ("On or Off and Off", True),
        ("(On or Off) and Off", False),
        ("not (Id eq 'a' or On)", False),
        ("Id eq 'b' or Id eq 'a' and Number eq 5", True),
        ("  Id\teq   'a'  ", True),
        ("true", True),
        ("false or On", True),
    ],
)
def test_what_an_expression_means(text: str, matches: bool) -> None:
    assert compile_filter(text)(MEMBER) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Id eq",
        "eq 'a'",
        "Id = 'a'",
        "Id eq 'a",
        'Id eq "a"',
        "Id eq 'a' or",
        "Id eq 'a')",
        "(Id eq 'a'",
        "Id Id",
        "Id EQ 'a'",
        "Id eq 'a' xor On",
        "Id eq 'a'; drop",
        "Id/ eq 'a'",
        "contains(Id,'a')",
        "not",
        "1 2",
        "Id eq 1.",
        "\0",
        "not " * (DEEPEST + 2) + "On",
        "(not " * (DEEPEST + 2) + "On" + ")" * (DEEPEST + 2),
        "On eq " * (DEEPEST + 2) + "On",
        "Id eq '" + "x" * LONGEST + "'",
        "Number eq " + "9" * 5000,
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        compile_filter(text)


def test_parentheses_alone_cost_no_depth() -> None:
    assert compile_filter("(" * 1500 + "On" + ")" * 1500)(MEMBER)


def test_many_alternatives_are_no_depth() -> None:
    assert compile_filter(" or ".join(["Id eq 'b'"] * 200 + ["On"]))(MEMBER)


# Against Python: the same expression, built as text for both. Python has no `null` and binds `not`
# weaker, so every operand of Python's is in parentheses.

NAMES = ["Number", "Ratio", "Oracle"]
FLAGS = ["On", "Off"]

numbers = st.one_of(
    st.sampled_from(NAMES).map(lambda name: (name, f"m[{name!r}]")),
    st.integers(-10, 10).map(lambda value: (str(value), str(value))),
    st.floats(-10, 10, allow_nan=False).map(lambda value: (f"{value:.3f}", f"{value:.3f}")),
)
OPERATORS = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def compared(left: Any, word: str, right: Any) -> tuple[str, str]:
    return f"{left[0]} {word} {right[0]}", f"(({left[1]}) {OPERATORS[word]} ({right[1]}))"


comparisons = st.builds(compared, numbers, st.sampled_from(sorted(OPERATORS)), numbers)
flags = st.sampled_from(FLAGS).map(lambda name: (name, f"m[{name!r}]"))


def grown(inner: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    both = st.tuples(inner, inner)
    return st.one_of(
        both.map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", f"({two[0][1]} and {two[1][1]})")
        ),
        both.map(lambda two: (f"({two[0][0]}) or ({two[1][0]})", f"({two[0][1]} or {two[1][1]})")),
        # Without parentheses the language's own precedence decides: and before or, as in Python.
        st.tuples(comparisons, comparisons, comparisons).map(
            lambda three: (
                f"{three[0][0]} or {three[1][0]} and {three[2][0]}",
                f"({three[0][1]} or {three[1][1]} and {three[2][1]})",
            )
        ),
        inner.map(lambda one: (f"not ({one[0]})", f"(not {one[1]})")),
        both.map(
            lambda two: (f"({two[0][0]}) eq ({two[1][0]})", f"(({two[0][1]}) == ({two[1][1]}))")
        ),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.one_of(comparisons, flags), grown, max_leaves=8))
def test_it_means_what_python_means(expression: tuple[str, str]) -> None:
    text, python = expression
    expected = eval(python, {"m": MEMBER})
    assert compile_filter(text)(MEMBER) is expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="IdOn() eqnotadr'15/.@-\t", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        result = compile_filter(text)(MEMBER)
    except BadFilter:
        return
    assert isinstance(result, bool)
