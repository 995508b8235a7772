"""What all processes know of the sources: which resources each has, and when what was read is old.

The members of a source stay known while its BMC does not answer. Whoever has changed something at a
BMC, or has heard of a change, says so here, and every process reads anew. Used by the inventory, by
the job kinds and by whoever hears the events of BMCs; knows the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from odimra.aggregation.addresses import local
from odimra.aggregation.sources import Sources
from odimra.store import Script, Store
from odimra.tasks import Effect

#: The collections of a BMC whose members are listed among ours.
ROOTS = ("Systems", "Chassis", "Managers")
#: What a source has: the paths at the BMC by the names of their collections.
Members = Mapping[str, Sequence[str]]
#: What all sources have: by collection and source, the paths here.
Listing = Mapping[str, Mapping[str, tuple[str, ...]]]

_NOTE = Script.from_package("odimra.aggregation", "lua/members.lua")
_EDITION = Script.from_package("odimra.aggregation", "lua/edition.lua")


class Known:
    """What is known of the sources of a store."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources
        self._members = store.keys.of("inventory", "members")

    def _edition_key(self, source_id: str) -> str:
        return self._store.keys.of("inventory", "edition", source_id)

    # Members

    async def all(self) -> Listing:
        """Return what all sources have, from the cache while the server vouches for it."""
        return await self._store.cached(self._members, "all", self._all)

    async def _all(self) -> Listing:
        reply = await self._store.call("HGETALL", self._members)
        found: dict[str, dict[str, tuple[str, ...]]] = {root: {} for root in ROOTS}
        for name, value in reply.items():
            source_id = name.decode()
            if source_id == "version":  # of the steps that end tasks
                continue
            members = orjson.loads(value)
            for root in ROOTS:
                found[root][source_id] = _here(source_id, members.get(root, ()))
        return found

    async def note(self, source_id: str, members: Members) -> None:
        """Note what a source has, where that is another than was known."""
        known = await self.all()
        if all(
            known[root].get(source_id) == _here(source_id, members.get(root, ())) for root in ROOTS
        ):
            return
        await self._store.script(
            _NOTE,
            keys=[self._sources.key(source_id), self._members],
            args=[source_id, orjson.dumps(dict(members))],
            changes=[self._members],
        )

    # Editions

    async def edition(self, source_id: str) -> int:
        """Return the edition of a source: what was read under another one is old."""
        key = self._edition_key(source_id)

        async def load() -> int:
            reply = await self._store.call("HGET", key, "edition")
            return int(reply or 0)

        return await self._store.cached(key, "edition", load)

    async def changed(self, source_id: str, uri: str = "") -> None:
        """Say that something at a source is another than it was; ``uri`` is what, if known."""
        del uri  # what changes with it nobody knows
        key = self._edition_key(source_id)
        await self._store.script(
            _EDITION, keys=[self._sources.key(source_id), key], args=[], changes=[key]
        )

    # What the steps that end tasks do

    def first(self, source_id: str, members: Members) -> tuple[Effect, ...]:
        """Return what notes the members of a source that is added."""
        return (Effect(self._members, {source_id: orjson.dumps(dict(members)).decode()}),)

    def forgotten(self, source_id: str) -> tuple[Effect, ...]:
        """Return what forgets a source that is removed."""
        return (
            Effect(self._members, unset=(source_id,)),
            Effect(self._edition_key(source_id), gone=True),
        )


def _here(source_id: str, uris: Sequence[str]) -> tuple[str, ...]:
    return tuple(found for uri in uris if (found := local(source_id, uri)) is not None)
