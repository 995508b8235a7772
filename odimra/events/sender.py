"""Posts a payload to a subscriber and says whether it arrived: only a 2xx says so.

Nothing of the destination's credentials reaches a log: neither its URI nor its headers.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from odimra.events.model import Subscription

#: Bytes of an answer that are read so that the connection can be used again.
READ = 16 * 1024


Network = IPv4Network | IPv6Network


class DestinationDenied(OSError):
    """The destination lies in a network to which nothing is sent."""


def denied(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of ``networks``, also when it is mapped into IPv6."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


class GuardedResolver(AbstractResolver):
    """Resolves names, but not to denied addresses: what is checked is what is connected to."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``. Raises :class:`DestinationDenied` if any is denied."""
        found = await self._inner.resolve(host, port, family)
        if any(denied(one["host"], self._networks) for one in found):
            raise DestinationDenied
        return found

    async def close(self) -> None:
        """Let go of nothing."""
        await self._inner.close()


class Sender(Protocol):
    """Who posts."""

    async def post(self, subscription: Subscription, body: bytes) -> str | None:
        """Return None when ``body`` was delivered, else what went wrong, without secrets."""


class HttpSender:
    """Posts by HTTP. Use it as an asynchronous context."""

    def __init__(self, *, timeout: float, denied: Sequence[Network] = ()) -> None:
        """Every delivery ends within ``timeout`` seconds; none goes to a ``denied`` network."""
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._denied = denied

    async def __aenter__(self) -> HttpSender:
        self._session = aiohttp.ClientSession(
            # No limit: a subscriber that hangs must not take the place of another. There is at most
            # one delivery per subscription at a time, and subscriptions are limited.
            connector=aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(self._denied)),
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
            self._check(subscription.destination)
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

    def _check(self, destination: str) -> None:
        # The client library asks no resolver for what is an address already.
        host = urlsplit(destination).hostname or ""
        try:
            literal = denied(host, self._denied)
        except ValueError:
            return  # a name: the resolver judges it
        if literal:
            raise DestinationDenied
