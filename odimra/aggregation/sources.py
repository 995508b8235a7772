"""The sources of the aggregation: which BMCs there are, and how each is reached.

A source is a hash; which address has which source is a hash of its own, so that none is there
twice. They are changed by tasks, in the step that ends the task. Used by the faces and by whatever
speaks to BMCs; knows tasks and the store.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from odimra.store import CHANGED, CREATED, REMOVED, Document, News, Store
from odimra.store.scripts import text
from odimra.tasks import Effect, Guard

CLAIM = Guard(text("odimra.aggregation", "lua/claim.lua"))
#: The schema of a source, for what is told of it.
TYPE = "AggregationSource"
ID_DIGITS = 12


class NoSuchSource(LookupError):
    """There is no source of that id; the text is the id."""


@dataclass(frozen=True, slots=True)
class Source:
    """A BMC: ``base`` is its address (``https://10.0.0.1``), ``host_name`` as it was given.

    ``verify`` says how its certificate is judged: ``ca`` (by the authorities), ``pinned:<sha256>``
    (it is that one), ``none``. ``method`` is the id of the connection method, ``created`` a time in
    ms.
    """

    id: str
    host_name: str
    base: str
    user: str
    sealed: str = field(repr=False)
    verify: str
    method: str
    created: int
    service_uuid: str = ""
    version: int = 0

    def stored(self) -> dict[str, str]:
        """Return the fields of its hash."""
        return {name: str(getattr(self, name)) for name in _STORED}


_STORED = tuple(one.name for one in fields(Source) if one.name not in ("id", "version"))


def new_source_id() -> str:
    """Return an id for a new source: 12 hex digits."""
    return secrets.token_hex(ID_DIGITS // 2)


class Sources:
    """The sources of a store, ``most`` of them at most."""

    def __init__(self, store: Store, *, most: int = 2000) -> None:
        self._store = store
        self.most = most
        self._index = store.keys.index("sources")
        self._bases = store.keys.of("aggregation", "bases")

    def key(self, source_id: str) -> str:
        """Name the hash of a source."""
        return self._store.keys.of("source", source_id)

    # Reading

    async def get(self, source_id: str) -> Source | None:
        """Return a source, from the cache while the server vouches for it."""
        found: Source | None = await self._store.cached(
            self.key(source_id), "source", lambda: self._load(source_id)
        )
        return found

    async def _load(self, source_id: str) -> Source | None:
        reply = await self._store.call("HGETALL", self.key(source_id))
        return _source(source_id, Document.from_reply(reply)) if reply else None

    async def ids(self) -> tuple[str, ...]:
        """Return the ids of all sources, the oldest first."""
        return await self._store.cached(self._index, "ids", self._ids)

    async def _ids(self) -> tuple[str, ...]:
        # Bounded by what may be added, and by those that were being added when it was full.
        reply = await self._store.call("ZRANGE", self._index, 0, 2 * self.most)
        return tuple(member.decode() for member in reply)

    async def all(self) -> tuple[Source, ...]:
        """Return all sources, the oldest first."""
        found = [await self.get(one) for one in await self.ids()]
        return tuple(one for one in found if one is not None)

    async def at(self, base: str) -> str | None:
        """Return the id of the source that has an address."""
        found = await self._store.call("HGET", self._bases, base)
        return None if found is None else found.decode()

    # What the steps that create and end tasks do

    def claim(
        self,
        base: str,
        source_id: str,
        task_id: str,
        *,
        new: bool,
        expect: Iterable[int] | None = None,
    ) -> tuple[tuple[Guard, Mapping[str, Any]], str]:
        """Return the guard by which a task keeps an address for a source, and the key to be its.

        The key belongs to the ``scratch`` of the task: with its end the claim is gone. The guard
        refuses (``TaskGuarded.why``) with ``exists`` and the id of the source that has the address,
        ``claimed`` and the id of the task that gives it, ``full``, or, unless it is ``new``,
        ``missing`` and ``version``, if that is none of ``expect``.
        """
        noted: dict[str, Any] = {"base": base, "id": source_id, "task": task_id}
        if new:
            noted["most"] = self.most
        elif expect is not None:
            noted["expect"] = sorted(expect)
        return (CLAIM, noted), self._store.keys.of("aggregation", "claim", base)

    def added(self, source: Source) -> tuple[Effect, ...]:
        """Return what adds a source, for the step that ends its task."""
        return (
            Effect(self._bases, {source.base: source.id}),
            Effect(
                self.key(source.id),
                source.stored(),
                news=News(CREATED, TYPE, source.id),
                place=(self._index, source.id, source.created),
            ),
        )

    def changed(self, old: Source, new: Source) -> tuple[Effect, ...]:
        """Return what makes ``old`` as ``new`` is."""
        effects = [Effect(self.key(new.id), new.stored(), news=News(CHANGED, TYPE, new.id))]
        if old.base != new.base:
            effects.append(Effect(self._bases, {new.base: new.id}, unset=(old.base,)))
        return tuple(effects)

    def removed(self, source: Source) -> tuple[Effect, ...]:
        """Return what takes a source away."""
        return (
            Effect(self._bases, unset=(source.base,)),
            Effect(
                self.key(source.id),
                gone=True,
                news=News(REMOVED, TYPE, source.id),
                place=(self._index, source.id, None),
            ),
        )


def _source(source_id: str, document: Document) -> Source:
    given = dict(document.fields)
    return Source(
        id=source_id,
        version=document.version,
        created=int(given.pop("created")),
        **{name: given.get(name, "") for name in _STORED if name != "created"},
    )
