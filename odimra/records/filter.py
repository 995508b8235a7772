"""``_queryFilter``: which records are meant.

The language and its meaning are those of CREST's evaluator in memory. ``and`` binds tighter than
``or``, ``!`` tighter than both; text is compared without regard to case. This is the language,
:mod:`.conditions` is what it says. Pure: called by queries and by scans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedToken, v_args
from lark.lexer import Lexer

from odimra.records.conditions import (
    All,
    Not,
    Some,
    Test,
    Tree,
    compares,
    condition,
    is_present,
    meeting,
)
from odimra.records.pointer import BadPointer, Pointer, parse

#: Longest expression, in characters: one that is compiled within a fraction of a second.
LONGEST: Final = 65_536
#: How deeply parentheses may be nested.
DEEPEST: Final = 256

# Any word may be a property or an operator, whatever it means elsewhere ("or eq 1" asks for a
# property "or"); but a condition that starts with "true", "false" or "!" is what these say.
GRAMMAR = """
    ?start: disjunction
    ?disjunction: conjunction (OR conjunction)*
    ?conjunction: condition (AND condition)*
    ?condition: primary | NOT primary       -> inversion
    ?primary: OPEN disjunction CLOSE        -> nested
        | TRUE                              -> always
        | FALSE                             -> never
        | property PR                       -> presence
        | property operation value          -> comparison
    ?property: WORD | AND | OR | PR
    ?operation: WORD | AND | OR | TRUE | FALSE
    ?value: WORD | TRUE | FALSE | TEXT
    %declare OPEN CLOSE NOT AND OR PR TRUE FALSE WORD TEXT
