"""``$filter``: which members of a collection are meant (DSP0266, query parameters).

Comparisons ``eq ne gt ge lt le`` of a property with a literal, ``not``, ``and``, ``or`` (binding in
that order), parentheses; nested properties with slashes. Pure; called by :mod:`.query`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError

#: Longest expression, in characters, and how many parentheses and negations it may have.
LONGEST = 2000
DEEPEST = 20

GRAMMAR = r"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: negation (_AND negation)*
    ?negation: _NOT negation -> inversion
        | comparison
        | "(" disjunction ")"
    comparison: operand OPERATOR operand
    ?operand: PATH -> property
        | STRING -> string
        | NUMBER -> number
        | TRUE -> true
        | FALSE -> false
        | NULL -> null
    _OR: "or"
    _AND: "and"
    _NOT: "not"
    OPERATOR.2: "eq" | "ne" | "gt" | "ge" | "lt" | "le"
    TRUE.2: "true"
    FALSE.2: "false"
    NULL.2: "null"
    PATH: /[A-Za-z_][\w.@#]*(\/[A-Za-z_][\w.@#]*)*/
    STRING: /'(?:[^']|'')*'/
    NUMBER: /[+-]?\d+(\.\d+)?([eE][+-]?\d+)?/
    %ignore /\s+/
"""

Value = str | float | bool | None
Evaluate = Callable[[Mapping[str, Any]], Any]
Predicate = Callable[[Mapping[str, Any]], bool]


class BadFilter(Exception):
    """The expression is none of the language."""


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def compare(word: str, left: Any, right: Any) -> bool:
    """Compare two values; those of different types are unequal and have no order."""
    if _kind(left) != _kind(right):
        return word == "ne"
    if word not in ("eq", "ne") and _kind(left) not in ("str", "number"):
        return False
    return bool(_COMPARE[word](left, right))


@v_args(inline=True)
class _Compile(Transformer[Token, Any]):
    def string(self, token: Token) -> Evaluate:
        text = token[1:-1].replace("''", "'")
        return lambda member: text

    def number(self, token: Token) -> Evaluate:
        value = float(token)
        return lambda member: value

    def true(self, token: Token) -> Evaluate:
        return lambda member: True

    def false(self, token: Token) -> Evaluate:
        return lambda member: False

    def null(self, token: Token) -> Evaluate:
        return lambda member: None

    def property(self, token: Token) -> Evaluate:
        names = str(token).split("/")

        def value(member: Mapping[str, Any]) -> Any:
            found: Any = member
            for name in names:
                if not isinstance(found, Mapping) or name not in found:
                    return None  # what is not there is as null
                found = found[name]
            return found

        return value

    def comparison(self, left: Evaluate, word: Token, right: Evaluate) -> Predicate:
        return lambda member: compare(str(word), left(member), right(member))

    def inversion(self, inner: Predicate) -> Predicate:
        return lambda member: not inner(member)

    def conjunction(self, *parts: Predicate) -> Predicate:
        return lambda member: all(part(member) for part in parts)

    def disjunction(self, *parts: Predicate) -> Predicate:
        return lambda member: any(part(member) for part in parts)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Compile())


@lru_cache(maxsize=256)
def compile_filter(text: str) -> Predicate:
    """Return a predicate on resources. Raises :class:`BadFilter`."""
    if len(text) > LONGEST or text.count("(") + text.count("not") > DEEPEST:
        raise BadFilter(text)
    try:
        predicate: Predicate = _parser().parse(text)  # type: ignore[assignment]
    except LarkError:
        raise BadFilter(text) from None
    return predicate
