"""Which fields of a record an answer shows (CREST ``_fields``).

Pure: called by :mod:`.query` and by faces that show one record; knows :mod:`.pointer` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from odimra.records.errors import BadQuery
from odimra.records.model import ID, REV, Record
from odimra.records.pointer import MISSING, BadPointer, Pointer, get, parse


def parse_fields(texts: Sequence[str]) -> tuple[Pointer, ...]:
    """Return the pointers in ``texts``; none of them means all fields, as ``*`` does.

    Raises :class:`BadQuery`.
    """
    fields = []
    for text in texts:
        if text == "*":
            return ()
        try:
            fields.append(parse(text))
        except BadPointer as error:
            raise BadQuery("_fields", str(error)) from None
    return () if () in fields else tuple(fields)


def shown(record: Record, fields: Sequence[Pointer]) -> dict[str, Any]:
    """Return ``_id``, ``_rev`` and what is at ``fields``; all of the record when there are none."""
    return picked(record.full, fields)


def picked(full: Mapping[str, Any], fields: Sequence[Pointer]) -> dict[str, Any]:
    """Return what :func:`shown` does, of anything that CREST shows.

    An element of an array is shown under its index, as a member of an object.
    """
    if not fields:
        return dict(full)
    found = {name: full[name] for name in (ID, REV) if name in full}
    for pointer in fields:
        value = get(full, pointer)
        if value is not MISSING:
            _place(found, pointer, value)
    return found


def _place(found: dict[str, Any], pointer: Pointer, value: Any) -> None:
    *parents, last = pointer
    place = found
    for name in parents:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            return  # it is within what another field shows already
        place[name] = place = dict(inner)
    place[last] = value
