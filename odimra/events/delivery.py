"""The delivery of one subscription by the process that holds its lease.

In order, at least once: the cursor in the store moves only after a 2xx, and only the holder of the
lease can move it. Called by :mod:`.push`.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from odimra.clock import Clock
from odimra.events import model, origins
from odimra.events.errors import SubscriptionMissing
from odimra.events.filters import concerns, wanted
from odimra.events.model import Rendered, Subscription
from odimra.events.origins import ReadOrigin
from odimra.events.payload import LONGEST, body, pack
from odimra.events.sender import Sender
from odimra.events.settings import EventServiceSettings, EventSettings
from odimra.events.subscriptions import LeaseLost, Subscriptions
from odimra.events.wake import Wake
from odimra.events.window import Page, Window
from odimra.store import Script, Store, StoreUnavailable, VersionMismatch

log = logging.getLogger(__name__)

RENEW = Script.from_package("odimra.events", "lua/renew.lua")
COMMIT = Script.from_package("odimra.events", "lua/later.lua", "lua/commit.lua")
BEAT = Script.from_package("odimra.events", "lua/beat.lua")
FAILED = Script.from_package("odimra.events", "lua/failed.lua")
RELEASE = Script.from_package("odimra.events", "lua/release.lua")

#: Longest interval that RetryForeverWithBackoff grows to, in seconds, unless the first is longer.
LONGEST_BACKOFF = 3600

#: What is kept of why a delivery failed, in characters.
LONGEST_REASON = 300

#: Whether an account may hear of what is other accounts' own.
SeesAll = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What all deliveries of a process share.

    ``gap`` renders the event that says that history was lost behind a stream id, at a time in ms,
    ``heartbeat`` the one that says at a time in ms that the service works.
    ``lease`` in seconds is longer than the ``timeout`` of the ``sender``.
    """

    store: Store
    subscriptions: Subscriptions
    settings: EventServiceSettings
    clock: Clock
    sender: Sender
    window: Window
    gap: Callable[[str, int], Rendered]
    heartbeat: Callable[[int], Rendered]
    sees_all: SeesAll
    read_origin: ReadOrigin
    lease: float
    timeout: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery is: ``failures`` in a row, ``retry_at`` and ``heartbeat_at`` in ms."""

    cursor: str
    failures: int = 0
    retry_at: int = 0
    heartbeat_at: int = 0

    @classmethod
    def load(cls, reply: Sequence[bytes | None]) -> Progress:
        """Read what the steps on a delivery return, in the order of the fields."""
        cursor, *numbers = reply
        return cls((cursor or b"").decode(), *(int(number or 0) for number in numbers))


def retry_interval(policy: str, settings: EventSettings, failures: int) -> int:
    """Return the seconds to wait after the ``failures``-th failure in a row.

    Constant, but for RetryForeverWithBackoff: twice as long each time, up to a bound.
    """
    if policy != model.BACKOFF:
        return settings.interval
    longest = max(LONGEST_BACKOFF, settings.interval)
    doubled: int = settings.interval << min(failures - 1, 30)
    return min(doubled, longest)


class _Overtaken(Exception):
    """It is to stop, or the subscription is another by now: what is left is looked at anew."""


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
                except _Overtaken:
                    continue
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
        beats = settings.enabled and subscription.heartbeat_ms is not None
        if not page.events:
            due = (self._progress.heartbeat_at - self._c.clock.now_ms()) / 1000 if beats else None
            if due is None or due > 0:
                await self._until_grown(due)
                return True
        elif self._met_itself(page):
            return True
        else:
            page = page.until(self._id)
            if not settings.enabled:
                # EventService: while it is disabled events are not published, nor are they later.
                await self._commit(page.last)
                return True
            if page.full:
                self._c.window.expect(page.last)
            if not await self._deliver(subscription, settings, page):
                return True
        # Behind the events: a destination that refuses nothing but heartbeats hears the rest.
        if beats and self._progress.heartbeat_at <= self._c.clock.now_ms():
            await self._beat(subscription, settings)
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
        if subscription.version == self._version and not self._ending:
            return
        self._progress = await self._renew()
        self._version = subscription.version

    @property
    def _ending(self) -> bool:
        """Whether the lease might end before a delivery does that begins now."""
        spare = (self._c.lease - self._c.timeout) * 1000 / 2
        return self._c.clock.now_ms() - self._renewed >= spare

    async def _renew(self) -> Progress:
        now = self._c.clock.now_ms()
        reply = await self._c.store.script(RENEW, keys=self._keys, args=[self._token, self._ms])
        if reply is None:
            raise LeaseLost(self._id)
        self._renewed = now
        return Progress.load(reply)

    async def _until_grown(self, due: float | None) -> None:
        """Wait until there is more, until ``due`` in seconds, or until it is time to look."""
        if self._grown:
            return  # since it was read
        self._idle = True
        try:
            await self._wake.wait(min(self._c.lease / 3, math.inf if due is None else due))
        finally:
            self._idle = False

    async def _deliver(
        self, subscription: Subscription, settings: EventSettings, page: Page
    ) -> bool:
        """Send what of a page is wanted; tell whether all of it was taken."""
        for number, payload in enumerate(
            pack(await self._wanted(subscription, page), subscription.context)
        ):
            if number:
                # The commit has just renewed the lease; the subscription may be another by now.
                await self._still(subscription)
            if payload.body is not None and not await self._send(
                subscription, settings, payload.body
            ):
                return False
            await self._commit(payload.through)
        return True

    async def _wanted(
        self, subscription: Subscription, page: Page
    ) -> list[tuple[str, Rendered | None]]:
        """Return the events of a page as they are sent; None stands for one that is not."""
        events: list[tuple[str, Rendered | None]] = []
        cursor = self._progress.cursor
        if page.gap:
            # Whatever the filters: who relies on hearing everything must know that it did not.
            gap = self._c.gap(cursor, self._c.clock.now_ms())
            events.append((cursor, await self._complete(subscription, gap)))
        # Asked each time: privileges are taken away too.
        sees_all = await self._c.sees_all(subscription.owner)
        size = 0
        for event, worded in page.events:
            fits = concerns(worded, subscription.owner, sees_all) and wanted(
                subscription.filters, worded
            )
            if fits and subscription.include_origin:
                # What is read for one page fits in a payload or two, whatever is in it.
                if size > LONGEST:
                    break
                complete = await self._complete(subscription, worded)
                size += len(complete.json)
                events.append((event.id, complete))
            else:
                events.append((event.id, worded if fits else None))
        return events

    async def _complete(self, subscription: Subscription, event: Rendered) -> Rendered:
        """Return an event with the resource that it is about, where the subscriber wants that."""
        if not subscription.include_origin:
            return event
        return await origins.include(event, subscription.owner, self._c.read_origin)

    async def _beat(self, subscription: Subscription, settings: EventSettings) -> None:
        """Say that the service works, whatever the filters; the next time is the store's."""
        now, interval = self._c.clock.now_ms(), subscription.heartbeat_ms or 1
        event = await self._complete(subscription, self._c.heartbeat(now))
        told = body([event.at(0)], subscription.context, str(event.record["EventId"]))
        if not await self._send(subscription, settings, told):
            return
        # In step with the first one; those that nobody could send are not made up for.
        after = now + interval - (now - self._progress.heartbeat_at) % interval
        renewed = self._c.clock.now_ms()
        if not await self._c.store.script(
            BEAT, keys=self._keys, args=[self._token, self._ms, after]
        ):
            raise LeaseLost(self._id)
        self._progress, self._renewed = Progress(self._progress.cursor, 0, 0, after), renewed

    async def _still(self, subscription: Subscription) -> None:
        """Raise :class:`_Overtaken` when nothing more may be sent on behalf of ``subscription``."""
        if self._stopping or await self._c.subscriptions.get(self._id) != subscription:
            raise _Overtaken

    async def _send(self, subscription: Subscription, settings: EventSettings, body: bytes) -> bool:
        """Post to the destination, or else to the first of its backups that takes it.

        When none does it is a failed delivery, which is recorded.
        """
        wrong = []
        for number, destination in enumerate((subscription.destination, *subscription.backups)):
            if number:
                await self._still(subscription)
            if self._ending:
                # Each may take as long as a delivery may.
                await self._renew()
            said = await self._c.sender.post(subscription, destination, body)
            if said is None:
                return True
            wrong.append(said)
        await self._failed(subscription, settings, ", ".join(wrong))
        return False

    async def _commit(self, cursor: str) -> None:
        now = self._c.clock.now_ms()
        if not await self._c.store.script(
            COMMIT, keys=self._keys, args=[self._token, self._ms, cursor]
        ):
            raise LeaseLost(self._id)
        self._progress = Progress(cursor, heartbeat_at=self._progress.heartbeat_at)
        self._renewed = now

    async def _failed(
        self, subscription: Subscription, settings: EventSettings, wrong: str
    ) -> None:
        failures = self._progress.failures + 1
        wait = retry_interval(subscription.policy, settings, failures)
        log.info("subscription %s: delivery %d failed: %s", self._id, failures, wrong)
        now = self._c.clock.now_ms()
        at = now + wait * 1000
        if not await self._c.store.script(
            FAILED,
            keys=self._keys,
            args=[self._token, self._ms, failures, at, wrong[:LONGEST_REASON], now],
        ):
            raise LeaseLost(self._id)
        self._progress = replace(self._progress, failures=failures, retry_at=at)
        self._renewed = now

    async def _give_up(self, subscription: Subscription) -> bool:
        """Do as the policy says after all retries have failed; False when it says to go on."""
        # Of this version: somebody may have changed the policy a moment ago.
        as_known: dict[str, Any] = {"token": self._token, "expect": [subscription.version]}
        try:
            if subscription.policy == model.TERMINATE:
                await self._c.subscriptions.delete(self._id, **as_known)
                done = "ended"
            elif subscription.policy == model.SUSPEND:
                await self._c.subscriptions.suspend(self._id, **as_known)
                done = "suspended"
            else:
                return False
        except VersionMismatch:
            raise _Overtaken from None
        log.warning("subscription %s: %s, its destination cannot be reached", self._id, done)
        return True
