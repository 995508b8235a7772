"""Scopes: who uses something, such as a project, and up to which period it was rated.

Kept as one hash each, with an index in the order in which they were made. Called by faces and by
the jobs that rate; knows the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from odimra.clock import Clock
from odimra.rating.errors import ScopeExists, ScopeMissing, TooMany
from odimra.store import Script, Store

CREATE = Script.from_package("odimra.rating", "lua/scope_create.lua")
CHANGE = Script.from_package("odimra.rating", "lua/scope_change.lua")

#: Scopes that are read together.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope; times in seconds since the epoch.

    ``last`` is the beginning of the last period that was rated, ``toggled`` when ``active`` was
    changed last.
    """

    id: str
    key: str
    fetcher: str
    collector: str
    last: int
    active: bool = True
    toggled: int | None = None

    def stored(self) -> list[str]:
        """Return names and values as they are kept."""
        kept = {
            "key": self.key,
            "fetcher": self.fetcher,
            "collector": self.collector,
            "last": str(self.last),
            "active": "1" if self.active else "0",
        }
        if self.toggled is not None:
            kept["toggled"] = str(self.toggled)
        return [part for pair in kept.items() for part in pair]

    @classmethod
    def load(cls, id: str, kept: Mapping[str, str]) -> Scope:
        """Read what :meth:`stored` returned."""
        return cls(
            id,
            kept.get("key", ""),
            kept.get("fetcher", ""),
            kept.get("collector", ""),
            int(kept["last"]),
            kept.get("active", "1") == "1",
            int(kept["toggled"]) if "toggled" in kept else None,
        )


class Scopes:
    """All scopes. Every method may raise StoreUnavailable."""

    def __init__(self, store: Store, clock: Clock, *, limit: int = 100_000) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit

    def key(self, id: str) -> str:
        """Name the hash of a scope."""
        return self._store.keys.of("rating", "scope", id)

    @property
    def index(self) -> str:
        """Name the sorted set of scopes, in the order in which they were made."""
        return self._store.keys.of("rating", "scopes")

    async def create(self, scope: Scope) -> Scope:
        """Make a scope. Raises :class:`ScopeExists`, :class:`TooMany`."""
        said = await self._store.script(
            CREATE,
            keys=[self.key(scope.id), self.index, self._store.keys.of("rating", "scope_number")],
            args=[scope.id, self._limit, *scope.stored()],
        )
        if said == b"exists":
            raise ScopeExists(scope.id)
        if said == b"limit":
            raise TooMany(f"there are {self._limit} scopes, which is the most")
        return scope

    async def read(self, id: str) -> Scope | None:
        """Return a scope, or None."""
        (found,) = await self.read_many([id])
        return found

    async def read_many(self, ids: Sequence[str]) -> list[Scope | None]:
        """Return scopes, None for each that there is not."""
        replies = await asyncio.gather(*(self._store.call("HGETALL", self.key(one)) for one in ids))
        return [
            Scope.load(id, _text(reply)) if reply else None
            for id, reply in zip(ids, replies, strict=True)
        ]

    async def all(self) -> list[Scope]:
        """Return every scope, oldest first; there are no more than the limit."""
        found: list[Scope] = []
        start = 0
        while True:
            ids = await self._store.call("ZRANGE", self.index, start, start + PAGE - 1)
            read = await self.read_many([one.decode() for one in ids])
            found += [one for one in read if one is not None]
            if len(ids) < PAGE:
                return found
            start += PAGE

    async def change(self, id: str, *, active: bool | None = None, **values: str) -> Scope:
        """Change properties of a scope: ``key fetcher collector active``.

        Raises :class:`ScopeMissing`.
        """
        flat = [part for pair in values.items() for part in pair]
        reply = await self._store.script(
            CHANGE,
            keys=[self.key(id)],
            args=[
                "" if active is None else str(int(active)),
                self._clock.now_ms() // 1000,
                *flat,
            ],
        )
        if not reply:
            raise ScopeMissing(id)
        return Scope.load(id, _text(reply))


def _text(reply: Any) -> dict[str, str]:
    if isinstance(reply, Mapping):
        return {name.decode(): value.decode() for name, value in reply.items()}
    return {
        name.decode(): value.decode() for name, value in zip(reply[::2], reply[1::2], strict=True)
    }
