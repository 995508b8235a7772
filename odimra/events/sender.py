"""Posts a payload to a subscriber and says whether it arrived: only a 2xx says so.

Nothing of the destination's credentials reaches a log: neither its URI nor its headers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Protocol

import aiohttp
from multidict import CIMultiDict

from odimra.events.model import Subscription
from odimra.events.resolver import GuardedConnector, GuardedResolver
from odimra.measures import DELIVERIES
from odimra.networks import Reach

#: Bytes of an answer that are read, and seconds that are waited for them, so that the connection
#: can be used again. Whoever answers more, or slower, gets a new one next time.
READ = 16 * 1024
DRAIN = 1.0


class Sender(Protocol):
    """Who posts."""

    async def post(self, subscription: Subscription, destination: str, body: bytes) -> str | None:
        """Return None when ``body`` was delivered, else what went wrong, without secrets."""


@dataclass(slots=True)
class _Try:
    """What is learnt of one try: whether its connection had been used before, and the answer."""

    reused: bool = False
    status: int | None = None


class HttpSender:
    """Posts by HTTP. Use it as an asynchronous context."""

    def __init__(self, *, timeout: float, reach: Reach | None = None) -> None:
        """Every delivery ends within ``timeout`` seconds; none goes out of ``reach``."""
        self._timeout = timeout
        self._reach = reach or Reach()

    async def __aenter__(self) -> HttpSender:
        traces = aiohttp.TraceConfig()
        traces.on_connection_reuseconn.append(_reused)
        self._resolver = GuardedResolver(self._reach)
        self._session = aiohttp.ClientSession(
            connector=GuardedConnector(self._reach, self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # see post()
            trace_configs=[traces],
            # Of an answer only its status counts: a few bytes must not become many.
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()
        await self._resolver.close()

    async def post(self, subscription: Subscription, destination: str, body: bytes) -> str | None:
        """Return None when ``body`` was delivered, else what went wrong, without secrets."""
        began = perf_counter()
        wrong = await self._try(subscription, destination, body)
        outcome = "ok" if wrong is None else "failed"
        DELIVERIES.labels(outcome).observe(perf_counter() - began)
        return wrong

    async def _try(self, subscription: Subscription, destination: str, body: bytes) -> str | None:
        tried = _Try()
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    await self._post(subscription, destination, body, tried)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    # A connection that had been idle may have been closed while the request was on
                    # its way. That says nothing of the destination: a new one does.
                    if not tried.reused or tried.status is not None:
                        raise
                    tried = _Try()
                    await self._post(subscription, destination, body, tried)
        # ValueError: a URI or a header that only the client library finds fault with.
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if tried.status is None:
                return type(error).__name__
            # The status had come: what happens to the rest of the answer changes nothing.
        return None if 200 <= (tried.status or 0) < 300 else f"status {tried.status}"

    async def _post(
        self, subscription: Subscription, destination: str, body: bytes, tried: _Try
    ) -> None:
        headers = CIMultiDict(subscription.headers)
        headers["Content-Type"] = "application/json; charset=utf-8"
        headers["User-Agent"] = "odimra"
        headers["OData-Version"] = "4.0"
        async with self._session.post(
            destination,
            data=body,
            headers=headers,
            # A redirect is no delivery, and would carry the headers to somebody else.
            allow_redirects=False,
            ssl=subscription.verify_certificate,
            trace_request_ctx=tried,
        ) as response:
            tried.status = response.status
            async with asyncio.timeout(DRAIN):
                left = READ
                while left > 0 and (chunk := await response.content.read(left)):
                    left -= len(chunk)


async def _reused(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True
