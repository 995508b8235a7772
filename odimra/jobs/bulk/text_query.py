"""Filters in words, midPoint's query language: ``name startsWith "j" and not (title exists)``.

``and`` binds tighter than ``or``, ``not`` tighter than both. Used by :mod:`.element_query`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from odimra.jobs.bulk import predicates
from odimra.jobs.bulk.errors import BadQuery, BadScript
from odimra.jobs.bulk.paths import Path, parse_path
from odimra.jobs.bulk.predicates import MATCHING, any_value, local, ordered, textual
from odimra.records.conditions import All, Not, Some, Tree, condition

#: Longest text, in characters, and how deep parentheses may be nested.
LONGEST: Final = 65_536
DEEPEST: Final = 100

# A word is an operator behind a path, and a path where a condition begins: the lexer asks which.
GRAMMAR = r"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: condition (_AND condition)*
    ?condition: primary | _NOT condition          -> inversion
    ?primary: "(" disjunction ")"
        | PATH compared
    ?compared: SIGN rule? operand                 -> order
        | _NOT WORD rule? operand?                -> negated_word
        | WORD rule? operand?                     -> word
        | _NOT MATCHES "(" disjunction ")"        -> negated_matches
        | MATCHES "(" disjunction ")"             -> matches
    rule: "[" RULE "]"
    ?operand: value | "(" value ("," value)* ")"  -> many
    ?value: TEXT -> text | NUMBER -> number | VARIABLE -> variable | NAME -> name

    _OR.5: /or\b/i
    _AND.5: /and\b/i
    _NOT.5: /not\b/i
    MATCHES.5: /matches\b/
    SIGN: "<=" | ">=" | "!=" | "<" | ">" | "="
    WORD.4: /[A-Za-z]+/
    RULE: /[A-Za-z:]+/
    PATH.2: /(?:[.@#]|[A-Za-z_][\w.:\-]*)(?:\/(?:[@#.]|[A-Za-z_][\w.:\-]*)|\[\d+\])*/
    NAME.1: /[A-Za-z_][\w:\/\-]*/
    VARIABLE: /\$[A-Za-z_]\w*/
    NUMBER: /-?\d+(\.\d+)?([eE][+-]?\d{1,2})?(?![\w.\-:])/
    TEXT: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
    %ignore /\s+/
"""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
#: Words that midPoint has, and no object here could tell.
UNSUPPORTED = frozenset(
    {
        *("inOrg", "isRoot", "isInSubtree", "fullText", "levenshtein", "similarity"),
        *("referencedBy", "ownedBy", "isChildOf"),
    }
)


#: Paths whose values are names, which may stand without quotes.
_NAMES = (("relation",), ("targetType",), ("type",))


@dataclass(frozen=True, slots=True)
class _Operand:
    """Constants of a condition, or the path of another item."""

    values: tuple[Any, ...] = ()
    path: Path | None = None


def parse_text(text: str, variables: Mapping[str, Any]) -> Tree:
    """Return the conditions of a filter in words. Raises BadQuery."""
    if len(text) > LONGEST:
        raise BadQuery("text", f"is longer than {LONGEST} characters")
    if _depth(text) > DEEPEST:
        raise BadQuery("text", f"parentheses are nested more than {DEEPEST} deep")
    try:
        tree = _parser().parse(text)
        return _Build(variables).transform(tree) if not isinstance(tree, Token) else True
    except VisitError as error:
        if isinstance(error.orig_exc, BadQuery):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        place = getattr(error, "pos_in_stream", None)
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        where = "at its end" if ended or place is None else f"at character {place + 1}"
        raise BadQuery("text", f"cannot be understood {where}") from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*+"|\'(?:[^\'\\]|\\.)*+\'|[()]', text, re.DOTALL):
        if token[0] in "()":
            depth += 1 if token[0] == "(" else -1
            deepest = max(deepest, depth)
    return deepest


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # LALR: time in proportion to the text, and a stack of its own instead of Python's.
    return Lark(GRAMMAR, parser="lalr", lexer="contextual")


