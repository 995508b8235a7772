"""What a record is: its type, its id, its content, and what of these can be one.

Pure: used by :mod:`.records`, :mod:`.query` and whoever shows records. Knows the errors only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from odimra.records.errors import BadRecord, RecordTooLarge

#: The properties that are not content: what a record is called and how it was last changed.
ID: Final = "_id"
REV: Final = "_rev"
#: Longest id, in bytes of UTF-8.
LONGEST_ID: Final = 255

# No ":", which separates the parts of a key: no type and id are the key of another two.
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What records there may be.

    ``types`` are names such as ``managed/user``, in which ``*`` stands for any characters but a
    slash. ``max_bytes`` is the longest content (compact JSON), ``max_records`` how many there may
    be of one type, ``max_sorted`` how many a query puts in order at a time, ``max_results`` how
    many one answer to a query holds.
    """

    types: tuple[str, ...] = ("managed/*",)
    max_bytes: int = 262_144
    max_records: int = 10_000_000
    max_sorted: int = 10_000
    max_results: int = 10_000


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was when it was read; ``content`` without ``_id`` and ``_rev``.

    ``size`` is about how many bytes of JSON it was read from.
    """

    type: str
    id: str
    rev: str
    content: dict[str, Any] = field(repr=False)
    size: int = field(default=0, compare=False, repr=False)

    @property
    def full(self) -> dict[str, Any]:
        """The record as CREST shows it: ``_id`` and ``_rev`` first."""
        return {ID: self.id, REV: self.rev, **self.content}


@dataclass(frozen=True, slots=True)
class Sourced:
    """A record that is made elsewhere; ``mark`` differs whenever the content does."""

    id: str
    mark: str
    content: dict[str, Any] = field(repr=False)


class Source(Protocol):
    """Where the records of a type come from that are not kept here. May raise StoreUnavailable."""

    async def page(self, after: str, size: int) -> Sequence[Sourced]:
        """Return at most ``size`` with an id behind ``after``, by the bytes of their ids."""

    async def read_many(self, ids: Sequence[str]) -> Sequence[Sourced | None]:
        """Return those with these ids, None for each that there is not."""

    async def count(self) -> int:
        """Return how many there are."""


def matcher(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return what matches the types that ``patterns`` allow."""
    anything = "[^/]*".join
    return re.compile("|".join(anything(map(re.escape, one.split("*"))) for one in patterns))


def check_type(type: str) -> None:
    """Raise :class:`BadRecord` unless ``type`` could be one."""
    if not _TYPE.fullmatch(type):
        raise BadRecord(
            "type", "is two names with a slash between them, such as managed/user, each of at most "
            "64 letters, digits, '_', '-' and '.'"
        )  # fmt: skip


def check_id(id: str) -> None:
    """Raise :class:`BadRecord` unless ``id`` could be one."""
    if not id or id in (".", ".."):
        raise BadRecord(ID, "must be a name")
    if "/" in id or not id.isprintable():
        raise BadRecord(ID, "may hold neither '/' nor characters that cannot be printed")
    if len(id.encode()) > LONGEST_ID:
        raise BadRecord(ID, f"is longer than {LONGEST_ID} bytes")


def encode(content: Mapping[str, Any], limit: int) -> bytes:
    """Return ``content`` as it is kept: compact JSON without ``_id`` and ``_rev``.

    Raises :class:`BadRecord`, :class:`RecordTooLarge`.
    """
    if not isinstance(content, Mapping):
        raise BadRecord("content", "must be a JSON object")
    kept = content
    if ID in content or REV in content:
        kept = {name: value for name, value in content.items() if name not in (ID, REV)}
    try:
        doc = orjson.dumps(kept)
    except orjson.JSONEncodeError as error:
        # Numbers beyond 64 bits, half characters, nesting beyond reason; the text holds no values.
        raise BadRecord("content", f"cannot be kept as JSON: {error}") from None
    if len(doc) > limit:
        raise RecordTooLarge(len(doc), limit)
    return doc


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON, in whichever order their members are.

    To Python ``True`` is 1 and 1 is 1.0.
    """
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=sort) == orjson.dumps(other, option=sort)


def revision(mark: str, rev: str) -> str:
    """Return the revision of a record of a source: it moves on with the source and what is beside.

    ``rev`` is that of what is kept beside it, "" for nothing.
    """
    return f"{mark}-{rev or '0'}"


def merged(source: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a source says, and what is kept beside it where the source says nothing.

    Objects that both have are merged; of all else the source's own value is the true one.
    """
    both = dict(source)
    for name, value in beside.items():
        own = both.setdefault(name, value)
        if own is not value and isinstance(own, dict) and isinstance(value, dict):
            both[name] = merged(own, value)
    return both
