"""What the store knows of listening to BMCs: who listens to which, how, and what was seen of it.

Everything is changed in atomic steps, and but for what a BMC tells only by who holds the source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.store import Script, Store

_LUA = "odimra.aggregation.listening"
TOLD = Script.from_package(_LUA, "lua/entries.lua", "lua/told.lua")
WATCHED = Script.from_package(_LUA, "lua/entries.lua", "lua/watched.lua")
NOTE = Script.from_package(_LUA, "lua/note.lua")
TAKE = Script.from_package(_LUA, "lua/entries.lua", "lua/take.lua")
KEEP = Script.from_package(_LUA, "lua/entries.lua", "lua/keep.lua")
DROP = Script.from_package(_LUA, "lua/drop.lua")

#: Digests of what one BMC has told that are kept, at most.
MOST_DIGESTS = 1000
#: Events that one BMC may tell in a minute.
MOST_A_MINUTE = 3000
#: Registries of BMCs that are known, at most, and the longest name of one.
MOST_REGISTRIES = 200
LONGEST_REGISTRY = 64
TOO_MANY = -2
#: Which BMC was looked at, among the paths of its resources.
BASE = "@base"


class TooMany(Exception):
    """A BMC tells more than it may in a minute."""


class HoldingLost(Exception):
    """Somebody else listens to a source by now."""


def digest(text: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """An event for the stream.

    ``digest`` names what it tells of for ``keep_ms``; without one it is told in any case. ``path``
    is the BMC's, empty where nothing is known to have changed.
    """

    registry: str
    message: str
    severity: str
    resource_type: str
    record: Mapping[str, Any]
    digest: str = ""
    keep_ms: int = 0
    path: str = ""

    def fields(self) -> list[str]:
        """Return names and values of the entry."""
        return [
            "registry", self.registry, "message", self.message, "severity", self.severity,
            "resource_type", self.resource_type, "given", orjson.dumps(self.record).decode(),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noted:
    """The subscription at a BMC: its ``uri`` there, empty if there is none.

    ``secret`` and ``context`` are digests; ``base`` and ``destination`` are what it was made for,
    ``refused`` until when (ms) the BMC is not asked again, ``heard`` how often it has posted and
    ``looked`` how often it had when its resources were looked at last.
    """

    uri: str = ""
    secret: str = ""
    context: str = ""
    base: str = ""
    destination: str = ""
    refused: int = 0
    heard: int = 0
    looked: int = 0


class Ledger:
    """All of it, in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leases = store.keys.of("listening", "leases")
        self._holders = store.keys.of("listening", "holders")
        self._registries = store.keys.of("setting", "registries")

    def _noted(self, source_id: str) -> str:
        return self._store.keys.of("listening", "subscription", source_id)

    def _seen(self, source_id: str) -> str:
        return self._store.keys.of("listening", "resources", source_id)

    def _digests(self, source_id: str) -> str:
        return self._store.keys.of("listening", "told", source_id)

    # Who listens

    async def take(
        self, token: str, lease: float, most: int, source_ids: Sequence[str]
    ) -> list[str]:
        """Become the holder of at most ``most`` sources that have none; return which."""
        args: list[str | int] = [token, round(lease * 1000), most, *source_ids]
        taken = await self._store.script(TAKE, keys=[self._leases, self._holders], args=args)
        return [one.decode() for one in taken]

    async def keep(self, token: str, lease: float, source_ids: Iterable[str]) -> list[str]:
        """Keep sources for ``lease`` seconds; return those that somebody else has by now."""
        args: list[str | int] = [token, round(lease * 1000), *source_ids]
        lost = await self._store.script(KEEP, keys=[self._leases, self._holders], args=args)
        return [one.decode() for one in lost]

    async def drop(self, token: str, source_id: str, *, forget: bool = False) -> None:
        """Give a source back; ``forget`` all that is known of it."""
        keys = [self._leases, self._holders, self._noted(source_id), self._seen(source_id)]
        keys.append(self._digests(source_id))
        await self._store.script(DROP, keys=keys, args=[token, source_id, "1" if forget else "0"])

    async def known(self) -> frozenset[str]:
        """Return the sources of which there are leases, also those that have run out."""
        return frozenset(
            one.decode() for one in await self._store.call("ZRANGE", self._leases, 0, -1)
        )

    # The subscription at the BMC

    async def read(self, source_id: str) -> Noted:
        """Return what is known of the subscription at a BMC."""
        found = _pairs(await self._store.call("HGETALL", self._noted(source_id)))
        counts = [int(found.get(name, 0)) for name in ("refused", "heard", "looked")]
        uri, secret, context, base, destination = (
            found.get(name, "") for name in ("uri", "secret", "context", "base", "destination")
        )
        return Noted(uri, secret, context, base, destination, *counts)

    async def note(
        self, token: str, source_id: str, *, unset: Sequence[str] = (), **values: str | int
    ) -> None:
        """Write what is known of the subscription. Raises :class:`HoldingLost`."""
        given = {"set": {name: str(one) for name, one in values.items()}, "unset": list(unset)}
        held = await self._store.script(
            NOTE,
            keys=[self._holders, self._noted(source_id)],
            args=[source_id, token, orjson.dumps(given)],
        )
        if not held:
            raise HoldingLost(source_id)

    async def admits(self, source_id: str, secret: str) -> str | None:
        """Return the digest of the context of whoever knows the secret; None if it is wrong."""
        found = await self._store.call("HMGET", self._noted(source_id), "secret", "context")
        if found[0] is None or found[0].decode() != digest(secret):
            return None
        return (found[1] or b"").decode()

    # What is told

    async def tell(self, source_id: str, secret: str, entries: Sequence[Entry]) -> int | None:
        """Put events of a BMC on the stream; return how many were new, None for a wrong secret.

        Raises :class:`TooMany`.
        """
        events = [
            {"fields": one.fields(), "keep_ms": one.keep_ms, "registry": one.registry}
            | ({"digest": one.digest} if one.digest else {})
            for one in entries
        ]
        new: int = await self._store.script(
            TOLD,
            keys=[
                self._store.keys.events,
                self._noted(source_id),
                self._digests(source_id),
                self._registries,
            ],
            args=[
                self._store.options.max_events,
                digest(secret),
                MOST_DIGESTS,
                MOST_REGISTRIES,
                orjson.dumps(events),
                MOST_A_MINUTE,
            ],
        )
        if new == TOO_MANY:
            raise TooMany(source_id)
        return None if new < 0 else new

    async def add_registries(self, prefixes: Iterable[str]) -> None:
        """Note the registries that a BMC says it uses, those that fit."""
        known = await self.registries()
        for prefix in prefixes:
            if (
                prefix not in known
                and len(prefix) <= LONGEST_REGISTRY
                and len(known) < MOST_REGISTRIES
            ):
                await self._store.call("HSETNX", self._registries, prefix, "1")

    async def registries(self) -> frozenset[str]:
        """Return the prefixes of the registries that BMCs use, as far as they are known."""
        return await self._store.cached(self._registries, "prefixes", self._load_registries)

    async def _load_registries(self) -> frozenset[str]:
        names = await self._store.call("HKEYS", self._registries)
        return frozenset(name.decode() for name in names)

    # What is seen

    async def seen(self, source_id: str) -> dict[str, str]:
        """Return what was seen of a BMC's resources, by their paths."""
        return _pairs(await self._store.call("HGETALL", self._seen(source_id)))

    async def watched(
        self,
        token: str,
        source_id: str,
        seen: Mapping[str, str],
        gone: Iterable[str],
        entries: Iterable[Entry] = (),
    ) -> None:
        """Note what is seen by now and tell of it. Raises :class:`HoldingLost`."""
        given = {"set": seen, "unset": list(gone), "events": [one.fields() for one in entries]}
        held = await self._store.script(
            WATCHED,
            keys=[self._store.keys.events, self._holders, self._seen(source_id)],
            args=[self._store.options.max_events, source_id, token, orjson.dumps(given)],
        )
        if not held:
            raise HoldingLost(source_id)


def _pairs(reply: Any) -> dict[str, str]:
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2])  # noqa: B905
    return {name.decode(): value.decode() for name, value in pairs}
