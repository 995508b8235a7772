"""Versioned hashes: what is created, read, changed and deleted as a whole.

Accounts, roles, sessions, settings and the like are documents. A write is one atomic step that
compares the version (the ETag of the resource) and changes the hash, its place in an index and its
counters together, and appends the event that tells of it, so that two writers of one version cannot
both win and no change goes untold. A write of what is there already changes nothing: the version
stays, and nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from odimra.store.errors import DocumentExists, DocumentMissing, LimitReached, VersionMismatch
from odimra.store.news import NEWS, News
from odimra.store.scripts import Script

if TYPE_CHECKING:
    from odimra.store.store import Store

CREATE = Script.from_package("odimra.store", "lua/document_create.lua", header=NEWS)
UPDATE = Script.from_package("odimra.store", "lua/document_update.lua", header=NEWS)
DELETE = Script.from_package("odimra.store", "lua/document_delete.lua", header=NEWS)

#: A counter changed in the same step: key of a hash, field, amount.
Touch = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Document:
    """The fields of a document, without repr: they may hold secrets."""

    fields: Mapping[str, str] = field(repr=False)
    version: int

    @classmethod
    def from_reply(cls, reply: Mapping[bytes, bytes] | Sequence[bytes]) -> Document:
        """Read a hash as the server returns it: a mapping, or names and values in turn."""
        if not isinstance(reply, Mapping):
            reply = dict(zip(reply[::2], reply[1::2], strict=True))
        fields = {name.decode(): value.decode() for name, value in reply.items()}
        return cls(fields, int(fields.pop("version")))


class Documents:
    """All documents of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _told(self, news: News | None) -> dict[str, Any]:
        if news is None:
            return {}
        store = self._store
        entry = {"stream": store.keys.events, "keep": store.options.max_events, **asdict(news)}
        return {"news": entry}

    async def create(
        self,
        key: str,
        fields: Mapping[str, str],
        *,
        index: str | None = None,
        member: str = "",
        score: float = 0,
        limit: int | None = None,
        ttl_ms: int | None = None,
        touch: Iterable[Touch] = (),
        news: News | None = None,
    ) -> Document:
        """Create the document ``key`` as version 1, and tell the ``news``.

        With ``index``, ``member`` is added to that sorted set, which may hold ``limit`` members.
        Raises :class:`DocumentExists`, :class:`LimitReached`.
        """
        touched = list(touch)
        reply = await self._store.script(
            CREATE,
            keys=[key, index] if index else [key],
            args=[
                "" if ttl_ms is None else ttl_ms,
                member,
                score,
                "" if limit is None else limit,
                orjson.dumps({"set": fields, "touch": touched, **self._told(news)}),
            ],
            touches=[t[0] for t in touched],
        )
        if reply[0] == b"exists":
            raise DocumentExists(key)
        if reply[0] == b"limit":
            raise LimitReached(key)
        return Document.from_reply(reply[1])

    async def read(self, key: str) -> Document | None:
        """Return the document ``key``, from the cache while the server vouches for it."""
        return await self._store.cached(key, "document", lambda: self._load(key))

    def peek(self, key: str) -> Document | None:
        """Return the document ``key`` if it is in the cache."""
        found: Document | None = self._store.peek(key, "document")
        return found

    async def _load(self, key: str) -> Document | None:
        reply = await self._store.call("HGETALL", key)
        return Document.from_reply(reply) if reply else None

    async def update(
        self,
        key: str,
        set: Mapping[str, str] | None = None,
        *,
        unset: Iterable[str] = (),
        expect: Iterable[int] | None = None,
        ttl_ms: int | None = None,
        touch: Iterable[Touch] = (),
        absent: Mapping[str, str] | None = None,
        news: News | None = None,
    ) -> Document:
        """Change fields if the version is one of ``expect`` (None: whichever it is).

        Without any difference the version stays and the ``news`` is not told. ``absent`` says what
        fields are taken for that are not stored.
        Raises :class:`DocumentMissing`, :class:`VersionMismatch`.
        """
        touched = list(touch)
        change: dict[str, Any] = {"set": set or {}, "unset": list(unset), "touch": touched}
        change |= self._told(news)
        if absent:
            change["absent"] = absent
        if expect is not None:
            change["expect"] = sorted(expect)
        reply = await self._store.script(
            UPDATE,
            keys=[key],
            args=["" if ttl_ms is None else ttl_ms, orjson.dumps(change)],
            touches=[t[0] for t in touched],
        )
        self._check(key, reply)
        return Document.from_reply(reply[1])

    async def delete(
        self,
        key: str,
        *,
        index: str | None = None,
        member: str = "",
        expect: Iterable[int] | None = None,
        touch: Iterable[Touch] = (),
        news: News | None = None,
    ) -> bool:
        """Remove the document if the version is one of ``expect``; False when there was none.

        With it the ``news`` is told.
        Raises :class:`VersionMismatch`.
        """
        touched = list(touch)
        change: dict[str, Any] = {"touch": touched, **self._told(news)}
        if expect is not None:
            change["expect"] = sorted(expect)
        reply = await self._store.script(
            DELETE,
            keys=[key, index] if index else [key],
            args=[member, orjson.dumps(change)],
            touches=[t[0] for t in touched],
        )
        if reply[0] == b"missing":
            return False
        self._check(key, reply)
        return True

    @staticmethod
    def _check(key: str, reply: list[Any]) -> None:
        if reply[0] == b"missing":
            raise DocumentMissing(key)
        if reply[0] == b"version":
            raise VersionMismatch(int(reply[1]))

    async def members(self, index: str, start: int = 0, stop: int = 999) -> list[str]:
        """Return the members of ``index`` from rank ``start`` to ``stop``, both included."""
        reply = await self._store.call("ZRANGE", index, start, stop)
        return [member.decode() for member in reply]

    async def count(self, index: str) -> int:
        """Return how many members ``index`` has."""
        return int(await self._store.call("ZCARD", index))
