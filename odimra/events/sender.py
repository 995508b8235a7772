"""Posts a payload to a subscriber and says whether it arrived: only a 2xx says so.

Nothing of the destination's credentials reaches a log: neither its URI nor its headers.
"""

from __future__ import annotations

from typing import Protocol

import aiohttp

from odimra.events.model import Subscription

#: Bytes of an answer that are read so that the connection can be used again.
READ = 16 * 1024


class Sender(Protocol):
    """Who posts."""

    async def post(self, subscription: Subscription, body: bytes) -> str | None:
        """Return None when ``body`` was delivered, else what went wrong, without secrets."""


class HttpSender:
    """Posts by HTTP. Use it as an asynchronous context."""

    def __init__(self, *, timeout: float) -> None:
        """Every delivery ends within ``timeout`` seconds."""
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def __aenter__(self) -> HttpSender:
        self._session = aiohttp.ClientSession(
            # No limit: a subscriber that hangs must not take the place of another. There is at most
            # one delivery per subscription at a time, and subscriptions are limited.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def post(self, subscription: Subscription, body: bytes) -> str | None:
        """Return None when ``body`` was delivered, else what went wrong, without secrets."""
        headers = dict(subscription.headers)
        headers |= {"Content-Type": "application/json; charset=utf-8", "User-Agent": "odimra"}
        headers["OData-Version"] = "4.0"
        status: int | None = None
        try:
            async with self._session.post(
                subscription.destination,
                data=body,
                headers=headers,
                # A redirect is no delivery, and would carry the headers to somebody else.
                allow_redirects=False,
                ssl=subscription.verify_certificate,
            ) as response:
                status = response.status
                await response.content.read(READ)
        # ValueError: a URI or a header that only the client library finds fault with.
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if status is None:
                return type(error).__name__
            # The status had come: what happens to the rest of the answer changes nothing.
        return None if 200 <= (status or 0) < 300 else f"status {status}"
