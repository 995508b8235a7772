"""The order of a query's results: by the values at pointers, then by id, so that no two are equal.

Pure: called by :mod:`.query`; knows :mod:`.pointer` and the errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from odimra.records.errors import BadQuery
from odimra.records.pointer import BadPointer, Pointer, get, parse

#: Pointers that results are ordered by, at most.
MOST: Final = 8
#: Texts are told apart by so many characters; a cookie holds them, and has to fit into a URL.
TEXT: Final = 128

#: Values of one type are compared with each other; types come in this order.
NOTHING, TRUTH, NUMBER, WORDS, COMPOUND = range(5)

#: A value as it is compared: its type's place, and what of it decides.
Part = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class SortKey:
    """What results are ordered by: the value at ``pointer``."""

    pointer: Pointer
    descending: bool


def parse_sort_keys(texts: Sequence[str]) -> tuple[SortKey, ...]:
    """Return ``+/name``, ``-/age`` and the like, read. Raises :class:`BadQuery`."""
    if len(texts) > MOST:
        raise BadQuery("_sortKeys", f"there are {len(texts)} of them, at most {MOST} are taken")
    keys = []
    for text in texts:
        try:
            pointer = parse(text[1:] if text[:1] in ("+", "-") else text)
        except BadPointer as error:
            raise BadQuery("_sortKeys", str(error)) from None
        if not pointer:
            raise BadQuery("_sortKeys", "a pointer such as /name is missing")
        keys.append(SortKey(pointer, text.startswith("-")))
    return tuple(keys)


def part(value: Any) -> Part:
    """Return what decides the place of a value. Texts are compared as a filter compares them."""
    match value:
        case bool():
            return (TRUTH, value)
        case int() | float():
            return (NUMBER, value)
        case str():
            return (WORDS, value.lower()[:TEXT])
        case dict() | list():
            return (COMPOUND, 0)
    return (NOTHING, 0)


class Key:
    """The place of a record among others of the same order."""

    __slots__ = ("id", "order", "parts")

    def __init__(self, order: Sequence[SortKey], parts: Sequence[Part], id: str) -> None:
        self.order = order
        self.parts = tuple(parts)
        self.id = id

    @classmethod
    def of(cls, order: Sequence[SortKey], id: str, full: Mapping[str, Any]) -> Key:
        """Return the place of the record ``full``."""
        return cls(order, [part(get(full, key.pointer)) for key in order], id)

    def __lt__(self, other: Key) -> bool:
        for key, mine, theirs in zip(self.order, self.parts, other.parts, strict=True):
            if mine != theirs:
                return (mine > theirs) is key.descending
        # By code points, which is the order of the bytes of UTF-8 as well.
        return self.id < other.id


class Smallest:
    """The first ``room`` of however many keys come by, in memory for twice as many."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: list[Key] = []
        self._last: Key | None = None

    def add(self, keys: Iterable[Key]) -> None:
        """Look at some more."""
        for key in keys:
            if self._last is None or key < self._last:
                self._held.append(key)
                if len(self._held) >= 2 * self._room:
                    self._cut()

    def _cut(self) -> None:
        self._held.sort()
        del self._held[self._room :]
        if len(self._held) == self._room:
            self._last = self._held[-1]

    def in_order(self) -> list[Key]:
        """Return them."""
        self._cut()
        return list(self._held)
