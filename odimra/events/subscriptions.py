"""All subscriptions: each change is one atomic step, which also appends its event to the stream."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.clock import Clock
from odimra.events.errors import SubscriptionLimitReached, SubscriptionMissing
from odimra.events.model import (
    DISABLED,
    ENABLED,
    NewSubscription,
    Subscription,
    heartbeat_ms,
)
from odimra.store import NEWS, Document, Script, Store, VersionMismatch

_LUA = "odimra.events"
CREATE = Script.from_package(_LUA, "lua/emit.lua", "lua/create.lua", header=NEWS)
CHANGE = Script.from_package(_LUA, "lua/emit.lua", "lua/change.lua", header=NEWS)
DELETE = Script.from_package(_LUA, "lua/emit.lua", "lua/delete.lua", header=NEWS)


@dataclass(frozen=True, slots=True)
class SubscriptionOptions:
    """``limit`` subscriptions may be."""

    limit: int = 200


class LeaseLost(Exception):
    """Who wanted to change a subscription as the holder of its delivery is that no longer."""


def new_id() -> str:
    """Return a fresh subscription id."""
    return str(uuid.uuid4())


class Subscriptions:
    """The subscriptions of one store."""

    def __init__(
        self,
        store: Store,
        options: SubscriptionOptions,
        clock: Clock,
        *,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self.options = options
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._index = store.keys.index("subscriptions")

    def key(self, subscription_id: str) -> str:
        """Name the document of a subscription."""
        return self._store.keys.of("subscription", subscription_id)

    def delivery(self, subscription_id: str) -> str:
        """Name the hash that says how far its delivery is; changes often, so it is not cached."""
        return self._store.keys.of("delivery", subscription_id)

    def lease(self, subscription_id: str) -> str:
        """Name the key that the holder of its delivery keeps alive."""
        return self._store.keys.of("lease", subscription_id)

    def _given(self, subscription_id: str, **values: Any) -> bytes:
        return orjson.dumps(
            {
                "id": subscription_id,
                "at": self._clock.now_ms(),
                "keep": self._store.options.max_events,
                **{name: value for name, value in values.items() if value is not None},
            }
        )

    async def create(self, new: NewSubscription) -> Subscription:
        """Create a subscription that hears of what happens from now on.

        Raises :class:`SubscriptionLimitReached`.
        """
        subscription_id = self._new_id()
        reply = await self._store.script(
            CREATE,
            keys=[
                self.key(subscription_id),
                self._index,
                self.delivery(subscription_id),
                self._store.keys.events,
            ],
            args=[
                self._given(
                    subscription_id,
                    set=new.stored(),
                    limit=self.options.limit,
                    heartbeat_at=self._first_heartbeat(new),
                )
            ],
        )
        if reply[0] == b"limit":
            raise SubscriptionLimitReached
        return Subscription.load(subscription_id, Document.from_reply(reply[1]))

    def _first_heartbeat(self, new: NewSubscription) -> int | None:
        interval = heartbeat_ms(new.send_heartbeat, new.heartbeat_minutes)
        return None if interval is None else self._clock.now_ms() + interval

    async def get(self, subscription_id: str) -> Subscription | None:
        """Return a subscription."""
        document = await self._store.documents.read(self.key(subscription_id))
        return None if document is None else Subscription.load(subscription_id, document)

    async def count(self) -> int:
        """Return how many there are."""
        return await self._store.documents.count(self._index)

    async def ids(self, skip: int = 0, top: int | None = None) -> list[str]:
        """Return the ids of at most ``top`` subscriptions behind the first ``skip``."""
        top = self.options.limit if top is None else top
        if top <= 0:
            return []
        return await self._store.documents.members(self._index, skip, skip + top - 1)

    async def change(
        self,
        subscription_id: str,
        fields: Mapping[str, str],
        *,
        expect: Iterable[int] | None = None,
    ) -> Subscription:
        """Change fields of the document if its version is one of ``expect``.

        Raises :class:`SubscriptionMissing`, :class:`~odimra.store.VersionMismatch`.
        """
        return await self._change(
            subscription_id, set=dict(fields), expect=None if expect is None else sorted(expect)
        )

    async def suspend(
        self,
        subscription_id: str,
        *,
        expect: Iterable[int] | None = None,
        token: str | None = None,
    ) -> Subscription:
        """Stop its delivery until it is resumed; ``token`` is that of the lease's holder.

        Raises :class:`SubscriptionMissing`, :class:`~odimra.store.VersionMismatch`,
        :class:`LeaseLost`.
        """
        return await self._change(
            subscription_id,
            set={"state": DISABLED},
            expect=None if expect is None else sorted(expect),
            token=token,
        )

    async def resume(
        self, subscription_id: str, *, buffered_seconds: float | None = None
    ) -> Subscription:
        """Let its delivery go on where it stopped.

        ``buffered_seconds`` is the greatest age of an undelivered event that is still delivered; 0
        leaves them all out, None none. Raises :class:`SubscriptionMissing`.
        """
        before = None
        if buffered_seconds:
            before = self._clock.now_ms() - round(buffered_seconds * 1000)
        return await self._change(
            subscription_id,
            set={"state": ENABLED},
            skip_all=True if buffered_seconds == 0 else None,
            skip_before=before,
        )

    async def _change(self, subscription_id: str, **values: Any) -> Subscription:
        reply = await self._store.script(
            CHANGE,
            keys=[
                self.key(subscription_id),
                self.delivery(subscription_id),
                self.lease(subscription_id),
                self._store.keys.events,
            ],
            args=[self._given(subscription_id, **values)],
        )
        self._check(subscription_id, reply)
        return Subscription.load(subscription_id, Document.from_reply(reply[1]))

    async def delete(
        self,
        subscription_id: str,
        *,
        expect: Iterable[int] | None = None,
        token: str | None = None,
    ) -> None:
        """Remove a subscription if its version is one of ``expect``; nothing is sent any more.

        Raises :class:`SubscriptionMissing`, :class:`~odimra.store.VersionMismatch`,
        :class:`LeaseLost`.
        """
        reply = await self._store.script(
            DELETE,
            keys=[
                self.key(subscription_id),
                self.delivery(subscription_id),
                self.lease(subscription_id),
                self._store.keys.events,
                self._index,
            ],
            args=[
                self._given(
                    subscription_id,
                    expect=None if expect is None else sorted(expect),
                    token=token,
                )
            ],
        )
        self._check(subscription_id, reply)

    @staticmethod
    def _check(subscription_id: str, reply: list[Any]) -> None:
        if reply[0] == b"missing":
            raise SubscriptionMissing(subscription_id)
        if reply[0] == b"version":
            raise VersionMismatch(int(reply[1]))
        if reply[0] == b"lost":
            raise LeaseLost(subscription_id)
