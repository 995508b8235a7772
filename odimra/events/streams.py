"""The EventDestinations of open streams of server-sent events.

One lives as long as its connection. A hub is the part of an API process that serves streams; all of
its streams hang on one lease, so that those of a process that was killed are removed by another.
Called by :mod:`.feed` and the faces.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.clock import Clock
from odimra.events.errors import SubscriptionLimitReached, SubscriptionMissing
from odimra.events.model import STREAMED, NewSubscription, Subscription
from odimra.store import NEWS, Document, Script, Store, VersionMismatch

_LUA = "odimra.events"
OPEN = Script.from_package(_LUA, "lua/emit.lua", "lua/hub.lua", "lua/stream_open.lua", header=NEWS)
CLOSE = Script.from_package(_LUA, "lua/emit.lua", "lua/stream_close.lua", header=NEWS)
RENEW = Script.from_package(
    _LUA, "lua/emit.lua", "lua/hub.lua", "lua/stream_renew.lua", header=NEWS
)
REAP = Script.from_package(_LUA, "lua/emit.lua", "lua/hub.lua", "lua/stream_reap.lua", header=NEWS)
READ = Script.from_package(_LUA, "lua/later.lua", "lua/read.lua")

#: A place in the stream of events: milliseconds, and the number within them.
Place = tuple[int, int]


def place(stream_id: str) -> Place:
    """Return the place that an id of the stream names."""
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)


def id_of(where: Place) -> str:
    """Return the id of a place."""
    return f"{where[0]}-{where[1]}"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """``limit`` streams may be open in all processes together.

    ``lease`` in seconds: streams of a process that has not been heard of for so long are removed.
    """

    limit: int = 2000
    lease: float = 15.0


@dataclass(frozen=True, slots=True)
class NewStream:
    """What a stream is opened with; ``client`` is its ``redfish-sse://`` URI."""

    client: str
    owner: str
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What comes behind ``start``; ``gap``: some between what was asked for and that is lost."""

    gap: bool
    start: Place
    entries: Sequence[Any]


class Streams:
    """All open streams of one store."""

    def __init__(
        self,
        store: Store,
        options: StreamOptions,
        clock: Clock,
        *,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        new_context: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        """``new_context`` makes opaque strings that are all of one length."""
        self.options = options
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._new_context = new_context
        self._index = store.keys.index("streams")
        self._hubs = store.keys.of("hubs")

    def _of(self, hub: str) -> str:
        return self._store.keys.of("streams", hub)

    def _key(self, stream_id: str) -> str:
        return self._store.keys.of("subscription", stream_id)

    def _given(self, **values: Any) -> bytes:
        keep = self._store.options.max_events
        return orjson.dumps({"at": self._clock.now_ms(), "keep": keep, **values})

    @property
    def _lease(self) -> int:
        return round(self.options.lease * 1000)

    async def open(self, new: NewStream, hub: str) -> tuple[Subscription, Place]:
        """Create the EventDestination of a stream; return it and the place of that event.

        Raises :class:`SubscriptionLimitReached`.
        """
        stream_id = self._new_id()
        fields = NewSubscription(new.client, new.owner, self._new_context()).stored()
        fields |= {"type": STREAMED, "hub": hub} | ({"filtered": "1"} if new.filtered else {})
        reply = await self._store.script(
            OPEN,
            keys=[
                self._key(stream_id),
                self._index,
                self._hubs,
                self._of(hub),
                self._store.keys.events,
            ],
            args=[
                self._given(
                    id=stream_id, set=fields, limit=self.options.limit, hub=hub, lease=self._lease
                )
            ],
        )
        if reply[0] == b"limit":
            raise SubscriptionLimitReached
        document = Document.from_reply(reply[2])
        return Subscription.load(stream_id, document), place(reply[1].decode())

    async def close(self, stream_id: str, hub: str, *, expect: Iterable[int] | None = None) -> None:
        """Remove an EventDestination if its version is one of ``expect``; its stream ends.

        Raises :class:`SubscriptionMissing`, :class:`~odimra.store.VersionMismatch`.
        """
        wanted = {} if expect is None else {"expect": sorted(expect)}
        reply = await self._store.script(
            CLOSE,
            keys=[self._key(stream_id), self._index, self._of(hub), self._store.keys.events],
            args=[self._given(id=stream_id, **wanted)],
        )
        if reply[0] == b"missing":
            raise SubscriptionMissing(stream_id)
        if reply[0] == b"version":
            raise VersionMismatch(int(reply[1]))

    async def renew(self, hub: str) -> bool:
        """Keep the streams of a hub; False when it has none, or they were given up."""
        args = [self._given(hub=hub, lease=self._lease)]
        return bool(await self._store.script(RENEW, keys=[self._hubs], args=args))

    async def reap(self, most: int) -> int:
        """Remove up to ``most`` streams whose hub's lease has run out; return how many."""
        prefixes = {"streams": self._of(""), "subscriptions": self._key("")}
        gone = await self._store.script(
            REAP,
            keys=[self._hubs, self._index, self._store.keys.events],
            args=[self._given(most=most, **prefixes)],
        )
        for stream_id in gone:
            self._store.forget(self._key(stream_id.decode()))
        return len(gone)

    async def of(self, hub: str) -> frozenset[str]:
        """Return the ids of a hub's streams."""
        members = await self._store.call("SMEMBERS", self._of(hub))
        return frozenset(member.decode() for member in members)

    async def count(self) -> int:
        """Return how many are open."""
        return await self._store.documents.count(self._index)

    async def ids(self, skip: int, top: int) -> list[str]:
        """Return the ids of at most ``top`` streams behind the first ``skip``."""
        if top <= 0:
            return []
        return await self._store.documents.members(self._index, skip, skip + top - 1)

    async def read(self, behind: Place, most: int) -> Page:
        """Return at most ``most`` entries of the stream of events behind a place."""
        gap, start, entries = await self._store.script(
            READ, keys=[self._store.keys.events], args=[id_of(behind), most]
        )
        return Page(gap == 1, place(start.decode()), entries)
