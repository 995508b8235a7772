"""The store as the rooms above see it: commands, atomic steps, documents, cached reads."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError

from odimra.store.cache import ReadCache, Tracker
from odimra.store.coalesce import Argument, Coalescer
from odimra.store.connect import ConnectOptions, connect
from odimra.store.documents import Documents
from odimra.store.keys import Keys
from odimra.store.scripts import Script
from odimra.store.signals import listen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the store is and how to use it.

    ``timeout`` is in seconds; ``connections`` pipelines may be under way at once;
    ``cache_entries`` keys are kept in process, 0 keeps none; the stream of events keeps about
    ``max_events`` entries, whichever room's step writes them.
    """

    url: str
    namespace: str = "odimra"
    connections: int = 4
    timeout: float = 0.8
    cache_entries: int = 50_000
    max_events: int = 100_000


class Store:
    """A connection to Redis or Valkey. Everything it does may raise :class:`StoreUnavailable`."""

    def __init__(self, options: StoreOptions) -> None:
        self.options = options
        self.keys = Keys(options.namespace)
        self._client = connect(ConnectOptions(options.url, options.connections, options.timeout))
        self._coalescer = Coalescer(
            self._client, lanes=options.connections, timeout=options.timeout
        )
        self.cache = ReadCache(options.cache_entries)
        self._tracker = Tracker(
            self._client, self.cache, self.keys.tracked_prefixes, timeout=options.timeout
        )
        self.documents = Documents(self)

    @classmethod
    async def open(cls, options: StoreOptions) -> Store:
        """Return a store that is in use; it need not be reachable yet."""
        store = cls(options)
        if options.cache_entries:
            await store._tracker.start()
        return store

    async def close(self) -> None:
        """Let go of every connection."""
        await self._tracker.stop()
        await self._coalescer.close()
        with contextlib.suppress(RedisError, OSError):  # it is gone: nothing is left to let go of
            await self._client.aclose()

    async def call(self, *command: Argument) -> Any:
        """Return the raw reply (bytes) to one command."""
        return await self._coalescer.call(*command)

    async def script(
        self,
        script: Script,
        *,
        keys: Sequence[str],
        args: Sequence[Argument],
        touches: Iterable[str] = (),
        changes: Iterable[str] | None = None,
    ) -> Any:
        """Run ``script`` as one atomic step and return its raw reply.

        This process forgets what it has cached of ``keys`` (of ``changes`` only, where these are
        given) and of ``touches`` before the step is acknowledged, so that it reads its own writes.
        Of all other changes the server's push tells it a moment later.
        """
        try:
            reply = await self._coalescer.call("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            # The server lost its scripts (restart, failover); EVAL runs it and keeps it.
            reply = await self._coalescer.call("EVAL", script.source, len(keys), *keys, *args)
        finally:
            for key in keys if changes is None else changes:
                self.cache.forget(key)
            for key in touches:
                self.cache.forget(key)
        return reply

    async def cached(self, key: str, variant: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """Return what ``load`` derives from ``key``, kept until the server says it changed.

        A value of None is never kept. Keys whose changes are not pushed are read every time.
        """
        if not self.keys.cacheable(key):
            return await load()
        return await self.cache.read(key, variant, load)

    async def listen(self, channel: str, hear: Callable[[str], None]) -> None:
        """Call ``hear`` with each message on ``channel`` until cancelled.

        What is said while the connection is down is not heard: a message is a hint, no record.
        """
        await listen(self._client, channel, hear)

    def peek(self, key: str, variant: Hashable = None) -> Any:
        """Return the value kept for ``key`` and ``variant``, or None, without waiting."""
        return self.cache.peek(key, variant)

    def forget(self, key: str) -> None:
        """Drop this process's own copy of ``key``."""
        self.cache.forget(key)
