"""A push in a process of its own: ``python -m tests.events.holder URL NAMESPACE``; to be killed."""

from __future__ import annotations

import asyncio
import sys

from odimra.clock import SystemClock
from odimra.events import (
    EventSettings,
    Push,
    PushOptions,
    SubscriptionOptions,
    Subscriptions,
    event_service_settings,
)
from odimra.redfish.event_json import EventRepresentation
from odimra.redfish.messages import Messages
from odimra.store import Store, StoreOptions


async def everything(account: str) -> bool:
    return True


async def nothing(uri: str, account: str) -> bytes | None:
    return None


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    clock = SystemClock()
    shown = EventRepresentation(Messages.load())
    push = Push(
        store,
        Subscriptions(store, SubscriptionOptions(), clock),
        event_service_settings(store, EventSettings()),
        clock,
        # The lease outlives the process for as long.
        PushOptions(timeout=0.9, lease=1.0, scan=0.05),
        render=shown.event,
        gap=shown.gap,
        heartbeat=shown.heartbeat,
        sees_all=everything,
        read_origin=nothing,
    )
    await push.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