@v_args(inline=True)
class _Build(Transformer[Token, Any]):
    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self._variables = variables

    def disjunction(self, *parts: Tree) -> Tree:
        return Some(parts)

    def conjunction(self, *parts: Tree) -> Tree:
        return All(parts)

    def inversion(self, part: Tree) -> Tree:
        return Not(part)

    def primary(self, path: Token, compared: Any) -> Tree:
        return compared(str(path))  # type: ignore[no-any-return]  # made below

    # What is asked of a path

    def order(self, sign: Token, *rest: Any) -> Any:
        rule, operand = _rest(rest)
        name = str(sign)
        assert operand is not None

        def build(path: str) -> Tree:
            where, sign = _path(path), "=" if name == "!=" else name
            values = operand.values
            if operand.path is not None and where[-1:] in _NAMES:
                values = (local("/".join(operand.path)),)
            elif operand.path is not None:
                test: Tree = predicates.same(where, operand.path, sign)
                return Not(test) if name == "!=" else test
            if values in ((None,), ()):
                test = Not(predicates.present(where))
            else:
                test = any_value(where, _one_of([ordered(sign, one, exact=rule) for one in values]))
            return Not(test) if name == "!=" else test

        return build

    def word(self, word: Token, *rest: Any) -> Any:
        rule, operand = _rest(rest)
        return lambda path: self._worded(str(word), path, operand, exact=rule)

    def negated_word(self, word: Token, *rest: Any) -> Any:
        rule, operand = _rest(rest)
        return lambda path: Not(self._worded(str(word), path, operand, exact=rule))

    def matches(self, _: Token, inner: Tree) -> Any:
        return lambda path: predicates.inside(_path(path), condition(inner))

    def negated_matches(self, _: Token, inner: Tree) -> Any:
        return lambda path: Not(predicates.inside(_path(path), condition(inner)))

    @staticmethod
    def _worded(word: str, path: str, operand: _Operand | None, *, exact: bool) -> Tree:
        if word in UNSUPPORTED:
            raise BadQuery(word, "is not supported by this service")
        if word == "exists":
            if operand is not None:
                raise BadQuery("exists", "takes no value")
            return predicates.present(_path(path))
        values = [] if operand is None else [one for one in operand.values if one is not None]
        if operand is not None and operand.path is not None:
            values = ["/".join(operand.path)] if word in ("type", "ofType") else []
        if word in ("inOid", "type", "ofType", *predicates.TEXTS, "anyIn", "equal") and not values:
            raise BadQuery(word, "takes a value")
        match word:
            case "inOid":
                return predicates.has_oid(map(str, values))
            case "type" | "ofType":
                return predicates.is_type(str(values[0]))
            case "anyIn" | "equal":
                tests = [ordered("=", value, exact=exact) for value in values]
                return any_value(_path(path), _one_of(tests))
            case _ if word in predicates.TEXTS:
                texts = [textual(word, str(value), exact=exact) for value in values]
                return any_value(_path(path), _one_of(texts))
        raise BadQuery(word, "is no operator")

    # Values

    def rule(self, name: Token) -> bool:
        exact = MATCHING.get(local(str(name)))
        if exact is None:
            raise BadQuery(f"[{name}]", "is no matching rule")
        return exact

    def many(self, *operands: _Operand) -> _Operand:
        return _Operand(tuple(value for one in operands for value in one.values))

    def text(self, token: Token) -> _Operand:
        return _Operand((_ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), token[1:-1]),))

    def number(self, token: Token) -> _Operand:
        text = str(token)
        whole = text.removeprefix("-").isdigit() and len(text) < 19
        return _Operand((int(text) if whole else float(text),))

    def variable(self, token: Token) -> _Operand:
        name = token[1:]
        if name not in self._variables:
            raise BadQuery(str(token), "is no variable of the script")
        value = self._variables[name]
        return _Operand(tuple(value) if isinstance(value, list) else (value,))

    def name(self, token: Token) -> _Operand:
        word = str(token)
        if word in ("true", "false"):
            return _Operand((word == "true",))
        if word == "null":
            return _Operand((None,))
        return _Operand(path=_path(word))


def _one_of(tests: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _rest(rest: tuple[Any, ...]) -> tuple[bool, _Operand | None]:
    """Return whether case counts, and the operand, of what may stand behind an operator."""
    exact, operand = True, None
    for one in rest:
        if isinstance(one, bool):
            exact = one
        elif one is not None:
            operand = one
    return exact, operand


def _path(text: str) -> Path:
    if text in (".", "@"):
        return ()
    if text == "#":
        return ("oid",)
    if "@" in text or text.startswith((".", "#")):
        raise BadQuery(text, "leads to other objects, which is not supported by this service")
    try:
        return parse_path(text, "path")
    except BadScript as error:
        raise BadQuery("", str(error)) from None
