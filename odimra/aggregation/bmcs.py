"""The BMCs of all sources, as one process speaks to them: one client each, on shared connections.

Used by the job kinds and the faces. Knows the sources.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

from odimra.aggregation.bmc import Bmc, BmcOptions, Credentials, Unreachable, Wire, WireOptions
from odimra.aggregation.sources import NoSuchSource, Source, Sources
from odimra.aggregation.vault import Vault
from odimra.clock import Clock
from odimra.measures import BREAKERS

PINNED = "pinned:"


@dataclass(frozen=True, slots=True)
class BmcsOptions:
    """How BMCs are spoken to; ``authorities`` is a PEM file of authorities to trust besides."""

    wire: WireOptions = field(default_factory=WireOptions)
    bmc: BmcOptions = field(default_factory=BmcOptions)
    authorities: str = ""


class Bmcs:
    """The clients of a process. Use it as an asynchronous context."""

    def __init__(self, sources: Sources, vault: Vault, clock: Clock, options: BmcsOptions) -> None:
        self.sources = sources
        self.clock = clock
        self._vault = vault
        self._options = options
        self._clients: dict[str, tuple[int, Bmc]] = {}
        self._trust: ssl.SSLContext | None = None
        self._rooms = AsyncExitStack()
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Bmcs:
        self._wire = await self._rooms.enter_async_context(Wire(self._options.wire))
        BREAKERS.set_function(self._left_alone)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Sessions of BMCs are few: the next process opens its own.
        closing = [client.close() for _, client in self._clients.values()]
        try:
            async with asyncio.timeout(5):
                await asyncio.gather(*closing, *self._leaving, return_exceptions=True)
        except TimeoutError:
            pass
        await self._rooms.aclose()

    def _left_alone(self) -> float:
        return sum(client.breaker.open for _, client in self._clients.values())

    async def of(self, source_id: str) -> Bmc:
        """Return the client of a source: the same one until the source changes.

        Raises :class:`NoSuchSource`, :class:`~odimra.aggregation.vault.NotOpened`.
        """
        source = await self.sources.get(source_id)
        known = self._clients.get(source_id)
        if source is None:
            if known is not None:
                self._leave(source_id)
            raise NoSuchSource(source_id)
        if known is not None and known[0] == source.version:
            return known[1]
        if known is not None:
            self._leave(source_id)
        elif len(self._clients) > 2 * self.sources.most:
            self._leave(next(iter(self._clients)))
        client = self.client(source, self._vault.unseal(source.id, source.sealed))
        self._clients[source_id] = (source.version, client)
        return client

    def client(self, source: Source, password: str) -> Bmc:
        """Return a client for what a source is said to be; whoever asked closes it."""
        return Bmc(
            self._wire,
            source.base,
            Credentials(source.user, password),
            self.clock,
            tls=self._judge(source.verify),
            options=self._options.bmc,
        )

    async def fingerprint(self, base: str) -> str:
        """Return the SHA-256 of the certificate that is shown at an address, as hex digits.

        Raises :class:`~odimra.aggregation.bmc.Unreachable`.
        """
        parts = urlsplit(base)
        anything = ssl.create_default_context()
        anything.check_hostname = False
        anything.verify_mode = ssl.CERT_NONE
        try:
            async with asyncio.timeout(self._options.wire.connect_timeout):
                _, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or 443, ssl=anything
                )
        except (OSError, TimeoutError) as error:
            late = isinstance(error, TimeoutError)
            said = "it does not answer in time" if late else "there is no connection"
            raise Unreachable(said, sent=False) from None
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
        return hashlib.sha256(shown).hexdigest()

    def _leave(self, source_id: str) -> None:
        _, client = self._clients.pop(source_id)
        # Whoever is in the middle of a request gets its answer; its session ends beside.
        leaving = asyncio.get_running_loop().create_task(client.close())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _judge(self, verify: str) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
        if verify == "none":
            return False
        if verify.startswith(PINNED):
            return aiohttp.Fingerprint(bytes.fromhex(verify.removeprefix(PINNED)))
        if self._trust is None:
            self._trust = ssl.create_default_context()
            if self._options.authorities:
                self._trust.load_verify_locations(Path(self._options.authorities))
        return self._trust
