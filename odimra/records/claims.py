"""Records as those need them who work on them one by one, and remember on them that they do.

Besides content and revision a record's hash may say who has it in hand (``claim``) and until when
(``lease``, ms since the epoch). What is kept of a machine is only what somebody has put beside it:
what the machine says of itself is read from where it is, and never written.
Used by :mod:`.transaction` and by the scanner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from odimra.records.errors import ReadOnly
from odimra.records.model import Record, Sourced, merged, revision, same
from odimra.records.records import Records
from odimra.store import Script

READ = Script.from_package("odimra.records", "lua/read.lua")


@dataclass(frozen=True, slots=True)
class Kept:
    """A record: what is stored of it, and what else it shows.

    ``rev`` is "" and ``stored`` empty when nothing is stored (of a machine).
    """

    record: Record
    rev: str
    stored: dict[str, Any] = field(repr=False)
    source: dict[str, Any] | None = field(default=None, repr=False)
    mark: str = ""
    claim: str = ""
    lease: int = 0

    def shown(self, stored: dict[str, Any], rev: str) -> Record:
        """Return the record as it is with ``stored`` in the place of what is stored now."""
        type_, record_id = self.record.type, self.record.id
        if self.source is None:
            return Record(type_, record_id, rev, stored)
        both = merged(self.source, stored)
        return Record(type_, record_id, revision(self.mark, rev), both)

    def to_store(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return what has to be stored for the record to show ``content``.

        Raises :class:`~odimra.records.errors.ReadOnly` for what only the machine can change.
        """
        if self.source is None:
            return content
        return self._beside(self.source, content)

    def _beside(self, source: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in content.items():
            if name not in source:
                found[name] = value
            elif isinstance(value, dict) and isinstance(source[name], dict):
                inner = self._beside(source[name], value)
                if inner:
                    found[name] = inner
            elif not same(value, source[name]):
                # To show another value than the machine's own would be a lie.
                raise ReadOnly(self.record.type)
        if not source.keys() <= content.keys():
            raise ReadOnly(self.record.type)
        return found


async def read(records: Records, type_: str, ids: Sequence[str]) -> list[Kept | None]:
    """Return records with what is stored of them; None for those that there are not."""
    source = records.source(type_)
    told: Sequence[Sourced | None] = [None] * len(ids)
    if source is not None:
        told = await source.read_many(ids)
    begin = records.key(type_, "")
    # The index is only named: all keys of a store are in one slot of a Cluster.
    replies = await records.store.script(
        READ, keys=[records.store.keys.of("records", type_)], args=[begin, *ids]
    )
    found: list[Kept | None] = []
    for record_id, (doc, rev, claim, lease), said in zip(ids, replies, told, strict=True):
        if (said if source is not None else doc) is None:
            found.append(None)
            continue
        stored = {} if doc is None else orjson.loads(doc)
        last = "" if rev is None else rev.decode()
        if said is None:
            record = Record(type_, record_id, last, stored, 0 if doc is None else len(doc))
        else:
            both = merged(said.content, stored)
            record = Record(type_, record_id, revision(said.mark, last), both)
        found.append(
            Kept(
                record=record,
                rev=last,
                stored=stored,
                source=None if said is None else said.content,
                mark="" if said is None else said.mark,
                claim="" if claim is None else claim.decode(),
                lease=int(lease or 0),
            )
        )
    return found
