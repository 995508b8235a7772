"""``/metrics``, ``/health`` and ``/ready``.

They tell of the service and of nothing in it: no name, no address, no secret. Metrics are for who
is on this host, or logged in, unless the settings say otherwise. Called by the root.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import hdrs, web
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder

from odimra.access import AuthenticationFailed, HashingBusy
from odimra.access.entry import READS, Authenticator, PasswordChangeNeeded, admit
from odimra.metrics.board import Board
from odimra.metrics.facts import Facts
from odimra.store import Store, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

METRICS = "/metrics"
HEALTH = "/health"
READY = "/ready"
#: Who may read the metrics without a login.
LOOPBACK = "loopback"
EVERYWHERE = "everywhere"
NOWHERE = "nowhere"
#: Seconds for which an answer is good, so that nobody can keep a process busy by asking.
FRESH = 1.0
#: A process counts as alive that has told something within so many of its intervals.
INTERVALS = 3
HEADERS = {
    "Server": "odimra",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """``without_login`` is where metrics need none; ``every`` seconds processes tell theirs."""

    without_login: str = LOOPBACK
    every: float = 5.0
    version: str = ""
    public_url: str = ""


class _Families:
    """Families for an encoder, which asks a registry for them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Return them."""
        return iter(self._families)


class Watching:
    """Serves those who watch."""

    def __init__(
        self,
        board: Board,
        facts: Facts,
        store: Store,
        access: Authenticator,
        options: MetricsOptions,
    ) -> None:
        self._board = board
        self._facts = facts
        self._store = store
        self._access = access
        self._options = options
        self._kept: tuple[float, list[Metric]] | None = None
        self._asking = asyncio.Lock()

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_route("*", METRICS, self.metrics)
        app.router.add_route("*", HEALTH, self.health)
        app.router.add_route("*", READY, self.ready)

    # Metrics

    async def metrics(self, request: web.Request) -> web.Response:
        """What all processes measure."""
        if request.method not in READS:
            return _only_read()
        try:
            if not self._open_to(request):
                await admit(request, self._access, self._options.public_url)
        except AuthenticationFailed:
            return web.Response(
                status=401,
                headers={**HEADERS, "WWW-Authenticate": 'Basic realm="odimra"'},
                text="Metrics are for who is on this host, or logged in\n",
            )
        except PasswordChangeNeeded as error:
            return web.Response(status=403, headers=HEADERS, text=f"{error}\n")
        except (StoreUnavailable, HashingBusy) as error:
            wait = {"Retry-After": str(max(1, error.retry_after))}
            return web.Response(
                status=503, headers={**HEADERS, **wait}, text="Nobody can be logged in at present\n"
            )
        encode, media = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        families = await self._families()
        # Beside the event loop: there may be thousands of lines.
        text = await asyncio.to_thread(encode, _Families(families))
        return web.Response(headers={**HEADERS, "Content-Type": media}, body=text)

    def _open_to(self, request: web.Request) -> bool:
        allowed = self._options.without_login
        if hdrs.AUTHORIZATION in request.headers or allowed == NOWHERE:
            # Whoever says who he is has to be that.
            return False
        return allowed == EVERYWHERE or _on_this_host(request)

    async def _families(self) -> list[Metric]:
        async with self._asking:
            now = time.monotonic()
            if self._kept is None or now - self._kept[0] >= FRESH:
                self._kept = now, await self._read()
            return self._kept[1]

    async def _read(self) -> list[Metric]:
        info = InfoMetricFamily("odimra", "The service", value={"version": self._options.version})
        try:
            facts, measured = await asyncio.gather(self._facts.read(), self._board.all())
        except (StoreUnavailable, StoreError) as error:
            # What this process knows is true all the same.
            log.warning("metrics without the store: %s", error)
            return [info, _up(False), *self._board.alone()]
        return [info, _up(True), *facts, *measured]

    # Health

    async def health(self, request: web.Request) -> web.Response:
        """Whether this process lives."""
        if request.method not in READS:
            return _only_read()
        return _told(200, {"status": "alive", "version": self._options.version})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether the service can work."""
        if request.method not in READS:
            return _only_read()
        try:
            alive = await self._board.alive(round(INTERVALS * self._options.every * 1000))
        except (StoreUnavailable, StoreError):
            return _told(503, {"status": "not ready", "reason": "the store does not answer"})
        processes: dict[str, int] = {"api": 0, "worker": 0, "events": 0}
        for one in alive:
            processes[one.role] = processes.get(one.role, 0) + 1
        body: dict[str, Any] = {"status": "ready", "processes": processes}
        if not processes["worker"]:
            # Requests are answered, and tasks are kept until there is one.
            body["warning"] = "no worker lives: tasks wait"
        return _told(200, body)


def _on_this_host(request: web.Request) -> bool:
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _up(reachable: bool) -> Metric:
    return GaugeMetricFamily(
        "odimra_store_up", "Whether the store answers", value=1 if reachable else 0
    )


def _told(status: int, body: dict[str, Any]) -> web.Response:
    headers = {**HEADERS, "Content-Type": "application/json"}
    return web.Response(status=status, headers=headers, body=orjson.dumps(body))


def _only_read() -> web.Response:
    headers = {**HEADERS, "Allow": "GET, HEAD"}
    return web.Response(status=405, headers=headers, text="This can only be read\n")
