"""Push: every subscription is delivered by one process at a time, each by a task of its own.

Any number of processes run this; they find each other's leases in the store. It has processes of
its own, so that a hundred subscribers take no time from tasks or requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from odimra.clock import Clock
from odimra.events import model
from odimra.events.delivery import Delivery, DeliveryContext, Progress, SeesAll
from odimra.events.model import Rendered
from odimra.events.origins import ReadOrigin
from odimra.events.sender import HttpSender
from odimra.events.settings import EventServiceSettings
from odimra.events.subscriptions import Subscriptions
from odimra.events.wake import Wake
from odimra.events.window import Render, Window
from odimra.networks import Reach
from odimra.store import Script, Store, StoreUnavailable

log = logging.getLogger(__name__)

EVERYWHERE = Reach()
#: A delivery that broke is left to other processes for so long, in seconds: what broke it here may
#: well break it again.
BROKEN = 15.0

CLAIM = Script.from_package("odimra.events", "lua/claim.lua")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """Times in seconds.

    ``timeout`` of one delivery; ``lease``: after so long another process takes over what a dead one
    delivered, more than ``timeout``; ``scan``: how often subscriptions without a holder are looked
    for; ``poll``: how often the stream's end is looked at; ``batch`` entries are read at once;
    nothing is sent out of ``reach``.
    """

    timeout: float = 10.0
    lease: float = 15.0
    scan: float = 0.5
    poll: float = 0.02
    batch: int = 200
    reach: Reach = EVERYWHERE


class Push:
    """The deliveries of one process."""

    def __init__(
        self,
        store: Store,
        subscriptions: Subscriptions,
        settings: EventServiceSettings,
        clock: Clock,
        options: PushOptions,
        *,
        render: Render,
        gap: Callable[[str, int], Rendered],
        heartbeat: Callable[[int], Rendered],
        sees_all: SeesAll,
        read_origin: ReadOrigin,
    ) -> None:
        """``render`` words an event, ``gap`` the one that says that history is lost.

        ``heartbeat`` words what says at a time in ms that the service works. ``sees_all`` tells
        whether an account may hear of what is other accounts' own, ``read_origin`` reads a
        resource as an account may.
        """
        if options.timeout >= options.lease:
            raise ValueError("a lease must outlive a delivery")
        self.options = options
        self._store = store
        self._subscriptions = subscriptions
        self._settings = settings
        self._clock = clock
        self._window = Window(store, render, batch=options.batch)
        self._gap = gap
        self._heartbeat = heartbeat
        self._sees_all = sees_all
        self._read_origin = read_origin
        #: Until when subscriptions are left alone whose delivery broke here.
        self._broken: dict[str, int] = {}
        self._held: dict[str, tuple[Delivery, asyncio.Task[None]]] = {}

    @property
    def held(self) -> frozenset[str]:
        """The subscriptions that this process delivers."""
        return frozenset(self._held)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set; what is being posted then may end."""
        wake = Wake(self._clock)

        async def stopped() -> None:
            await stop.wait()
            wake.call()

        stopping = asyncio.create_task(stopped(), name="push-stop")
        tail = asyncio.create_task(self._tail(), name="push-tail")
        try:
            async with HttpSender(timeout=self.options.timeout, reach=self.options.reach) as sender:
                context = DeliveryContext(
                    self._store,
                    self._subscriptions,
                    self._settings,
                    self._clock,
                    sender,
                    self._window,
                    self._gap,
                    self._heartbeat,
                    self._sees_all,
                    self._read_origin,
                    self.options.lease,
                    self.options.timeout,
                )
                try:
                    while not stop.is_set():
                        try:
                            await self._take(context)
                        except StoreUnavailable as error:
                            log.warning("push waits for the store: %s", error)
                        await wake.wait(self.options.scan)
                    for delivery, _ in list(self._held.values()):
                        delivery.stop()
                    ending = [task for _, task in self._held.values()]
                    # What broke was logged when it did; the others end in good order all the same.
                    await asyncio.gather(*ending, return_exceptions=True)
                finally:
                    await self._abandon()
        finally:
            stopping.cancel()
            tail.cancel()
            await asyncio.gather(stopping, tail, return_exceptions=True)

    async def _abandon(self) -> None:
        left = [task for _, task in self._held.values()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _take(self, context: DeliveryContext) -> None:
        """Take every subscription that has no holder."""
        now = self._clock.now_ms()
        self._broken = {one: until for one, until in self._broken.items() if until > now}
        free = [
            one
            for one in await self._subscriptions.ids()
            if one not in self._held and one not in self._broken
        ]
        await asyncio.gather(*(self._claim(context, one) for one in free))

    async def _claim(self, context: DeliveryContext, subscription_id: str) -> None:
        subscription = await self._subscriptions.get(subscription_id)
        if subscription is None or subscription.state != model.ENABLED:
            return
        # Of this holding only: a holder that was believed dead cannot pass for its successor.
        token = uuid.uuid4().hex
        claimed = await self._store.script(
            CLAIM,
            keys=[
                self._subscriptions.delivery(subscription_id),
                self._subscriptions.lease(subscription_id),
            ],
            args=[token, round(self.options.lease * 1000)],
        )
        if claimed is not None:
            delivery = Delivery(context, subscription_id, token, Progress.load(claimed))
            task = asyncio.create_task(delivery.run(), name=f"push-{subscription_id}")
            self._held[subscription_id] = (delivery, task)
            task.add_done_callback(lambda done: self._ended(subscription_id, done))

    def _ended(self, subscription_id: str, task: asyncio.Task[None]) -> None:
        self._held.pop(subscription_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("subscription %s: delivery broke", subscription_id, exc_info=error)
            self._broken[subscription_id] = self._clock.now_ms() + round(BROKEN * 1000)

    async def _tail(self) -> None:
        """Wake the deliveries when the stream has grown: one look for all of them."""
        last = b""
        while True:
            if self._held:
                with contextlib.suppress(StoreUnavailable):
                    newest = await self._store.call(
                        "XREVRANGE", self._store.keys.events, "+", "-", "COUNT", 1
                    )
                    if newest and newest[0][0] != last:
                        last = newest[0][0]
                        self._window.grown()
                        for delivery, _ in self._held.values():
                            delivery.grown()
            await self._clock.sleep(self.options.poll)