"""

# Only U+0020 separates words, and a quote opens a text only where a token starts. Within a text
# a backslash makes the next character an ordinary one, whichever it is.
_TOKEN = re.compile(
    r"""
    \ *+ (?:
        (?P<bracket> [()] )
      | "(?P<double> (?: [^"\\]++ | \\. )*+ )"
      | '(?P<single> (?: [^'\\]++ | \\. )*+ )'
      | (?P<unclosed> ["'] )
      | (?P<word> [^ ()]++ )
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORDS: Mapping[str, str] = {
    "(": "OPEN",
    ")": "CLOSE",
    "!": "NOT",
    "and": "AND",
    "or": "OR",
    "pr": "PR",
    "true": "TRUE",
    "false": "FALSE",
}

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EXTENDED = re.compile(r"[A-Za-z0-9_.]+")


class BadFilter(ValueError):
    """The expression is none of the language; the text says what is wrong with it, and where."""


def _wrong(what: str, position: int | None) -> BadFilter:
    where = "at the end" if position is None else f"at character {position + 1}"
    return BadFilter(f"{what} ({where} of the filter)")


class _Words(Lexer):
    """Cuts a filter into tokens as CREST does; lark's own lexers know no such rules."""

    def __init__(self, conf: object) -> None:
        """Take what lark gives to a lexer, of which nothing is needed."""

    def lex(self, text: str) -> Iterator[Token]:  # type: ignore[override]
        """Yield the tokens of ``text``; lark asks for one after the other."""
        end = len(text.rstrip(" "))
        at = depth = 0
        while at < end:
            match = _TOKEN.match(text, at)
            assert match is not None, "every character begins some token"
            kind, at = str(match.lastgroup), match.end()
            value, start = match[kind], match.start(kind)
            if kind == "unclosed":
                raise _wrong("a text is opened by a quote and never closed", start)
            if kind in ("double", "single"):
                yield Token("TEXT", _ESCAPE.sub(r"\1", value), start - 1)
                continue
            depth += {"(": 1, ")": -1}.get(value, 0)
            if depth > DEEPEST:
                raise _wrong(f"parentheses are nested more than {DEEPEST} deep", start)
            yield Token(_WORDS.get(value.lower(), "WORD"), value, start)


def _number(token: Token) -> float:
    if _DECIMAL.fullmatch(token):
        return float(token)
    if _INTEGER.fullmatch(token) and -(2**63) <= int(token) < 2**63:
        return float(int(token))
    raise _wrong(
        "the value must be a text in quotes, a number such as 5 or 2.5, true or false",
        token.start_pos,
    )


@v_args(inline=True)
class _Build(Transformer[Token, Tree]):
    def disjunction(self, *parts: Any) -> Tree:
        return Some(parts[::2])

    def conjunction(self, *parts: Any) -> Tree:
        return All(parts[::2])

    def inversion(self, _: Token, part: Tree) -> Tree:
        return Not(part)

    def nested(self, _: Token, part: Tree, __: Token) -> Tree:
        return part

    def always(self, _: Token) -> Tree:
        return True

    def never(self, _: Token) -> Tree:
        return False

    def presence(self, name: Token, _: Token) -> Tree:
        return is_present(self._pointer(name))

    def comparison(self, name: Token, operation: Token, value: Token) -> Tree:
        if not _EXTENDED.fullmatch(operation):
            raise _wrong("an operator is made of letters, digits, _ and .", operation.start_pos)
        pointer = self._pointer(name)
        constant: str | float | bool
        if value.type == "TEXT":
            constant = str(value)
        elif value.type == "WORD":
            constant = _number(value)
        else:
            constant = value.type == "TRUE"
        meets = meeting(operation.lower(), constant)
        # Operators that others may have are part of the language: here they are met by nothing.
        return meets is not None and compares(pointer, meets)

    @staticmethod
    def _pointer(token: Token) -> Pointer:
        try:
            return parse(token)
        except BadPointer as error:
            raise _wrong(str(error), token.start_pos) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # LALR: time in proportion to the text, and a stack of its own instead of Python's.
    return Lark(GRAMMAR, parser="lalr", lexer=_Words, transformer=_Build())


def _unexpected(error: UnexpectedToken) -> BadFilter:
    token, expected = error.token, error.expected
    position = None if token.type == "$END" else token.start_pos
    if "OPEN" in expected:
        what = "a condition is missing: property, operator and value, or one in parentheses"
    elif "PR" in expected:
        what = "an operator is missing behind the property, such as eq or pr"
    elif "TEXT" in expected:
        what = "a value is missing: a text in quotes, a number, true or false"
    elif position is None:
        what = "a parenthesis is opened and never closed"
    elif token.type == "CLOSE":
        what = "a parenthesis is closed that was never opened"
    else:
        what = "behind a condition stands neither and, or nor a parenthesis"
    return _wrong(what, position)


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter: call it with a record, or in a hot loop call :attr:`matches`."""

    #: The filter as it was given.
    text: str
    #: Whether it was understood only after it was put in parentheses.
    mended: bool
    #: Whether a record (its content, parsed) is meant. Never raises, whatever the record holds.
    matches: Test = field(repr=False, compare=False)

    def __call__(self, record: Mapping[str, Any]) -> bool:
        """Return whether ``record`` is meant."""
        return self.matches(record)


def _compiled(text: str) -> Test:
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedToken as error:
        raise _unexpected(error) from None
    return condition(tree)


def compile_filter(text: str, *, lenient: bool = False) -> Filter:
    """Compile ``text``. Raises :class:`BadFilter`.

    If it is none of the language, ``lenient`` tries once more with one pair of parentheses around
    it, for a filter that is printed with its outermost ones lost; :attr:`Filter.mended` says that
    this was needed. What is right as it is keeps its meaning.
    """
    if len(text) > LONGEST:
        raise BadFilter(f"the filter is longer than {LONGEST} characters")
    try:
        return Filter(text, False, _compiled(text))
    except BadFilter:
        if not lenient:
            raise
        try:
            return Filter(text, True, _compiled(f"({text})"))
        except BadFilter:
            pass  # what is wrong with the text as it was given is what is told
        raise
