"""A document into YAML, in block style. Called by :mod:`.media`.

What goes in has gone through :func:`.json_form.outward`; what comes out says the same to readers of
YAML 1.1 and 1.2: whatever one of them could take for anything but a text stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from odimra.midpoint import json_form
from odimra.midpoint.document import whole_characters

INDENT: Final = "  "
#: Longest text that YAML takes for a name without being told that it is one, in characters.
LONGEST_KEY: Final = 1000
#: Texts that are the same with and without quotes to everybody; see also _WORDS.
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
#: What JSON writes as it is and YAML does not read, or reads as the end of a line.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_NO_LITERAL: Final = "\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff"
#: Lines that can stand as they are: no blanks that open them or close them, nothing unprintable.
_LITERAL = re.compile(
    rf"(?:[^\s{_NO_LITERAL}](?:[^{_NO_LITERAL}]*[^\s{_NO_LITERAL}])?\n+)+",
)


def render(name: str, content: Any, kind: str) -> bytes:
    """Return the document ``name`` in YAML."""
    return "".join(_object(json_form.whole(name, content, kind), "")).encode()


def items(values: list[Any], indent: str) -> bytes:
    """Return ``values``, of which there are some, as the lines of a list."""
    return "".join(_list([json_form.outward(value) for value in values], indent)).encode()


def _object(members: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in members.items():
        key = _text(name)
        yield f"{indent}{key}:" if len(key) <= LONGEST_KEY else f"{indent}? {key}\n{indent}:"
        yield from _value(value, indent)


def _list(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict | list) and value:
            # Its first line goes behind the dash, which is as wide as a level.
            inner = indent + INDENT
            lines = _object(value, inner) if isinstance(value, dict) else _list(value, inner)
            yield f"{indent}- {next(lines)[len(inner) :]}"
            yield from lines
        else:
            yield f"{indent}-"
            yield from _value(value, indent)


def _value(value: Any, indent: str) -> Iterator[str]:
    """Yield what stands behind a name or a dash, to the end of the last line."""
    if isinstance(value, dict) and value:
        yield "\n"
        yield from _object(value, indent + INDENT)
    elif isinstance(value, list) and value:
        yield "\n"
        yield from _list(value, indent + INDENT)
    elif isinstance(value, str) and "\n" in value and _literal(value):
        yield f" {'|' if value.endswith(chr(10)) else '|-'}\n"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{indent}{INDENT}{line}\n" if line else "\n"
    else:
        yield f" {_scalar(value)}\n"


def _literal(text: str) -> bool:
    if text.endswith("\n\n"):
        return False
    return _LITERAL.fullmatch(text if text.endswith("\n") else text + "\n") is not None


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    text = orjson.dumps(value).decode()
    return _power_of_ten(text) if isinstance(value, float) else text


def _power_of_ten(text: str) -> str:
    """Return a number as YAML 1.1 wants it, with a point, and a sign of the power."""
    figures, power, exponent = text.partition("e")
    if not power:
        return text
    sign = "" if exponent.startswith(("-", "+")) else "+"
    return f"{figures}{'' if '.' in figures else '.0'}e{sign}{exponent}"


def _text(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = orjson.dumps(whole_characters(text)).decode()
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
