"""What is asked of a record: conditions on its properties, and how they hang together.

What :mod:`.filter` makes of a filter's text. Built once and then met by millions of records, so
that a record meets a closure for each condition and a plan of where to go on after it, and as
little else as can be. Pure; knows :mod:`.pointer` only.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from odimra.records.pointer import Pointer, step

#: A condition on a record.
Test: TypeAlias = Callable[[Mapping[str, Any]], bool]
#: Compares what the record has with what the filter says.
Compare: TypeAlias = Callable[[Any, Any], bool]

_ORDER: Mapping[str, Compare] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_ON_TEXT: Mapping[str, Compare] = {**_ORDER, "co": operator.contains, "sw": str.startswith}
_ON_OTHERS: Mapping[str, Compare] = {**_ORDER, "co": operator.eq, "sw": operator.eq}


# --- of one property ---


def _finder(pointer: Pointer) -> Callable[[Mapping[str, Any]], Any]:
    """Return what finds the value at ``pointer``: None where there is nothing, as for null."""
    if len(pointer) == 1:
        (name,) = pointer
        return lambda record: record.get(name)
    if len(pointer) == 2:
        first, second = pointer

        def find_inner(record: Mapping[str, Any]) -> Any:
            inner = record.get(first)
            # Nearly always an object; the general way costs several times as much.
            if type(inner) is dict:
                return inner.get(second)
            return None if inner is None else step(inner, second, None)

        return find_inner

    def find(record: Mapping[str, Any]) -> Any:
        value: Any = record
        for name in pointer:
            value = value.get(name) if type(value) is dict else step(value, name, None)
            if value is None:
                return None
        return value

    return find


def _on_text(compare: Compare, constant: str) -> Callable[[Any], bool]:
    folded = constant.lower()
    return lambda value: isinstance(value, str) and compare(value.lower(), folded)


def _on_numbers(compare: Compare, constant: float) -> Callable[[Any], bool]:
    def meets(value: Any) -> bool:
        # A bool is an int to Python, but none to JSON.
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        try:
            return compare(float(value), constant)
        except OverflowError:  # an integer with more than 308 digits
            return compare(math.inf if value > 0 else -math.inf, constant)

    return meets


def _on_truth(compare: Compare, constant: bool) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, bool) and compare(value, constant)


def meeting(name: str, constant: str | float | bool) -> Callable[[Any], bool] | None:
    """Return the comparison ``name`` with ``constant``; None if the name is none of CREST's own.

    What is of another type than the constant does not meet it, whatever the comparison.
    """
    if isinstance(constant, str):
        compare = _ON_TEXT.get(name)
        return compare and _on_text(compare, constant)
    compare = _ON_OTHERS.get(name)
    if isinstance(constant, bool):
        return compare and _on_truth(compare, constant)
    return compare and _on_numbers(compare, constant)


def compares(pointer: Pointer, meets: Callable[[Any], bool]) -> Test:
    """Return the condition that the value at ``pointer`` meets this, or any element of an array."""
    find = _finder(pointer)

    def test(record: Mapping[str, Any]) -> bool:
        value = find(record)
        if value is None:
            return False
        kind = type(value)
        if kind is list or kind is tuple:
            return any(map(meets, value))
        return meets(value)

    return test


def is_present(pointer: Pointer) -> Test:
    """Return the condition that there is something at ``pointer`` that is not null."""
    find = _finder(pointer)
    return lambda record: find(record) is not None


# --- of several together ---


@dataclass(frozen=True, slots=True)
class All:
    """Each of ``parts`` is to be met; there is at least one."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of ``parts`` is to be met; there is at least one."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``part`` is not to be met."""

    part: Tree


#: Conditions and how they hang together; a bool is met always or never.
Tree: TypeAlias = "All | Some | Not | Test | bool"
#: A test, and where to go on when it is met and when it is not; a bool is the answer.
_Plan: TypeAlias = "tuple[Test, _Plan, _Plan] | bool"


def _plan(tree: Tree) -> _Plan:
    """Lay out ``tree`` so that each test knows where to go on, and none is nested in another.

    Worked off from the last test to the first, as each needs to know those behind it; on a stack
    of its own, because 256 levels are many for Python's.
    """
    plan: _Plan = True
    # None as a way on is the part behind, which is the one that was laid out just before.
    waiting: list[tuple[Tree, _Plan | None, _Plan | None]] = [(tree, True, False)]
    while waiting:
        part, met, unmet = waiting.pop()
        met = plan if met is None else met
        unmet = plan if unmet is None else unmet
        match part:
            case All(parts):
                waiting += [(each, None, unmet) for each in parts[:-1]]
                waiting.append((parts[-1], met, unmet))
            case Some(parts):
                waiting += [(each, met, None) for each in parts[:-1]]
                waiting.append((parts[-1], met, unmet))
            case Not(inner):
                waiting.append((inner, unmet, met))
            case bool():
                plan = met if part else unmet
            case _:
                plan = (part, met, unmet)
    return plan


def condition(tree: Tree) -> Test:
    """Return ``tree`` as one condition, which asks no more of a record than decides it."""
    plan = _plan(tree)
    if isinstance(plan, bool):
        return lambda record: plan
    match plan:
        case (only, True, False):
            return only
    first = plan

    def follow(record: Mapping[str, Any]) -> bool:
        test, met, unmet = first
        while True:
            way = met if test(record) else unmet
            if way is True:
                return True
            if way is False:
                return False
            test, met, unmet = way

    return follow
