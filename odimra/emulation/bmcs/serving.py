"""Sockets for emulated BMCs: each listens on an address of its own, and some are in trouble."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import orjson
from aiohttp import web

from odimra.clock import Clock
from odimra.emulation.bmcs.bmc import Ask, EmulatedBmc, Reply, refusal
from odimra.emulation.bmcs.faults import BUSY, DROPS, REBOOTS, SLOW, Fault
from odimra.emulation.bmcs.tasks import BmcTask
from odimra.emulation.scenarios import Chance

log = logging.getLogger(__name__)

#: Seconds between two looks for events that are to be sent, and until one is given up.
LOOK = 0.2
SEND_TIMEOUT = 5.0
LONGEST_BODY = 1024 * 1024
#: Seconds in which what is being answered may end when a BMC goes away.
LEAVE = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where a BMC listens, and with which certificate (None for plain HTTP)."""

    address: str
    port: int
    tls: ssl.SSLContext | None = None


def addresses(first: str, count: int) -> list[str]:
    """Return ``count`` loopback addresses from ``first`` on, none of which ends in 0 or 255.

    Raises ValueError when they would leave 127.0.0.0/8.
    """
    at = int(ipaddress.IPv4Address(first))
    found: list[str] = []
    while len(found) < count:
        one = ipaddress.IPv4Address(at)
        if not one.is_loopback:
            raise ValueError(f"{count} addresses from {first} on are more than 127.0.0.0/8 has")
        if at & 255 not in (0, 255):
            found.append(str(one))
        at += 1
    return found


class Station:
    """One BMC on the network."""

    def __init__(
        self, bmc: EmulatedBmc, place: Place, clock: Clock, fault: Fault | None, seed: int
    ) -> None:
        self.bmc = bmc
        self.place = place
        self.fault = fault
        self._clock = clock
        self._chance = Chance(seed, "requests", bmc.number)
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._rebooting: set[asyncio.Task[None]] = set()
        self._rebooted = False

    @property
    def url(self) -> str:
        """Where it is."""
        scheme = "http" if self.place.tls is None else "https"
        return f"{scheme}://{self.place.address}:{self.place.port}"

    async def start(self) -> None:
        """Begin to listen."""
        # aiohttp's server takes no connections after its shutdown.
        self._server = web.Server(self._serve, access_log=None)
        self._listener = await asyncio.get_running_loop().create_server(
            self._server,
            self.place.address,
            self.place.port,
            ssl=self.place.tls,
            reuse_address=True,
            backlog=64,
        )

    async def stop(self) -> None:
        """Stop to listen, and break off what goes on."""
        for one in self._rebooting:
            one.cancel()
        await self._leave()

    async def _leave(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        if self._server is not None:
            # 0 would be for as long as clients keep their connections.
            await self._server.shutdown(LEAVE)

    def now(self) -> float:
        """Return the time in seconds."""
        return self._clock.now_ms() / 1000

    # Requests

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self.fault
        if fault is not None:
            if fault.kind == SLOW:
                await self._clock.sleep(fault.seconds)
            elif fault.kind == BUSY and self._chance.draw() < fault.share:
                reply = refusal(503, "ServiceTemporarilyUnavailable", "It is busy.")
                reply.headers["Retry-After"] = "1"
                return _response(reply)
            elif fault.kind == DROPS and self._chance.draw() < fault.share:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=500)
        raw = await request.content.read(LONGEST_BODY)
        body = None
        if raw:
            try:
                body = json.loads(raw)
            except (ValueError, RecursionError):
                return _response(refusal(400, "MalformedJSON", "The body is no JSON."))
        try:
            reply = self.bmc.answer(
                Ask(request.method, request.path, request.headers, body), self.now()
            )
        except Exception:
            log.exception("BMC %d: %s %s broke", self.bmc.number, request.method, request.path)
            reply = refusal(500, "InternalError", "The emulated BMC has failed.")
        return _response(reply)

    # Trouble

    def operation(self, task: BmcTask) -> None:
        """Note that an operation has begun: the time to go away, if it is one that does."""
        if self.fault is None or self.fault.kind != REBOOTS or self._rebooted:
            return
        self._rebooted = True
        going = asyncio.get_running_loop().create_task(self._reboot(task, self.fault.seconds))
        self._rebooting.add(going)
        going.add_done_callback(self._rebooting.discard)

    async def _reboot(self, task: BmcTask, seconds: float) -> None:
        await self._clock.sleep(max(0.0, (task.ends - self.now()) / 2))
        await self._leave()
        self.bmc.reboot()
        await self._clock.sleep(seconds)
        await self.start()


class Stations:
    """All emulated BMCs of a process. Use it as an asynchronous context."""

    def __init__(self, stations: Sequence[Station], clock: Clock) -> None:
        self.stations = stations
        self._clock = clock

    async def __aenter__(self) -> Stations:
        try:
            for one in self.stations:
                await one.start()
        except OSError:
            await self._stop()
            raise
        self._sender = asyncio.get_running_loop().create_task(self._send())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.gather(*(one.stop() for one in self.stations))

    async def _send(self) -> None:
        """Send events to who listens; one that does not arrive is lost, as with many BMCs."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=50, ssl=False),
            timeout=aiohttp.ClientTimeout(total=SEND_TIMEOUT),
        ) as session:
            while True:
                for one in self.stations:
                    # Events come of what has ended, and nobody may have asked for that yet.
                    if one.bmc.subscriptions.listening:
                        one.bmc.tasks.settle(one.now())
                    while one.bmc.subscriptions.waiting:
                        where, body = one.bmc.subscriptions.waiting.popleft()
                        await _post(session, where, orjson.dumps(body))
                await self._clock.sleep(LOOK)


async def _post(session: aiohttp.ClientSession, where: str, body: bytes) -> None:
    try:
        headers = {"Content-Type": "application/json"}
        async with session.post(where, data=body, headers=headers) as response:
            await response.read()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.debug("an event did not arrive: %s", type(error).__name__)


def _response(reply: Reply) -> web.Response:
    headers = {"OData-Version": "4.0", **reply.headers}
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(status=reply.status, headers=headers, body=orjson.dumps(reply.body))
