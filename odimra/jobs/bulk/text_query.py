"""Filters in words, midPoint's query language: ``name startsWith "j" and not (title exists)``.

``and`` binds tighter than ``or``, ``not`` tighter than both. Used by :mod:`.element_query`; this is
the language, :mod:`.words` is what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from odimra.jobs.bulk import words
from odimra.jobs.bulk.errors import BadQuery
from odimra.jobs.bulk.words import Operand
from odimra.records.conditions import All, Not, Some, Tree

#: Longest text, in characters, how deep parentheses may be nested, and those of "matches" in them.
LONGEST: Final = 65_536
DEEPEST: Final = 256
DEEPEST_MATCHES: Final = 32

# Only a quote of its own kind is escaped in a text; any other backslash is one. What is no escape
# where the text would not end otherwise is none: "C:\" is three characters.
# (A backslash right before a quote would not survive what lark does to patterns.)
_TEXT = r'"""\r?\n[\s\S]*?"""|"(?:[\\]["]|[^"])*"' + r"|'(?:[\\][']|[^'])*'"
_NAME = r"[^\W\d][\w.:\-]*"
_SEGMENT = rf"(?:\.\.?(?![\w.])|[@#]?{_NAME}(?:@{_NAME})?|[@#])"

# A word is an operator behind a path, and a path where a condition begins: the lexer asks which.
GRAMMAR: Final = rf"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: condition (_AND condition)*
    ?condition: primary | _NOT condition           -> inversion
    ?primary: "(" disjunction ")"
        | PATH SIGN rule? operand                  -> asked
        | PATH WORD rule? operand?                 -> asked
        | PATH _NOT WORD rule? operand?            -> refused
        | PATH MATCHES "(" disjunction ")"         -> matched
        | PATH _NOT MATCHES "(" disjunction ")"    -> unmatched
    rule: "[" RULE "]"
    ?operand: value | "(" value ("," value)* ")"   -> many
    ?value: TEXT -> text | NUMBER -> number | VARIABLE -> variable | NAME -> name

    _OR.5: /or(?![\w.:\/\-])/i
    _AND.5: /and(?![\w.:\/\-])/i
    _NOT.5: /not(?![\w.:\/\-])/i
    MATCHES.5: /matches\b/
    SIGN: "<=" | ">=" | "!=" | "<" | ">" | "="
    WORD.4: /[A-Za-z]+/
    RULE: /[A-Za-z_:]+/
    PATH.2: /{_SEGMENT}(?:\[[0-9]+\])?(?:\/{_SEGMENT}(?:\[[0-9]+\])?)*/
    NAME.1: /{_SEGMENT}(?:\/{_SEGMENT})*/
    VARIABLE: /\$[^\W\d]\w*/
    NUMBER: /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{{1,2}})?(?![\w.\-:])/
    TEXT: /{_TEXT}/
    %ignore /\s+/
    %ignore /\/\/[^\r\n]*/
"""

#: What counts in a text before it is parsed: its strings and comments do not, nor what is unclosed.
_PIECE = re.compile(
    rf"(?P<quiet>{_TEXT}|[\"'][\s\S]*|//[^\r\n]*)|(?P<matches>\bmatches\s*+\()|[()]"
)
#: An operator, that is behind a path, of those that are not supported.
_UNSUPPORTED = re.compile(
    r"(?:(?<!\b(?i:and))(?<!\b(?i:or))(?<!\b(?i:not))(?<=[\w.@#\]])\s+|\b(?i:not)\s+)"
    rf"({'|'.join(sorted(words.UNSUPPORTED))})\b(?!\s*[/.:=<>!-])",
)


def parse_text(text: str, variables: Mapping[str, Any]) -> Tree:
    """Return the conditions of a filter in words. Raises BadQuery."""
    if len(text) > LONGEST:
        raise BadQuery("text", f"is longer than {LONGEST} characters")
    _bounded(text)
    try:
        tree: Tree = _Build(variables).transform(_parser().parse(text))
    except VisitError as error:
        if isinstance(error.orig_exc, BadQuery):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        found = _UNSUPPORTED.search(_PIECE.sub(_unquoted, text))
        if found is not None:
            raise BadQuery(found[1], "is not supported by this service") from None
        place = getattr(error, "pos_in_stream", None)
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        where = "at its end" if ended or place is None else f"at character {place + 1}"
        raise BadQuery("text", f"cannot be understood {where}") from None
    return tree


def _unquoted(piece: re.Match[str]) -> str:
    return '""' if piece["quiet"] else piece[0]


def _bounded(text: str) -> None:
    # Of each parenthesis that is open, whether it is one of "matches".
    stack: list[bool] = []
    matches = 0
    for piece in _PIECE.finditer(text):
        if piece["quiet"]:
            continue
        if piece[0] != ")":
            stack.append(piece["matches"] is not None)
            matches += stack[-1]
        elif stack:
            matches -= stack.pop()
        if len(stack) > DEEPEST:
            raise BadQuery("text", f"parentheses are nested more than {DEEPEST} deep")
        if matches > DEEPEST_MATCHES:
            raise BadQuery("matches", f"is nested more than {DEEPEST_MATCHES} deep")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # LALR: time in proportion to the text, and a stack of its own instead of Python's.
    return Lark(GRAMMAR, parser="lalr", lexer="contextual")


@v_args(inline=True)
class _Build(Transformer_NonRecursive[Token, Any]):
    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self._variables = variables

    def disjunction(self, *parts: Tree) -> Tree:
        return Some(parts)

    def conjunction(self, *parts: Tree) -> Tree:
        return All(parts)

    def inversion(self, part: Tree) -> Tree:
        return Not(part)

    def asked(self, path: Token, word: Token, *rest: Any) -> Tree:
        rule, operand = None, None
        for one in rest:
            if isinstance(one, Operand):
                operand = one
            else:
                rule = one
        return words.condition_of(str(path), str(word), rule, operand)

    def refused(self, path: Token, word: Token, *rest: Any) -> Tree:
        return Not(self.asked(path, word, *rest))

    def matched(self, path: Token, _: Token, inner: Tree) -> Tree:
        return words.matching(str(path), inner)

    def unmatched(self, path: Token, _: Token, inner: Tree) -> Tree:
        return Not(words.matching(str(path), inner))

    def rule(self, name: Token) -> str:
        return str(name)

    def many(self, *operands: Operand) -> Operand:
        return words.joined(operands)

    def text(self, token: Token) -> Operand:
        if token.startswith('"""'):
            return Operand((token[3:-3].lstrip("\r").removeprefix("\n"),))
        return Operand((token[1:-1].replace("\\" + token[0], token[0]),))

    def number(self, token: Token) -> Operand:
        return Operand((words.number(str(token)),))

    def variable(self, token: Token) -> Operand:
        name = token[1:]
        if name not in self._variables:
            raise BadQuery(str(token), "is no variable of the script")
        return words.value_of(self._variables[name])

    def name(self, token: Token) -> Operand:
        return words.named(str(token))
