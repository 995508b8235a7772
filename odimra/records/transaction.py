"""Writes to records that are made together, later: staged here, read back by whoever staged them.

Nothing is written until whoever commits puts :meth:`Transaction.writes` into one atomic step. When
that finds a record changed, :meth:`Transaction.again` does what was staged once more on what is
there now: a patch without a revision applies to the new record, a write that named one fails.
Used by job kinds for the scripts they run; knows the records only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from odimra.records import claims
from odimra.records.claims import Kept
from odimra.records.errors import (
    BadRecord,
    ReadOnly,
    RecordExists,
    RecordMissing,
    RevisionMismatch,
)
from odimra.records.model import Record, check_id
from odimra.records.patch import apply, parse_patch
from odimra.records.pointer import Pointer, put
from odimra.records.records import Records
from odimra.store.scripts import text

#: The functions ``record_is`` and ``write_record`` of Lua: the header of steps that do the writes.
WRITES = text("odimra.records", "lua/writes.lua")

#: Writes that one transaction may hold; each may be of a record of its own.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Write:
    """A record as it is to be: ``rev`` is the revision it must have, "" if it must not exist.

    ``doc`` is its new text, empty to delete it.
    """

    type: str
    id: str
    rev: str
    doc: bytes = field(repr=False)


@dataclass(slots=True)
class Draft:
    """A record on its way: ``content`` is None when there is none (any more)."""

    kept: Kept | None
    content: dict[str, Any] | None
    steps: int = 0

    @property
    def shown(self) -> str:
        """The revision that readers are told: each staged write makes a new one."""
        rev = "0" if self.kept is None else self.kept.record.rev
        return rev if not self.steps else f"{rev}.{self.steps}"


@dataclass(frozen=True, slots=True)
class _Staged:
    operation: str
    type: str
    id: str
    value: Any
    rev: str | None


class Transaction:
    """Staged writes. Its methods raise what those of :class:`Records` raise."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._drafts: dict[tuple[str, str], Draft] = {}
        self._staged: list[_Staged] = []

    def adopt(self, kept: Kept) -> None:
        """Take a record that was read already."""
        record = kept.record
        self._drafts[record.type, record.id] = Draft(kept, record.content)

    @property
    def touched(self) -> bool:
        """Whether anything was staged."""
        return bool(self._staged)

    @property
    def seen(self) -> Iterable[tuple[str, str]]:
        """The records that were read or written, by type and id."""
        return self._drafts.keys()

    async def read(self, type_: str, record_id: str) -> Record:
        """Return a record as it is here."""
        return self._record(type_, record_id, await self._draft(type_, record_id))

    async def content(self, type_: str, record_id: str) -> dict[str, Any]:
        """Return the content of a record as it is here; not to be changed."""
        draft = await self._draft(type_, record_id)
        if draft.content is None:
            raise RecordMissing(type_, record_id)
        return draft.content

    async def create(self, type_: str, content: dict[str, Any], record_id: str | None) -> Record:
        """Stage a new record."""
        if self._records.source(type_) is not None:
            raise ReadOnly(type_)
        named = self._records.new_id() if record_id is None else record_id
        check_id(named)
        return await self._stage(_Staged("create", type_, named, content, None))

    async def update(
        self, type_: str, record_id: str, content: dict[str, Any], rev: str | None
    ) -> Record:
        """Stage a record's new content."""
        return await self._stage(_Staged("update", type_, record_id, content, rev))

    async def patch(
        self, type_: str, record_id: str, operations: Sequence[Any], rev: str | None
    ) -> Record:
        """Stage changes of a record."""
        return await self._stage(_Staged("patch", type_, record_id, operations, rev))

    def patched(
        self,
        type_: str,
        record_id: str,
        operations: list[Any],
        content: dict[str, Any],
        steps: int,
    ) -> None:
        """Stage patches of a record that was adopted, which were done elsewhere in ``steps``.

        ``content`` is what they came to. Where it is not what can be written, :meth:`writes` says.
        """
        self._staged.append(_Staged("patch", type_, record_id, operations, None))
        draft = self._drafts[type_, record_id]
        draft.content = content
        draft.steps += steps

    async def put(self, type_: str, record_id: str, content: dict[str, Any]) -> None:
        """Take ``content``, which the caller has made for it, as what a record is to be.

        It is not staged: :meth:`again` forgets it. Where it is not what can be written,
        :meth:`writes` says.
        """
        draft = await self._draft(type_, record_id)
        if content != draft.content:
            draft.content = content
            draft.steps += 1

    async def delete(self, type_: str, record_id: str, rev: str | None) -> Record:
        """Stage the end of a record; return what it is until then."""
        before = await self.read(type_, record_id)
        await self._stage(_Staged("delete", type_, record_id, None, rev))
        return before

    async def again(self) -> None:
        """Do what was staged once more, on the records as they are now."""
        staged, self._staged = self._staged, []
        self._drafts.clear()
        for one in staged:
            # The revision that a write named may be one that an earlier write here had made.
            await self._stage(one)

    async def stamp(self, type_: str, record_id: str, where: Pointer, value: Any) -> None:
        """Set what is at a pointer in a record as it will be; nothing where there will be none.

        It is not staged: :meth:`again` forgets it. Raises
        :class:`~odimra.records.pointer.NoSuchPlace`.
        """
        draft = await self._draft(type_, record_id)
        if draft.content is None:
            return
        if draft.kept is not None and draft.content is draft.kept.record.content:
            draft.content = orjson.loads(orjson.dumps(draft.content))
        put(draft.content, where, value)

    def fork(self) -> Transaction:
        """Return one that goes on from here on its own, until :meth:`join` takes it back."""
        other = Transaction(self._records)
        other._drafts = {name: replace(draft) for name, draft in self._drafts.items()}
        other._staged = list(self._staged)
        return other

    def join(self, other: Transaction) -> None:
        """Take over all of one that was forked from this."""
        self._drafts, self._staged = other._drafts, other._staged

    def forget(self, type_: str, record_id: str) -> None:
        """Have a record read again that was changed elsewhere, and not here."""
        self._drafts.pop((type_, record_id), None)

    def drop(self) -> None:
        """Forget what was staged and read."""
        self._staged.clear()
        self._drafts.clear()

    def writes(self) -> list[Write]:
        """Return what is to be written, all of it or nothing."""
        found: list[Write] = []
        for (type_, record_id), draft in self._drafts.items():
            kept, content = draft.kept, draft.content
            if content == (None if kept is None else kept.record.content):
                continue
            found.append(
                Write(
                    type_,
                    record_id,
                    "" if kept is None else kept.rev,
                    b"" if content is None else self._encoded(kept, content),
                )
            )
        return found

    def _encoded(self, kept: Kept | None, content: dict[str, Any]) -> bytes:
        return self._records.encode(content if kept is None else kept.to_store(content))

    async def _draft(self, type_: str, record_id: str) -> Draft:
        draft = self._drafts.get((type_, record_id))
        if draft is None:
            (kept,) = await claims.read(self._records, type_, [record_id])
            draft = Draft(kept, None if kept is None else kept.record.content)
            self._drafts[type_, record_id] = draft
        return draft

    def _record(self, type_: str, record_id: str, draft: Draft) -> Record:
        if draft.content is None:
            raise RecordMissing(type_, record_id)
        return Record(type_, record_id, draft.shown, draft.content)

    async def _stage(self, one: _Staged) -> Record:
        if len(self._staged) >= MOST:
            raise BadRecord("", f"more than {MOST} writes at a time")
        draft = await self._draft(one.type, one.id)
        if one.operation == "create":
            if draft.content is not None:
                raise RecordExists(one.type, one.id)
        elif draft.content is None:
            raise RecordMissing(one.type, one.id)
        elif one.rev is not None and one.rev != draft.shown:
            raise RevisionMismatch(one.type, one.id)
        content = self._changed(one, draft)
        if content is not None:
            # It has to be what can be written.
            self._encoded(draft.kept, content)
        elif draft.kept is not None and draft.kept.source is not None:
            raise ReadOnly(one.type)
        if content != draft.content:
            draft.content = content
            draft.steps += 1
        self._staged.append(one)
        if content is None:
            return Record(one.type, one.id, draft.shown, {})
        return self._record(one.type, one.id, draft)

    @staticmethod
    def _changed(one: _Staged, draft: Draft) -> dict[str, Any] | None:
        match one.operation:
            case "delete":
                return None
            case "patch":
                assert draft.content is not None
                return apply(draft.content, parse_patch(one.value))
        # Apart from what the caller goes on to work with.
        content: dict[str, Any] = orjson.loads(orjson.dumps(one.value))
        return content
