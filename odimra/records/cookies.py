"""Cookies of paged queries: behind which record the next page begins.

A cookie names the last record's place in the order, not a number of records to skip, so that
records that come and go do not shift the pages. It is opaque to clients, not secret: whoever makes
one up begins elsewhere in what may be read anyway. Called by :mod:`.query`.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from odimra.records.errors import BadQuery
from odimra.records.ordering import COMPOUND, NOTHING, NUMBER, TRUTH, WORDS, Key, SortKey

#: What a cookie holds of a value of each type.
_PARTS: Final[Mapping[int, tuple[type, ...]]] = {
    NOTHING: (int,),
    TRUTH: (bool,),
    NUMBER: (int, float),
    WORDS: (str,),
    COMPOUND: (int,),
}


def digest(type: str, filter: str | None, order: Sequence[SortKey]) -> str:
    """Return a mark of a query, so that the cookie of another one is told from its own."""
    named = [type, filter, [[*key.pointer, key.descending] for key in order]]
    return hashlib.sha256(orjson.dumps(named)).hexdigest()[:16]


def bake(mark: str, last: Key, passed: int) -> str:
    """Return the cookie of a page that ends with ``last``; ``passed`` results were shown so far."""
    made = orjson.dumps([mark, last.parts, last.id, passed])
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def read(text: str, mark: str, order: Sequence[SortKey]) -> tuple[Key, int]:
    """Return what :func:`bake` was given for the same query. Raises :class:`BadQuery`."""
    bad = BadQuery("_pagedResultsCookie", "is none that this service gave for this query")
    try:
        made, parts, id, passed = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError):
        raise bad from None
    sound = (
        made == mark
        and isinstance(id, str)
        and type(passed) is int
        and passed >= 0
        and isinstance(parts, list)
        and len(parts) == len(order)
        and all(map(_is_part, parts))
    )
    if not sound:
        raise bad
    return Key(order, [(kind, value) for kind, value in parts], id), passed


def _is_part(given: Any) -> bool:
    match given:
        case [int() as kind, value]:
            return type(value) in _PARTS.get(kind, ())
    return False
