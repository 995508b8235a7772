"""Aggregates: systems that have something done to them together, by their URIs.

Each change is one atomic step with its event. Used by the faces; knows the store.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from odimra.clock import Clock
from odimra.store import (
    CHANGED,
    CREATED,
    NEWS,
    REMOVED,
    Document,
    DocumentMissing,
    LimitReached,
    News,
    Script,
    Store,
    VersionMismatch,
)

TYPE = "Aggregate"
_SCRIPTS = {
    name: Script.from_package("odimra.aggregation", f"lua/aggregate_{name}.lua", header=NEWS)
    for name in ("create", "elements", "read", "delete")
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate: its elements are URIs, in the order in which they were added."""

    id: str
    name: str
    version: int
    elements: tuple[str, ...]


class ElementRefused(Exception):
    """The element at ``index`` is in the aggregate already, or is not (``present``)."""

    def __init__(self, index: int, *, present: bool) -> None:
        super().__init__(f"element {index} is {'there already' if present else 'not there'}")
        self.index = index
        self.present = present


class TooManyElements(Exception):
    """The aggregate would have more elements than it may."""


class Aggregates:
    """The aggregates of a store: at most ``most``, each of at most ``most_elements``."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        most: int = 1000,
        most_elements: int = 5000,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._store = store
        self._clock = clock
        self._most = most
        self.most_elements = most_elements
        self._new_id = new_id
        self._index = store.keys.index("aggregates")

    def _keys(self, aggregate_id: str) -> list[str]:
        keys = self._store.keys
        return [keys.of("aggregate", aggregate_id), keys.of("aggregate", aggregate_id, "elements")]

    def _news(self, message: str, aggregate_id: str) -> dict[str, Any]:
        news = News(message, TYPE, aggregate_id)
        return {
            "stream": self._store.keys.events,
            "keep": self._store.options.max_events,
            **asdict(news),
        }

    async def ids(self, skip: int, top: int) -> list[str]:
        """Return the ids of at most ``top`` behind the first ``skip``, the oldest first."""
        reply = await self._store.call("ZRANGE", self._index, skip, skip + top - 1)
        return [one.decode() for one in reply]

    async def count(self) -> int:
        """Return how many there are."""
        return int(await self._store.call("ZCARD", self._index))

    async def get(self, aggregate_id: str) -> Aggregate | None:
        """Return an aggregate, from the cache while the server vouches for it."""
        found: Aggregate | None = await self._store.cached(
            self._keys(aggregate_id)[0], "aggregate", lambda: self._load(aggregate_id)
        )
        return found

    async def _load(self, aggregate_id: str) -> Aggregate | None:
        reply = await self._store.script(
            _SCRIPTS["read"], keys=self._keys(aggregate_id), args=[], changes=()
        )
        if not reply[0]:
            return None
        document = Document.from_reply(reply[0])
        elements = tuple(one.decode() for one in reply[1])
        return Aggregate(aggregate_id, document.fields["name"], document.version, elements)

    async def create(self, name: str, elements: Sequence[str]) -> Aggregate:
        """Make an aggregate of ``elements``, each of which is there once.

        Raises :class:`~odimra.store.LimitReached`, :class:`TooManyElements`.
        """
        if len(elements) > self.most_elements:
            raise TooManyElements
        made = Aggregate(self._new_id(), name, 1, tuple(elements))
        given = {
            "id": made.id,
            "fields": ["name", name],
            "elements": list(elements),
            "at": self._clock.now_ms(),
            "limit": self._most,
            "news": self._news(CREATED, made.id),
        }
        reply = await self._store.script(
            _SCRIPTS["create"],
            keys=[*self._keys(made.id), self._index],
            args=[orjson.dumps(given)],
        )
        if reply[0] == b"limit":
            raise LimitReached(self._index)
        return made

    async def add(
        self, aggregate_id: str, elements: Sequence[str], *, expect: Iterable[int] | None = None
    ) -> None:
        """Add elements, all or none.

        Raises :class:`~odimra.store.DocumentMissing`, :class:`~odimra.store.VersionMismatch`,
        :class:`ElementRefused`, :class:`TooManyElements`.
        """
        await self._change(aggregate_id, elements, expect, add=True)

    async def remove(
        self, aggregate_id: str, elements: Sequence[str], *, expect: Iterable[int] | None = None
    ) -> None:
        """Take elements away, all or none. Raises as :meth:`add` does."""
        await self._change(aggregate_id, elements, expect, add=False)

    async def _change(
        self,
        aggregate_id: str,
        elements: Sequence[str],
        expect: Iterable[int] | None,
        *,
        add: bool,
    ) -> None:
        given: dict[str, Any] = {
            "add": add,
            "elements": list(elements),
            "most": self.most_elements,
            "news": self._news(CHANGED, aggregate_id),
        }
        if expect is not None:
            given["expect"] = sorted(expect)
        reply = await self._store.script(
            _SCRIPTS["elements"], keys=self._keys(aggregate_id), args=[orjson.dumps(given)]
        )
        self._check(aggregate_id, reply)
        if reply[0] == b"full":
            raise TooManyElements
        if reply[0] != b"ok":
            raise ElementRefused(int(reply[1]) - 1, present=reply[0] == b"present")

    async def delete(self, aggregate_id: str, *, expect: Iterable[int] | None = None) -> None:
        """Remove an aggregate.

        Raises :class:`~odimra.store.DocumentMissing`, :class:`~odimra.store.VersionMismatch`.
        """
        given: dict[str, Any] = {"id": aggregate_id, "news": self._news(REMOVED, aggregate_id)}
        if expect is not None:
            given["expect"] = sorted(expect)
        reply = await self._store.script(
            _SCRIPTS["delete"],
            keys=[*self._keys(aggregate_id), self._index],
            args=[orjson.dumps(given)],
        )
        self._check(aggregate_id, reply)

    @staticmethod
    def _check(aggregate_id: str, reply: Sequence[Any]) -> None:
        if reply[0] == b"missing":
            raise DocumentMissing(aggregate_id)
        if reply[0] == b"version":
            raise VersionMismatch(int(reply[1]))
