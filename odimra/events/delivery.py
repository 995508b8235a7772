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

from odimra.clock import Clock
from odimra.events import model
from odimra.events.errors import SubscriptionMissing
from odimra.events.filters import concerns, wanted
from odimra.events.model import Rendered, Subscription
from odimra.events.payload import pack
from odimra.events.sender import Sender
from odimra.events.settings import EventServiceSettings, EventSettings
from odimra.events.subscriptions import LeaseLost, Subscriptions
from odimra.events.window import Page, Window
from odimra.store import Script, Store, StoreUnavailable

log = logging.getLogger(__name__)

RENEW = Script.from_package("odimra.events", "lua/renew.lua")
COMMIT = Script.from_package("odimra.events", "lua/later.lua", "lua/commit.lua")
FAILED = Script.from_package("odimra.events", "lua/failed.lua")
RELEASE = Script.from_package("odimra.events", "lua/release.lua")

#: Longest interval that RetryForeverWithBackoff grows to, in seconds, unless the first is longer.
LONGEST_BACKOFF = 3600

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
    ``lease`` in seconds is longer than the ``timeout`` of the ``sender``.
    """

    store: Store
    subscriptions: Subscriptions
    settings: EventServiceSettings
    clock: Clock
    sender: Sender
    window: Window
    gap: Callable[[str, int], Rendered]
    sees_all: SeesAll
    lease: float
    timeout: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery is: ``failures`` in a row, ``retry_at`` in ms."""

    cursor: str
    failures: int = 0
    retry_at: int = 0

    @classmethod
    def load(cls, reply: Sequence[bytes | None]) -> Progress:
        """Read what the steps on a delivery return: cursor, failures, time of the next try."""
        cursor, failures, retry_at = reply
        return cls((cursor or b"").decode(), int(failures or 0), int(retry_at or 0))


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
    """One subscription, from taking the lease to giving it back.

    Only the holder moves the cursor, so it need not be read again: the store is told, not asked.
    """

    def __init__(
        self, context: DeliveryContext, subscription_id: str, token: str, progress: Progress
    ) -> None:
        self._c = context
        self._id = subscription_id
        self._token = token
        self._progress = progress
        #: Of the subscription when the progress was read; a new version may have moved it.
        self._version = 0
        self._looked_up_at = ""
        self._keys = [
            context.subscriptions.delivery(subscription_id),
            context.subscriptions.lease(subscription_id),
        ]
        self._ms = round(context.lease * 1000)
        self._renewed = context.clock.now_ms()
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
        await self._hold(subscription)
        settings = await self._c.settings.read()
        if self._progress.failures > settings.attempts and await self._give_up(subscription):
            return False
        wait = (self._progress.retry_at - self._c.clock.now_ms()) / 1000
        if wait > 0:
            # Renewed on the way; a change of the subscription is seen then too.
            await self._wake.wait(min(wait, self._c.lease / 3))
            return True
        self._grown = False
        page = await self._c.window.after(self._progress.cursor)
        if not page.events:
            await self._until_grown()
            return True
        if self._met_itself(page):
            return True
        page = page.until(self._id)
        if not settings.enabled:
            # EventService: while it is disabled events are not published, nor are they later.
            await self._commit(page.last)
        else:
            if page.full:
                self._c.window.expect(page.last)
            await self._deliver(subscription, settings, page)
        return True

    def _met_itself(self, page: Page) -> bool:
        """Tell whether the next event is about the subscription itself, and met the first time.

        It may have been suspended or deleted there. What this process knows of it may be older, so
        it is looked up before anything behind that event is sent.
        """
        first, _ = page.events[0]
        if first.resource != self._id or first.id == self._looked_up_at:
            return False
        self._c.store.forget(self._c.subscriptions.key(self._id))
        self._version, self._looked_up_at = 0, first.id
        return True

    async def _hold(self, subscription: Subscription) -> None:
        """Renew the lease if it might end during a delivery; read the progress if it may be new."""
        spare = (self._c.lease - self._c.timeout) * 1000 / 2
        now = self._c.clock.now_ms()
        if subscription.version == self._version and now - self._renewed < spare:
            return
        reply = await self._c.store.script(RENEW, keys=self._keys, args=[self._token, self._ms])
        if reply is None:
            raise LeaseLost(self._id)
        self._progress, self._renewed = Progress.load(reply), now
        self._version = subscription.version

    async def _until_grown(self) -> None:
        if self._grown:
            return  # since it was read
        self._idle = True
        try:
            await self._wake.wait(self._c.lease / 3)
        finally:
            self._idle = False

    async def _deliver(
        self, subscription: Subscription, settings: EventSettings, page: Page
    ) -> None:
        events: list[tuple[str, Rendered | None]] = []
        cursor = self._progress.cursor
        if page.gap:
            # Whatever the filters: who relies on hearing everything must know that it did not.
            events.append((cursor, self._c.gap(cursor, self._c.clock.now_ms())))
        # Asked each time: privileges are taken away too.
        sees_all = await self._c.sees_all(subscription.owner)
        for event, worded in page.events:
            fits = concerns(worded, subscription.owner, sees_all) and wanted(
                subscription.filters, worded
            )
            events.append((event.id, worded if fits else None))
        for number, payload in enumerate(pack(events, subscription.context)):
            # The commit has just renewed the lease; the subscription may be another by now.
            if number and (
                self._stopping or await self._c.subscriptions.get(self._id) != subscription
            ):
                return
            if payload.body is not None:
                wrong = await self._c.sender.post(subscription, payload.body)
                if wrong is not None:
                    await self._failed(subscription, settings, wrong)
                    return
            await self._commit(payload.through)

    async def _commit(self, cursor: str) -> None:
        now = self._c.clock.now_ms()
        if not await self._c.store.script(
            COMMIT, keys=self._keys, args=[self._token, self._ms, cursor]
        ):
            raise LeaseLost(self._id)
        self._progress, self._renewed = Progress(cursor), now

    async def _failed(
        self, subscription: Subscription, settings: EventSettings, wrong: str
    ) -> None:
        failures = self._progress.failures + 1
        wait = retry_interval(subscription.policy, settings, failures)
        log.info("subscription %s: delivery %d failed: %s", self._id, failures, wrong)
        now = self._c.clock.now_ms()
        at = now + wait * 1000
        if not await self._c.store.script(
            FAILED, keys=self._keys, args=[self._token, self._ms, failures, at]
        ):
            raise LeaseLost(self._id)
        self._progress, self._renewed = Progress(self._progress.cursor, failures, at), now

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
