"""Messages between processes that are hints, not records: who misses one loses time only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import RedisError

from odimra.store.connect import Client

log = logging.getLogger(__name__)


async def listen(client: Client, channel: str, hear: Callable[[str], None]) -> None:
    """Call ``hear`` with each message on ``channel``, reconnecting until cancelled."""
    delay = 0.05
    while True:
        # A cluster client has no pubsub() without a node; any node passes messages on.
        subscriber = client.pubsub()
        try:
            await subscriber.subscribe(channel)
            delay = 0.05
            async for message in subscriber.listen():
                if message["type"] == "message":
                    hear(message["data"].decode())
        except (RedisError, OSError, TimeoutError) as error:
            log.info("no signals until the store is back: %s", error)
        finally:
            await subscriber.aclose()  # type: ignore[no-untyped-call]
        await asyncio.sleep(delay)
        delay = min(delay * 2, 1.0)
