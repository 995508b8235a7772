"""What the words of midPoint's query language ask of an object.

Used by :mod:`.text_query`, which reads them. Knows :mod:`.predicates` and :mod:`.comparing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from odimra.jobs.bulk import predicates
from odimra.jobs.bulk.comparing import (
    MATCHING,
    TEXTS,
    any_of,
    local,
    one_of,
    ordered,
    plain,
    textual,
)
from odimra.jobs.bulk.errors import BadQuery
from odimra.jobs.bulk.paths import Path, query_path
from odimra.jobs.bulk.predicates import any_value
from odimra.records.conditions import Not, Some, Tree, condition

#: Words that midPoint has, and no object here could tell.
UNSUPPORTED: Final = frozenset(
    {
        *("inOrg", "isRoot", "isInSubtree", "isChildOf", "fullText", "levenshtein", "similarity"),
        *("referencedBy", "ownedBy", "ownedByOid"),
    }
)
#: Words for signs.
_SIGNS: Final[Mapping[str, str]] = {
    "equal": "=",
    "anyIn": "=",
    "notEqual": "!=",
    "less": "<",
    "lessOrEqual": "<=",
    "greater": ">",
    "greaterOrEqual": ">=",
    **{sign: sign for sign in ("=", "!=", "<", "<=", ">", ">=")},
}
#: Paths whose values are names, which may stand without quotes.
_NAMES: Final = frozenset({"relation", "targetType", "type", "@type"})
_TYPES: Final = frozenset({"type", "ofType"})
#: Longest number that is read to its last digit.
_MOST_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Operand:
    """What stands behind an operator: constants, or the path of another item."""

    values: tuple[Any, ...] = ()
    path: str | None = None


def number(text: str) -> int | float:
    """Return the number that is written so."""
    whole = text.removeprefix("-").isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if whole else float(text)


def value_of(value: Any) -> Operand:
    """Return the operand that a variable is, which may be a list of values."""
    return Operand(tuple(plain(one) for one in (value if isinstance(value, list) else [value])))


def named(word: str) -> Operand:
    """Return the operand that a word without quotes is."""
    if word in ("true", "false"):
        return Operand((word == "true",))
    return Operand((None,)) if word == "null" else Operand(path=word)


def joined(operands: Iterable[Operand]) -> Operand:
    """Return the operand that a list of them is."""
    operands = list(operands)
    if len(operands) == 1:
        return operands[0]
    for one in operands:
        if one.path is not None:
            raise BadQuery(one.path, "is a path, and stands in a list of values")
    return Operand(tuple(value for one in operands for value in one.values))


def matching(path: str, inner: Tree) -> Tree:
    """Return the condition of ``path matches (...)``."""
    return predicates.inside(_path(path), condition(inner))


def condition_of(path: str, word: str, rule: str | None, operand: Operand | None) -> Tree:
    """Return the condition of ``path word[rule] operand``. Raises BadQuery."""
    if word in UNSUPPORTED:
        raise BadQuery(word, "is not supported by this service")
    sign = _SIGNS.get(word)
    if sign is None and word not in ("exists", "inOid") and word not in (*TEXTS, *_TYPES):
        raise BadQuery(word, "is no operator")
    exact = True
    if rule is not None:
        known = MATCHING.get(local(rule))
        if known is None:
            raise BadQuery(f"[{rule}]", "is no matching rule")
        exact = known
    if word == "exists":
        if operand is not None:
            raise BadQuery("exists", "takes no value")
        return predicates.present(_path(path))
    if operand is None:
        raise BadQuery(word, "takes a value")
    if word == "inOid":
        return _in_oid(path, operand)
    if word in _TYPES:
        return _of_type(path, word, operand)
    if sign is not None:
        return _compared(path, sign, operand, exact=exact)
    return any_value(
        _path(path), any_of([textual(word, one, exact=exact) for one in _texts(word, operand)])
    )


def _compared(path: str, sign: str, operand: Operand, *, exact: bool) -> Tree:
    where = _path(path)
    if sign == "!=":
        return Not(_compared(path, "=", operand, exact=exact))
    values = operand.values
    if operand.path is not None:
        if path.rpartition("/")[2] not in _NAMES:
            return predicates.same(where, _path(operand.path), sign, exact=exact)
        values = (local(operand.path),)
    if sign == "=":
        there = [one for one in values if one is not None]
        test = any_value(where, one_of(there, exact=exact))
        if len(there) == len(values) > 0:
            return test
        # As in midPoint, what is compared with nothing is met by what has no value.
        absent = Not(predicates.present(where))
        return Some((test, absent)) if there else absent
    if (
        len(values) != 1
        or isinstance(values[0], bool)
        or not isinstance(values[0], str | int | float)
    ):
        raise BadQuery(sign, "takes one text or number")
    return any_value(where, ordered(sign, values[0], exact=exact))


def _texts(word: str, operand: Operand) -> list[str]:
    if operand.path is not None or not operand.values:
        raise BadQuery(word, "takes a text in quotes")
    for one in operand.values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise BadQuery(word, "takes a text in quotes")
    return [str(one) for one in operand.values]


def _in_oid(path: str, operand: Operand) -> Tree:
    if path not in (".", "#"):
        raise BadQuery("inOid", "stands behind . only")
    if operand.path is not None or not all(isinstance(one, str) for one in operand.values):
        raise BadQuery("inOid", "takes oids in quotes")
    return predicates.has_oid(operand.values)


def _of_type(path: str, word: str, operand: Operand) -> Tree:
    if path != ".":
        raise BadQuery(word, "stands behind . only")
    names = [operand.path] if operand.path is not None else list(operand.values)
    if len(names) != 1 or not isinstance(names[0], str) or not names[0]:
        raise BadQuery(word, "takes the name of a type")
    return predicates.is_type(names[0])


def _path(text: str) -> Path:
    return query_path(text, text[:80])
