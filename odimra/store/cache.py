"""An in-process cache that the server keeps true.

One connection subscribes to the server's invalidation messages (``CLIENT TRACKING ... BCAST``,
redirected to a subscriber of ``__redis__:invalidate``); whatever key changes, by whichever process,
its entry is dropped. While that subscription does not stand, nothing is kept and every read goes
to the server, so a copy is never older than the server's push.

redis-py has no such cache for asyncio; this one uses its public connections only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from redis.asyncio import Connection, ConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError

from odimra.store.connect import Client

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Channel on which a RESP2 subscriber receives invalidations.
CHANNEL = "__redis__:invalidate"
#: Variants kept of one key (pages of a collection, for instance).
VARIANTS = 64


class ReadCache:
    """Values derived from keys, kept until the server says that the key changed.

    ``entries`` bounds the number of keys; the least recently used leaves first.
    """

    def __init__(self, entries: int) -> None:
        self._bound = entries
        self._entries: OrderedDict[str, dict[Hashable, Any]] = OrderedDict()
        self._loading: dict[tuple[str, Hashable], asyncio.Future[Any]] = {}
        self._enabled = False
        self.hits = 0
        self.misses = 0

    @property
    def enabled(self) -> bool:
        """Whether the server's push stands, and values may be kept."""
        return self._enabled

    def enable(self) -> None:
        """Begin to keep values."""
        self._enabled = True

    def disable(self) -> None:
        """Forget all, and keep nothing until :meth:`enable`."""
        self._enabled = False
        self.clear()

    def clear(self) -> None:
        """Forget every value; reads under way will not be kept."""
        self._entries.clear()
        self._loading.clear()

    def forget(self, key: str) -> None:
        """Forget what was derived from ``key``; reads of it that are under way will not be kept."""
        self._entries.pop(key, None)
        if self._loading:
            for slot in [slot for slot in self._loading if slot[0] == key]:
                del self._loading[slot]

    def peek(self, key: str, variant: Hashable = None) -> Any:
        """Return the value kept for ``key`` and ``variant``, or None."""
        variants = self._entries.get(key)
        if variants is None:
            return None
        value = variants.get(variant)
        if value is not None:
            self.hits += 1
            self._entries.move_to_end(key)
        return value

    def derive(
        self, key: str, variant: Hashable, base: Hashable, make: Callable[[Any], T]
    ) -> T | None:
        """Return what ``make`` makes of the value kept as ``base``, kept beside it; else None.

        Never waits: what is not in the cache is not looked up.
        """
        variants = self._entries.get(key)
        if variants is None:
            return None
        value: T | None = variants.get(variant)
        if value is None:
            found = variants.get(base)
            if found is None:
                return None
            value = variants[variant] = make(found)
        self.hits += 1
        self._entries.move_to_end(key)
        return value

    async def read(self, key: str, variant: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """Return the value kept, else what ``load`` returns.

        That is kept unless ``key`` changes while it loads. Concurrent reads load it once.
        """
        found = self.peek(key, variant)
        if found is not None:
            return found  # type: ignore[no-any-return]
        self.misses += 1
        if not self._enabled:
            return await load()
        slot = (key, variant)
        under_way = self._loading.get(slot)
        if under_way is not None:
            return await asyncio.shield(under_way)
        return await asyncio.shield(self._start(slot, load))

    def _start(
        self, slot: tuple[str, Hashable], load: Callable[[], Awaitable[T]]
    ) -> asyncio.Future[T]:
        # A task of its own: the first reader may be cancelled, the others still want the value.
        loading: asyncio.Future[T] = asyncio.ensure_future(load())
        self._loading[slot] = loading
        loading.add_done_callback(lambda done: self._loaded(slot, done))
        return loading

    def _loaded(self, slot: tuple[str, Hashable], done: asyncio.Future[Any]) -> None:
        current = self._loading.get(slot) is done
        if current:
            del self._loading[slot]
        if done.cancelled() or done.exception() is not None or not current:
            return
        value = done.result()
        if value is None or not self._enabled:
            return
        key, variant = slot
        variants = self._entries.setdefault(key, {})
        self._entries.move_to_end(key)
        if len(variants) >= VARIANTS:
            del variants[next(iter(variants))]
        variants[variant] = value
        if len(self._entries) > self._bound:
            self._entries.popitem(last=False)


class Tracker:
    """Keeps a :class:`ReadCache` true, and reconnects for as long as it runs."""

    def __init__(
        self,
        client: Client,
        cache: ReadCache,
        prefixes: tuple[str, ...],
        *,
        timeout: float,
        heartbeat: float = 1.0,
    ) -> None:
        self._client = client
        self._cache = cache
        self._prefixes = prefixes
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Begin; returns when the subscription stands, or cannot stand at present."""
        self._running = asyncio.create_task(self._run(), name="store-tracker")
        await self._ready.wait()

    async def stop(self) -> None:
        """End the subscription; the cache is switched off."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._cache.disable()

    def _pool(self) -> ConnectionPool | None:
        # On a Cluster each primary would need a subscription of its own: the cache stays off there.
        return self._client.connection_pool if isinstance(self._client, Redis) else None

    async def _run(self) -> None:
        pool = self._pool()
        if pool is None:
            log.info("read cache off: a cluster does not push to one connection")
            self._ready.set()
            return
        delay = 0.05
        while True:
            try:
                await self._follow(pool)
            except ResponseError as error:
                log.warning("read cache off: the server does not track: %s", error)
                self._ready.set()
                return
            except (RedisError, OSError, TimeoutError) as error:
                log.info("read cache off until the store is back: %s", error or "no heartbeat")
            finally:
                self._cache.disable()
            self._ready.set()
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)

    async def _follow(self, pool: ConnectionPool) -> None:
        subscriber = pool.make_connection()  # type: ignore[no-untyped-call]
        source = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await self._subscribe(subscriber, source)
            self._cache.enable()
            self._ready.set()
            await self._listen(subscriber)
        finally:
            await subscriber.disconnect(nowait=True)
            await source.disconnect(nowait=True)

    async def _subscribe(self, subscriber: Connection, source: Connection) -> None:
        async with asyncio.timeout(self._timeout):
            await subscriber.connect()  # type: ignore[no-untyped-call]
            await source.connect()  # type: ignore[no-untyped-call]
            await subscriber.send_command("CLIENT", "ID")
            identifier = await subscriber.read_response()
            await subscriber.send_command("SUBSCRIBE", CHANNEL)
            await subscriber.read_response()
            prefixes = [word for prefix in self._prefixes for word in ("PREFIX", prefix)]
            await source.send_command(
                "CLIENT", "TRACKING", "ON", "REDIRECT", str(int(identifier)), "BCAST", *prefixes
            )
            await source.read_response()

    async def _listen(self, subscriber: Connection) -> None:
        beating = asyncio.create_task(self._beat(subscriber))
        try:
            while True:
                # Two heartbeats without a word: the connection is dead though nobody closed it.
                async with asyncio.timeout(2 * self._heartbeat + self._timeout):
                    message = await subscriber.read_response()
                if isinstance(message, list) and message[0] == b"message":
                    self._invalidate(message[2])
        finally:
            beating.cancel()

    async def _beat(self, subscriber: Connection) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            await subscriber.send_command("PING")

    def _invalidate(self, keys: list[bytes] | None) -> None:
        if keys is None:  # FLUSHALL
            self._cache.clear()
            return
        for key in keys:
            self._cache.forget(key.decode())
