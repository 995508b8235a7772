"""Commands of one turn of the event loop travel to the server as one pipeline.

The client library, not the server, is the bottleneck (measured: a round trip costs some 130
microseconds of Python, the server idles). Callers await single commands and know nothing of it.
At most ``lanes`` pipelines are under way; while all are busy, commands wait here instead of
failing, and leave together as soon as a lane is free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Any

from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MaxConnectionsError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from odimra.measures import COMMANDS, ROUND_TRIPS, STORE_FAILURES
from odimra.store.connect import Client
from odimra.store.errors import StoreError, StoreUnavailable

#: What the server or the way to it says when it cannot serve at present.
UNAVAILABLE = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ReadOnlyError,
    ClusterDownError,
    TryAgainError,
    OutOfMemoryError,
    MaxConnectionsError,
    RedisClusterException,
    OSError,
    TimeoutError,
)
#: Beginnings of error replies that have no class of their own in the client library.
UNAVAILABLE_REPLIES = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "UNBLOCKED", "BUSY ", "LOADING")

#: One pipeline is no longer than this, so that no reply is unbounded.
LONGEST = 500

#: How many commands may wait for a free lane before the store counts as gone.
WAITING = 50_000

Argument = str | bytes | int | float
Waiting = tuple[tuple[Argument, ...], "asyncio.Future[Any]"]


def translate(error: BaseException) -> Exception:
    """Return what the rest of the program shall see instead of the client library's ``error``."""
    if isinstance(error, UNAVAILABLE):
        return StoreUnavailable(str(error) or type(error).__name__)
    if isinstance(error, ResponseError) and str(error).startswith(UNAVAILABLE_REPLIES):
        return StoreUnavailable(str(error))
    return StoreError(str(error))


class Coalescer:
    """Sends concurrent commands together."""

    def __init__(self, client: Client, *, lanes: int, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._free = lanes
        self._waiting: deque[Waiting] = deque()
        self._scheduled = False
        self._sending: set[asyncio.Task[None]] = set()

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """Return the future reply to ``command``.

        It ends in :class:`StoreUnavailable` within the time limit when the store cannot answer,
        in :class:`NoScriptError` when a script is not loaded, in :class:`StoreError` otherwise.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if len(self._waiting) >= WAITING:
            reply.set_exception(StoreUnavailable("too many commands wait for the store"))
            return reply
        self._waiting.append((command, reply))
        if not self._scheduled and self._free:
            self._scheduled = True
            loop.call_soon(self._flush)
        return reply

    def _flush(self) -> None:
        self._scheduled = False
        while self._waiting and self._free:
            count = min(len(self._waiting), LONGEST)
            batch = [self._waiting.popleft() for _ in range(count)]
            self._free -= 1
            sending = asyncio.get_running_loop().create_task(self._send(batch))
            self._sending.add(sending)
            sending.add_done_callback(self._sent)

    def _sent(self, sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        self._free += 1
        if self._waiting:
            self._flush()

    async def _send(self, batch: list[Waiting]) -> None:
        began = perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                pipeline = self._client.pipeline(transaction=False)
                for command, _ in batch:
                    pipeline.execute_command(*command)
                replies = await pipeline.execute(raise_on_error=False)
        except asyncio.CancelledError:
            self._fail(batch, StoreUnavailable("the store is being closed"))
            raise
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            # Who waits for a lane has waited as long as this pipeline: to try for them too would
            # let them hang for twice the time limit.
            self._fail([*batch, *self._waiting], translate(error))
            self._waiting.clear()
            STORE_FAILURES.inc()
            return
        ROUND_TRIPS.observe(perf_counter() - began)
        COMMANDS.inc(len(batch))
        for (_, future), reply in zip(batch, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, NoScriptError):
                future.set_exception(reply)
            elif isinstance(reply, Exception):
                future.set_exception(translate(reply))
            else:
                future.set_result(reply)

    @staticmethod
    def _fail(batch: list[Waiting], error: Exception) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)

    async def close(self) -> None:
        """Fail what still waits and end what is under way."""
        self._fail(list(self._waiting), StoreUnavailable("the store is being closed"))
        self._waiting.clear()
        for sending in list(self._sending):
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
