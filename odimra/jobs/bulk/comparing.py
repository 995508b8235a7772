"""How a value of an object compares with one of a query.

A text is compared letter by letter unless the matching rule says otherwise. With a number it is
compared as one when it is one, and with true or false by its word, because XML without a schema has
no other way to write them; two times are compared as times, whatever their zones. What cannot be
compared meets nothing. Pure: used by :mod:`.predicates` and by what reads queries.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

#: Compares a value of the object with one of the query.
Compare: TypeAlias = Callable[[Any, Any], bool]
#: Whether a value of the object compares so with those of the query.
Meets: TypeAlias = Callable[[Any], bool]

ORDERS: Final[Mapping[str, Compare]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TEXTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
}
#: Matching rules: whether they let the case of letters count.
MATCHING: Final[Mapping[str, bool]] = {
    "default": True,
    "stringExact": True,
    "polyStringStrict": True,
    "polyStringOrig": True,
    "exact": True,
    "origIgnoreCase": False,
    "stringIgnoreCase": False,
    "polyStringNorm": False,
    "polyStringOrigIgnoreCase": False,
    "strictIgnoreCase": False,
    "normIgnoreCase": False,
}

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
# No longer than times are, because those that were read are kept for a while.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?:[0-9:.,+-]{0,24}|[0-9:.,]{0,16}Z))?"
)
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "false": False}


def plain(value: Any) -> Any:
    """Return what of a value is compared: of a PolyString its spelling."""
    if isinstance(value, dict) and isinstance(value.get("orig"), str):
        return value["orig"]
    return value


def local(name: str) -> str:
    """Return a qualified name without what qualifies it."""
    return name.rpartition("#")[2].rpartition(":")[2]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | int | None:
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.removeprefix("-").isdigit() else float(text)


@lru_cache(maxsize=4096)
def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _time(text: str) -> float | None:
    return _moment(text) if _TIME.fullmatch(text) else None


def ordered(name: str, constant: Any, *, exact: bool = True) -> Meets:
    """Return the comparison ``name`` of :data:`ORDERS` with a constant."""
    compare = ORDERS[name]
    if isinstance(constant, str):
        return _on_text(compare, constant, exact)
    if isinstance(constant, bool):
        word = str(constant).lower()
        equal = compare(0, 0)
        return lambda value: equal and (value is constant or value == word)
    if _is_number(constant):
        return _on_number(compare, constant)
    if isinstance(constant, Mapping) and name == "=":
        return lambda value: meets(value, constant)
    return lambda value: False


def _on_text(compare: Compare, constant: str, exact: bool) -> Meets:
    folded = constant if exact else constant.casefold()
    moment, number, truth = _time(constant), _number(constant), _TRUTHS.get(constant)
    equal = compare(0, 0)

    def on_text(value: Any) -> bool:
        if isinstance(value, str):
            if moment is not None:
                other = _time(value)
                if other is not None:
                    return compare(other, moment)
            return compare(value if exact else value.casefold(), folded)
        if isinstance(value, bool):
            return equal and value is truth
        if number is None or not isinstance(value, int | float):
            return False
        return compare(value, number)

    return on_text


def _on_number(compare: Compare, constant: float | int) -> Meets:
    def on_number(value: Any) -> bool:
        kind = type(value)
        if kind is int or kind is float:  # nearly always
            return compare(value, constant)
        number = _number(value) if kind is str else None
        return number is not None and compare(number, constant)

    return on_number


def textual(name: str, constant: str, *, exact: bool = True) -> Meets:
    """Return the comparison ``name`` of :data:`TEXTS` with a constant."""
    compare = TEXTS[name]
    folded = constant if exact else constant.casefold()
    return lambda value: (
        isinstance(value, str) and compare(value if exact else value.casefold(), folded)
    )


def any_of(tests: list[Meets]) -> Meets:
    """Return the condition that one of several is met."""
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def one_of(constants: Iterable[Any], *, exact: bool = True) -> Meets:
    """Return the comparison ``=`` with several constants, which takes no longer for many."""
    constants = list(constants)
    if len(constants) == 1:
        return ordered("=", constants[0], exact=exact)
    texts = [one for one in constants if isinstance(one, str)]
    folded = frozenset(one if exact else one.casefold() for one in texts)
    moments = frozenset(map(_time, texts)) - {None}
    # A text that is a number equals numbers, but another text only when it is the same.
    numbers = frozenset(one for one in constants if _is_number(one))
    as_numbers = numbers | (frozenset(map(_number, texts)) - {None})
    truths = frozenset(one for one in constants if isinstance(one, bool))
    words = frozenset(str(one).lower() for one in truths)
    as_truths = truths | {_TRUTHS[one] for one in texts if one in _TRUTHS}
    objects = [one for one in constants if isinstance(one, Mapping)]

    def equals_one(value: Any) -> bool:
        if isinstance(value, str):
            return (
                (value if exact else value.casefold()) in folded
                or value in words
                or bool(numbers and _number(value) in numbers)
                or bool(moments and _time(value) in moments)
            )
        if isinstance(value, bool):
            return value in as_truths
        if isinstance(value, int | float):
            return value in as_numbers
        return any(meets(value, one) for one in objects)

    return equals_one


def greatest(name: str, values: Iterable[Any], *, exact: bool = True) -> list[Any]:
    """Return those few of ``values`` that one of all compares so with, if there is one.

    Of each kind of value the greatest, or the least where it is one below that is asked for.
    """
    values = list(values)
    choose: Any = max if name.startswith("<") else min
    texts = [one for one in values if isinstance(one, str)]

    def by_letters(text: str) -> str:
        return text if exact else text.casefold()

    kinds: list[tuple[list[Any], Callable[[Any], Any]]] = [
        ([one for one in values if _is_number(one)], plain),
        ([one for one in texts if _number(one) is not None], _number),
        ([one for one in texts if _time(one) is not None], _time),
        (texts, by_letters),
        # A time compares with other texts by its letters.
        ([one for one in texts if _time(one) is None], by_letters),
    ]
    truths = {one for one in values if isinstance(one, bool)} | (_TRUTHS.keys() & set(texts))
    return [*truths, *(choose(found, key=key) for found, key in kinds if found)]


def meets(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Tell whether an object has at least the members of another one."""
    if not isinstance(value, Mapping):
        return False
    for name, one in wanted.items():
        found, one = plain(value.get(name)), plain(one)
        if isinstance(one, Mapping):
            if not meets(found, one):
                return False
        elif name == "relation" and isinstance(one, str):
            if local(one) != "any" and local(str(found or "default")) != local(one):
                return False
        elif name == "type" and isinstance(one, str):
            if local(str(found or "")) != local(one):
                return False
        elif found != one:
            return False
    return True
