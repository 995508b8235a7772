"""Values that have a type beside them: XML's ``xsi:type``, YAML's tags, ``@type`` of a ``@value``.

Pure. Called by the readers. Numbers mean what they mean in JSON (:mod:`odimra.wire`).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from odimra.midpoint.document import BadDocument
from odimra.wire import LONGEST_NUMBER

_INTEGERS: Final = frozenset(
    {
        "int",
        "integer",
        "long",
        "short",
        "byte",
        "unsignedInt",
        "unsignedLong",
        "unsignedShort",
        "unsignedByte",
        "nonNegativeInteger",
        "positiveInteger",
    }
)
_FRACTIONS: Final = frozenset({"decimal", "double", "float"})
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: A number as JSON writes it.
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def typed(text: str, kind: str) -> Any:
    """Return the value that ``text`` has as the type ``kind`` of XML Schema.

    Types other than numbers and truth values leave it a text. Raises :class:`BadDocument`.
    """
    if kind == "boolean":
        if (truth := _TRUTHS.get(text.strip())) is None:
            raise BadDocument("a boolean must be true or false")
        return truth
    if kind in _INTEGERS:
        return _number(text.strip(), _INTEGER, kind)
    if kind in _FRACTIONS:
        return _number(text.strip(), _FRACTION, kind)
    return text


def is_number(text: str) -> bool:
    """Tell whether ``text`` is a number as JSON writes it."""
    return JSON_NUMBER.fullmatch(text) is not None


def number(text: str) -> int | float:
    """Return the number that ``text`` is in JSON. Raises :class:`BadDocument`."""
    return _number(text, _FRACTION, "number")


def _number(text: str, pattern: re.Pattern[str], kind: str) -> int | float:
    if len(text) > LONGEST_NUMBER:
        raise BadDocument("a number is too long")
    if not pattern.fullmatch(text):
        raise BadDocument(f"a value is no {kind}")
    if _INTEGER.fullmatch(text):
        whole = int(text)
        # As in JSON: longer than 64 bits can be compared, but not be stored as it is.
        return whole if -(2**63) <= whole < 2**63 else float(whole)
    value = float(text)
    if not math.isfinite(value):
        raise BadDocument("a number is too large")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
