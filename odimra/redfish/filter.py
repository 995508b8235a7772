"""``$filter``: which members of a collection are meant (DSP0266, query parameters).

Operators by binding strength: parentheses, ``not``, ``gt ge lt le``, ``eq ne``, ``and``, ``or``.
Operands are properties, nested ones with slashes, and literals: strings in single quotes (two of
them mean one), numbers, ``true``, ``false``, ``null``. Pure; called by :mod:`.query`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError, VisitError

#: Longest expression, in characters, and how deeply its operators may be nested.
LONGEST = 4000
DEEPEST = 50

GRAMMAR = r"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: equality (_AND equality)*
    ?equality: relation (EQUALITY relation)*       -> chain
    ?relation: negation (RELATION negation)*       -> chain
    ?negation: _NOT negation                       -> inversion
        | "(" disjunction ")"
        | PATH                                     -> property
        | STRING                                   -> string
        | NUMBER                                   -> number
        | WORD                                     -> word
    _OR.3: /or(?![\w@#.\/])/
    _AND.3: /and(?![\w@#.\/])/
    _NOT.3: /not(?![\w@#.\/])/
    EQUALITY.3: /(eq|ne)(?![\w@#.\/])/
    RELATION.3: /(gt|ge|lt|le)(?![\w@#.\/])/
    WORD.3: /(true|false|null)(?![\w@#.\/])/
    PATH: /[A-Za-z_@#][\w.@#]*(?:\/[A-Za-z_@#][\w.@#]*)*/
    STRING: /'(?:[^']|'')*'/
    NUMBER: /[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/
    %ignore /[ \t]+/
"""

Evaluate = Callable[[Mapping[str, Any]], Any]
Predicate = Callable[[Mapping[str, Any]], bool]


class BadFilter(Exception):
    """The expression is none of the language, or is too long or nested too deeply."""


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


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
    return bool(_OPERATORS[word](left, right))


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression, and how deeply it is nested: evaluating it recurses that far.

    ``name`` is that of the property where the part is one.
    """

    value: Evaluate
    depth: int = 0
    name: str = ""


def above(value: Evaluate, *parts: Node) -> Node:
    """Return the node over ``parts``. Raises :class:`BadFilter` when that is too deep."""
    depth = 1 + max(part.depth for part in parts)
    if depth > DEEPEST:
        raise BadFilter
    return Node(value, depth)


@v_args(inline=True)
class Compiler(Transformer[Token, Node]):
    """Makes a predicate of an expression, from the leaves upwards.

    A language of more meaning than "this property of that resource" overrides what differs.
    """

    def string(self, token: Token) -> Node:
        """A literal."""
        text = token[1:-1].replace("''", "'")
        return Node(lambda member: text)

    def number(self, token: Token) -> Node:
        """A literal."""
        # An integer stays one: as a float, two long ones could be taken for the same.
        value = int(token) if token.lstrip("+-").isdigit() else float(token)
        return Node(lambda member: value)

    def word(self, token: Token) -> Node:
        """A literal: true, false, null."""
        value = _WORDS[token]
        return Node(lambda member: value)

    def property(self, token: Token) -> Node:
        """A property, nested ones with slashes."""
        names = str(token).split("/")

        def value(member: Mapping[str, Any]) -> Any:
            found: Any = member
            for name in names:
                if not isinstance(found, Mapping) or name not in found:
                    return None  # what is not there is as null
                found = found[name]
            return found

        return Node(value, name=str(token))

    def chain(self, first: Node, *rest: Any) -> Node:
        """Comparisons in a row, from left to right."""
        for word, right in zip(rest[::2], rest[1::2], strict=True):
            first = self.comparison(first, str(word), right)
        return first

    def comparison(self, left: Node, word: str, right: Node) -> Node:
        """Two operands and what is between them."""
        a, b = left.value, right.value
        return above(lambda member: compare(word, a(member), b(member)), left, right)

    def inversion(self, inner: Node) -> Node:
        """``not``: the opposite of a condition."""
        value = inner.value
        # What is not a boolean is not true, nor is its opposite: it is no condition at all.
        return above(lambda member: value(member) is False, inner)

    def conjunction(self, *parts: Node) -> Node:
        """``and``: all of them."""
        values = [part.value for part in parts]
        return above(lambda member: all(value(member) is True for value in values), *parts)

    def disjunction(self, *parts: Node) -> Node:
        """``or``: one of them at least."""
        values = [part.value for part in parts]
        return above(lambda member: any(value(member) is True for value in values), *parts)


def parser(compiler: Compiler) -> Lark:
    """Return what reads the language and compiles it on the way."""
    # LALR: time in proportion to the text, and a stack of its own instead of Python's.
    return Lark(GRAMMAR, parser="lalr", transformer=compiler)


def compiled(reader: Lark, text: str) -> Evaluate:
    """Return what ``reader`` makes of an expression. Raises :class:`BadFilter`."""
    if len(text) > LONGEST:
        raise BadFilter(text)
    try:
        node: Any = reader.parse(text)
    except VisitError as error:
        found = error.orig_exc
        raise (found if isinstance(found, BadFilter) else BadFilter(text)) from None
    except (LarkError, ValueError):
        raise BadFilter(text) from None
    evaluate: Evaluate = node.value
    return evaluate


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return parser(Compiler())


@lru_cache(maxsize=256)
def compile_filter(text: str) -> Predicate:
    """Return a predicate on resources. Raises :class:`BadFilter`."""
    evaluate = compiled(_parser(), text)

    def predicate(member: Mapping[str, Any]) -> bool:
        return evaluate(member) is True

    return predicate
