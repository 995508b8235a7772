"""Connects to destinations that may be connected to: what is judged is what is connected to.

Names are looked up in threads of their own: a name server that does not answer holds up whoever
asked it, nobody else. Used by the sender.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from odimra.networks import Reach

#: Names that are looked up at a time. A thread is made only when all others are waiting.
THREADS = 256


class DestinationDenied(aiohttp.ClientError):
    """The destination lies in a network to which nothing is sent.

    No OSError: the client would make another error of it, and nobody would read why in the log.
    """


class GuardedResolver(AbstractResolver):
    """Resolves names, but not to addresses that are out of reach."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        # Not the loop's: it has a handful of threads, and as many slow names would take them all.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``. Raises :class:`DestinationDenied` if any is refused."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port, family
        )
        if any(self._reach.refuses(one["host"]) for one in found):
            raise DestinationDenied
        return found

    async def close(self) -> None:
        """Wait for no name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedConnector(aiohttp.TCPConnector):
    """Connects where ``reach`` lets it, and to nothing else."""

    def __init__(self, reach: Reach, resolver: GuardedResolver) -> None:
        self._reach = reach
        # No limit: a subscriber that hangs must not take the place of another. There is at most one
        # delivery per subscription at a time, and subscriptions are limited.
        super().__init__(limit=0, resolver=resolver)

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Connect as ``req`` says. Raises :class:`DestinationDenied`."""
        # The resolver is not asked for what is an address already. The host is taken from the
        # request itself: others may read the same URI otherwise.
        if self._reach.refuses_literal(req.url.raw_host or ""):
            raise DestinationDenied
        return await super().connect(req, traces, timeout)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    answers: list[Any] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
    )
    return [
        ResolveResult(
            hostname=host,
            # A link-local address says behind a % through which interface it is reached.
            host=address[0] if len(address) < 4 or not address[3] else f"{address[0]}%{address[3]}",
            port=address[1],
            family=found,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found, _, protocol, _, address in answers
    ]
