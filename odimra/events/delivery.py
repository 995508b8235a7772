"""The delivery of one subscription by the process that holds its lease.

In order, at least once: the cursor in the store moves only after a 2xx, and only the holder of the
lease can move it. Called by :mod:`.push`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from odimra.clock import Clock
from odimra.events import model
from odimra.events.errors import SubscriptionMissing
from odimra.events.filters import concerns, wanted
from odimra.events.model import Event, Rendered, Subscription
from odimra.events.payload import pack
from odimra.events.sender import Sender
from odimra.events.settings import EventServiceSettings, EventSettings
from odimra.events.subscriptions import LeaseLost, Subscriptions
from odimra.store import Script, Store, StoreUnavailable

log = logging.getLogger(__name__)

FETCH = Script.from_package("odimra.events", "lua/later.lua", "lua/fetch.lua")
COMMIT = Script.from_package("odimra.events", "lua/commit.lua")
FAILED = Script.from_package("odimra.events", "lua/failed.lua")
RELEASE = Script.from_package("odimra.events", "lua/release.lua")

#: Longest interval that RetryForeverWithBackoff grows to, in seconds, unless the first is longer.
LONGEST_BACKOFF = 3600

Render = Callable[[Event], Rendered]
#: Whether an account may hear of what is other accounts' own.
SeesAll = Callable[[str], Awaitable[bool]]


class Wake:
    """Waits on the clock, but no longer than until it is called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._called = asyncio.Event()

    def call(self) -> None:
        """End the wait that is under way, or else the next one."""
        self._called.set()

    async def wait(self, seconds: float) -> None:
        """Return after ``seconds`` or when it is called."""
        called = asyncio.ensure_future(self._called.wait())
        slept = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((called, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            called.cancel()
            slept.cancel()
        self._called.clear()


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What all deliveries of a process share.

    ``gap`` renders the event that says that history was lost behind a stream id, at a time in ms.
    ``lease`` in seconds is longer than the ``sender`` may take; ``batch`` entries are read at once.
    """

    store: Store
    subscriptions: Subscriptions
    settings: EventServiceSettings
    clock: Clock
    sender: Sender
    render: Render
    gap: Callable[[str, int], Rendered]
    sees_all: SeesAll
    lease: float
    batch: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far the delivery is: ``failures`` in a row, ``retry_at`` in ms, and what comes next."""

    cursor: str
    failures: int
    retry_at: int
    gap: bool
    entries: Sequence[Any]


def retry_interval(policy: str, settings: EventSettings, failures: int) -> int:
    """Return the seconds to wait after the ``failures``-th failure in a row.

    Constant, but for RetryForeverWithBackoff: twice as long each time, up to a bound.
    """
    if policy != model.BACKOFF:
        return settings.interval
    longest = max(LONGEST_BACKOFF, settings.interval)
    doubled: int = settings.interval << min(failures - 1, 30)
    return min(doubled, longest)


class Delivery:
    """One subscription, from taking the lease to giving it back."""

    def __init__(self, context: DeliveryContext, subscription_id: str, token: str) -> None:
        self._c = context
        self._id = subscription_id
        self._token = token
        self._keys = [
            context.subscriptions.delivery(subscription_id),
            context.subscriptions.lease(subscription_id),
        ]
        self._ms = round(context.lease * 1000)
        self._wake = Wake(context.clock)
        self._stopping = self._grown = self._idle = False

    def stop(self) -> None:
        """Let what is being posted end, then give the lease back."""
        self._stopping = True
        self._wake.call()

    def grown(self) -> None:
        """Hear that the stream has grown; who waits for a retry is left to wait."""
        self._grown = True
        if self._idle:
            self._wake.call()

    async def run(self) -> None:
        """Deliver until stopped, suspended or deleted, or until the lease is lost."""
        try:
            while not self._stopping:
                try:
                    if not await self._step():
                        return
                except StoreUnavailable as error:
                    await self._wake.wait(error.retry_after)
        except (LeaseLost, SubscriptionMissing):
            return
        finally:
            with contextlib.suppress(StoreUnavailable):
                await self._c.store.script(RELEASE, keys=[self._keys[1]], args=[self._token])

    async def _step(self) -> bool:
        """Do what is to be done now, or wait for something to do; False when this is over."""
        subscription = await self._c.subscriptions.get(self._id)
        if subscription is None or subscription.state != model.ENABLED:
            return False
        self._grown = False
        fetched = await self._fetch()
        settings = await self._c.settings.read()
        if fetched.failures > settings.attempts and await self._give_up(subscription):
            return False
        wait = (fetched.retry_at - self._c.clock.now_ms()) / 1000
        if wait > 0:
            # Renewed on the way; a change of the subscription is seen then too.
            await self._wake.wait(min(wait, self._c.lease / 3))
        elif not fetched.entries:
            await self._until_grown()
        elif not settings.enabled:
            # EventService: while it is disabled events are not published, nor are they later.
            await self._commit(fetched.entries[-1][0].decode())
        else:
            await self._deliver(subscription, settings, fetched)
        return True

    async def _until_grown(self) -> None:
        if self._grown:
            return  # since it was read
        self._idle = True
        try:
            await self._wake.wait(self._c.lease / 3)
        finally:
            self._idle = False

    async def _fetch(self) -> Fetched:
        reply = await self._c.store.script(
            FETCH,
            keys=[*self._keys, self._c.store.keys.events],
            args=[self._token, self._ms, self._c.batch],
        )
        if reply[0] == b"lost":
            raise LeaseLost(self._id)
        _, cursor, failures, retry_at, gap, entries = reply
        return Fetched(cursor.decode(), int(failures), int(retry_at), gap == 1, entries)

    async def _deliver(
        self, subscription: Subscription, settings: EventSettings, fetched: Fetched
    ) -> None:
        events: list[tuple[str, Rendered | None]] = []
        if fetched.gap:
            # Whatever the filters: who relies on hearing everything must know that it did not.
            lost = self._c.gap(fetched.cursor, self._c.clock.now_ms())
            events.append((fetched.cursor, lost))
        # Asked each time: privileges are taken away too.
        sees_all = await self._c.sees_all(subscription.owner)
        for event in map(Event.load, fetched.entries):
            rendered = self._c.render(event)
            fits = concerns(rendered, subscription.owner, sees_all) and wanted(
                subscription.filters, rendered
            )
            events.append((event.id, rendered if fits else None))
        for number, payload in enumerate(pack(events, subscription.context)):
            # The commit has just renewed the lease; the subscription may be another by now.
            if number and (
                self._stopping or await self._c.subscriptions.get(self._id) != subscription
            ):
                return
            if payload.body is not None:
                wrong = await self._c.sender.post(subscription, payload.body)
                if wrong is not None:
                    await self._failed(subscription, settings, fetched.failures + 1, wrong)
                    return
            fetched = Fetched(payload.through, 0, 0, False, ())
            await self._commit(payload.through)

    async def _commit(self, cursor: str) -> None:
        if not await self._c.store.script(
            COMMIT, keys=self._keys, args=[self._token, self._ms, cursor]
        ):
            raise LeaseLost(self._id)

    async def _failed(
        self, subscription: Subscription, settings: EventSettings, failures: int, wrong: str
    ) -> None:
        wait = retry_interval(subscription.policy, settings, failures)
        log.info("subscription %s: delivery %d failed: %s", self._id, failures, wrong)
        at = self._c.clock.now_ms() + wait * 1000
        if not await self._c.store.script(
            FAILED, keys=self._keys, args=[self._token, self._ms, failures, at]
        ):
            raise LeaseLost(self._id)

    async def _give_up(self, subscription: Subscription) -> bool:
        """Do as the policy says after all retries have failed; False when it says to go on."""
        if subscription.policy == model.TERMINATE:
            log.warning("subscription %s: ended, its destination cannot be reached", self._id)
            await self._c.subscriptions.delete(self._id, token=self._token)
            return True
        if subscription.policy == model.SUSPEND:
            log.warning("subscription %s: suspended, its destination cannot be reached", self._id)
            await self._c.subscriptions.suspend(self._id, token=self._token)
            return True
        return False
