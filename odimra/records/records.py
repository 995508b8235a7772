"""The records: JSON objects with a revision, kept in the store or made by a source.

Every write is one atomic step that compares the revision and changes the record with its place in
the index of its type. Called by faces and job kinds, put together by the composition root; knows
the store, never a face.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from odimra.clock import Clock
from odimra.records.errors import (
    ReadOnly,
    RecordExists,
    RecordMissing,
    RevisionMismatch,
    TooManyRecords,
    UnknownType,
)
from odimra.records.model import (
    Record,
    RecordOptions,
    Source,
    Sourced,
    check_id,
    check_type,
    encode,
    matcher,
    merged,
    revision,
    same,
)
from odimra.records.patch import Operation, apply, parse_patch
from odimra.store import Script, Store

WRITE = Script.from_package("odimra.records", "lua/write.lua")
DELETE = Script.from_package("odimra.records", "lua/delete.lua")
PAGE = Script.from_package("odimra.records", "lua/page.lua")

#: What one step reads, in records and in bytes, so that it holds up neither the store nor a loop.
STEP_RECORDS: Final = 1000
STEP_BYTES: Final = 1 << 20
#: How long a patch that names no revision is tried again when others overtake it, in ms.
PATIENCE_MS: Final = 10_000


class Records:
    """All records of a store. Every method may raise :class:`~odimra.store.StoreUnavailable`.

    Also :class:`UnknownType` and :class:`BadRecord`, the latter for types and ids that cannot be.
    """

    def __init__(
        self,
        store: Store,
        options: RecordOptions,
        clock: Clock,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.store = store
        self.options = options
        self._clock = clock
        self.new_id = new_id
        self._allowed = matcher(options.types)
        self._sources: dict[str, Source] = {}

    def mount(self, type: str, source: Source) -> None:
        """Let the records of ``type`` come from ``source``."""
        check_type(type)
        self._sources[type] = source

    def source(self, type: str) -> Source | None:
        """Return where the records of ``type`` come from, None if they are kept here.

        Raises :class:`UnknownType`.
        """
        self._check(type)
        return self._sources.get(type)

    def known(self, type: str) -> bool:
        """Tell whether there can be records of ``type``."""
        try:
            self._check(type)
        except UnknownType:
            return False
        return True

    def writable(self, type: str) -> bool:
        """Tell whether records of ``type`` can be made and changed. Raises :class:`UnknownType`."""
        self._check(type)
        return type not in self._sources

    def key(self, type: str, id: str) -> str:
        """Name the hash of a record: ``doc`` and ``rev``, and whatever else is kept by it."""
        return self.store.keys.of("record", type, id)

    def _check(self, type: str) -> None:
        if type in self._sources:
            return
        check_type(type)
        if not self._allowed.fullmatch(type):
            raise UnknownType(type)

    def _check_write(self, type: str) -> None:
        if not self.writable(type):
            raise ReadOnly(type)

    def keys(self, type: str, id: str) -> list[str]:
        """Name the keys that a write of a record has to do with: see ``lua/write.lua``."""
        keys = self.store.keys
        return [self.key(type, id), self.index(type), keys.of("records_deleted", type)]

    def index(self, type: str) -> str:
        """Name the sorted set of the ids of the records of a type."""
        return self.store.keys.of("records", type)

    # --- reading ---

    async def read(self, type: str, id: str) -> Record:
        """Return a record. Raises :class:`RecordMissing`."""
        (found,) = await self.read_many(type, [id])
        if found is None:
            raise RecordMissing(type, id)
        return found

    async def read_many(self, type: str, ids: Sequence[str]) -> list[Record | None]:
        """Return the records with these ids, None for each that there is not."""
        self._check(type)
        for id in ids:
            check_id(id)
        source = self._sources.get(type)
        if source is not None:
            return await self._completed(type, await source.read_many(ids))
        return await self._kept(type, ids)

    async def page(self, type: str, after: str = "", size: int = STEP_RECORDS) -> list[Record]:
        """Return the ``size`` records behind ``after``, fewer where they end.

        They are in the order of the bytes of their ids; ``after`` need not be one of these.
        """
        self._check(type)
        source = self._sources.get(type)
        if source is not None:
            found = await self._completed(type, await source.page(after, size))
            return [record for record in found if record is not None]
        records: list[Record] = []
        while len(records) < size:
            step = await self._step(type, after, min(size - len(records), STEP_RECORDS))
            if not step:
                break
            records += step
            after = step[-1].id
        return records

    async def _step(self, type: str, after: str, size: int) -> list[Record]:
        reply = await self.store.script(
            PAGE, keys=[self.index(type)], args=[self.key(type, ""), after, size, STEP_BYTES]
        )
        found = iter(reply)
        return [_record(type, id, rev, doc) for id, rev, doc in zip(found, found, found)]  # noqa: B905

    async def count(self, type: str) -> int:
        """Return how many records there are of ``type``."""
        self._check(type)
        source = self._sources.get(type)
        if source is not None:
            return await source.count()
        return int(await self.store.call("ZCARD", self.index(type)))

    async def _kept(self, type: str, ids: Sequence[str]) -> list[Record | None]:
        call = self.store.call
        # All leave in one pipeline: the store gathers what one turn of the loop asks.
        replies = await asyncio.gather(
            *(call("HMGET", self.key(type, id), "rev", "doc") for id in ids)
        )
        return [
            None if rev is None or doc is None else _record(type, id.encode(), rev, doc)
            for id, (rev, doc) in zip(ids, replies, strict=True)
        ]

    async def _completed(self, type: str, sourced: Sequence[Sourced | None]) -> list[Record | None]:
        """Return records of a source with what is remembered of them laid over."""
        there = [one for one in sourced if one is not None]
        beside = dict(zip(
            [one.id for one in there],
            await self._kept(type, [one.id for one in there]),
            strict=True,
        ))  # fmt: skip
        return [None if one is None else _complete(type, one, beside[one.id]) for one in sourced]

    # --- writing ---

    async def create(self, type: str, content: Mapping[str, Any], id: str | None = None) -> Record:
        """Create a record, under an id of its own making when none is given.

        Raises :class:`RecordExists`, :class:`RecordTooLarge`, :class:`TooManyRecords`,
        :class:`ReadOnly`.
        """
        self._check_write(type)
        id = self.new_id() if id is None else id
        _, record = await self._write(type, id, self.encode(content), "absent")
        return record

    async def put(self, type: str, id: str, content: Mapping[str, Any]) -> tuple[Record, bool]:
        """Create a record or replace what is there; tell whether it was created.

        Raises what :meth:`create` does, but for :class:`RecordExists`.
        """
        self._check_write(type)
        doc = self.encode(content)
        current = await self._current(type, id)
        if current is not None and _unchanged(current, doc):
            return current, False
        said, record = await self._write(type, id, doc, "any")
        return record, said == b"created"

    async def update(
        self, type: str, id: str, content: Mapping[str, Any], rev: str | None = None
    ) -> Record:
        """Replace the content of a record, if it is still of ``rev`` (None: whichever it is).

        The revision stays when nothing changes.
        Raises :class:`RecordMissing`, :class:`RevisionMismatch`, :class:`RecordTooLarge`,
        :class:`ReadOnly`.
        """
        self._check_write(type)
        doc = self.encode(content)
        current = await self._current(type, id)
        if current is None:
            raise RecordMissing(type, id)
        if rev is not None and current.rev != rev:
            raise RevisionMismatch(type, id)
        if _unchanged(current, doc):
            return current
        _, record = await self._write(type, id, doc, rev or "present")
        return record

    async def patch(
        self,
        type: str,
        id: str,
        operations: Sequence[Mapping[str, Any]] | Sequence[Operation],
        rev: str | None = None,
    ) -> Record:
        """Do the operations of a CREST patch, all or none, if the record is still of ``rev``.

        Without a revision it is done anew whenever somebody else was faster, for as long as
        :data:`PATIENCE_MS`. Raises what :meth:`update` does, and :class:`BadPatch`.
        """
        self._check_write(type)
        parsed = parse_patch(operations)
        until = self._clock.now_ms() + PATIENCE_MS
        while True:
            current = await self._current(type, id)
            if current is None:
                raise RecordMissing(type, id)
            if rev is not None and current.rev != rev:
                raise RevisionMismatch(type, id)
            doc = self.encode(apply(current.content, parsed))
            if _unchanged(current, doc):
                return current
            try:
                _, record = await self._write(type, id, doc, current.rev)
            except RevisionMismatch:
                if rev is not None or self._clock.now_ms() > until:
                    raise
                continue
            return record

    async def delete(self, type: str, id: str, rev: str | None = None) -> Record:
        """Remove a record, if it is still of ``rev``, and return what it was.

        Raises :class:`RecordMissing`, :class:`RevisionMismatch`, :class:`ReadOnly`.
        """
        self._check_write(type)
        check_id(id)
        said, *found = await self.store.script(
            DELETE, keys=self.keys(type, id), args=["any" if rev is None else _revision(rev), id]
        )
        if said == b"missing":
            raise RecordMissing(type, id)
        if said == b"moved":
            raise RevisionMismatch(type, id)
        return _record(type, id.encode(), *found)

    # --- one step ---

    def encode(self, content: Mapping[str, Any]) -> bytes:
        """Return a content as it is kept. Raises :class:`BadRecord`, :class:`RecordTooLarge`."""
        return encode(content, self.options.max_bytes)

    async def _current(self, type: str, id: str) -> Record | None:
        check_id(id)
        (found,) = await self._kept(type, [id])
        return found

    async def _write(self, type: str, id: str, doc: bytes, expected: str) -> tuple[bytes, Record]:
        check_id(id)
        said, *rest = await self.store.script(
            WRITE, keys=self.keys(type, id), args=[expected, id, doc, self.options.max_records]
        )
        match said:
            case b"exists":
                raise RecordExists(type, id)
            case b"missing":
                raise RecordMissing(type, id)
            case b"moved":
                raise RevisionMismatch(type, id)
            case b"limit":
                raise TooManyRecords(type, self.options.max_records)
        return said, _record(type, id.encode(), rest[0], doc)


def _record(type: str, id: bytes, rev: bytes, doc: bytes) -> Record:
    return Record(type, id.decode(), rev.decode(), orjson.loads(doc), len(doc))


def _revision(rev: str) -> str:
    """Return ``rev`` where a step takes words as well: what none has is no word either."""
    return rev if rev.isdigit() else "none"


def _unchanged(current: Record, doc: bytes) -> bool:
    return same(current.content, orjson.loads(doc))


def _complete(type: str, sourced: Sourced, beside: Record | None) -> Record:
    if beside is None:
        return Record(type, sourced.id, revision(sourced.mark, ""), sourced.content)
    both = merged(sourced.content, beside.content)
    return Record(type, sourced.id, revision(sourced.mark, beside.rev), both, beside.size)
