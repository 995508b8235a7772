"""The parent of everything that ``odimra serve`` and ``odimra worker`` start.

It has the embedded store, makes the certificate, starts the API and worker processes, starts those
that die again, and stops them in order: first the processes, which drain, then the store. It serves
nothing itself. Knows the rest of the house only by the names of two coroutines in ``odimra.app``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odimra.certificates import Pair, ensure_pair
from odimra.child import Order
from odimra.lifeline import die_with_parent
from odimra.store.embedded import EmbeddedStore, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odimra.config import Settings

logger = logging.getLogger(__name__)

BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
TRIES_BEFORE_READY = 5
PROBE_SECONDS = 0.05
# Beyond the drain itself, for closing connections and the like.
GRACE_SECONDS = 5.0
EXIT_CONFIGURATION = 2


class CannotServe(Exception):
    """Something that the service needs is not to be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of process: how many, and the coroutine (``module:name``) that each runs."""

    name: str
    count: int
    entry: str


def serve_roles(settings: Settings, worker: bool = True) -> tuple[Role, ...]:
    """Return the processes of ``odimra serve``."""
    workers = settings.engine.worker_processes if worker else 0
    return (
        Role("api", settings.http.processes, "odimra.app:serve_api"),
        Role("worker", workers, "odimra.app:serve_worker"),
        _events(settings),
    )


def _events(settings: Settings) -> Role:
    return Role("events", settings.events.processes, "odimra.app:serve_events")


def worker_roles(settings: Settings) -> tuple[Role, ...]:
    """Return the processes of ``odimra worker``."""
    workers = max(settings.engine.worker_processes, 1)
    return (Role("worker", workers, "odimra.app:serve_worker"), _events(settings))


class Supervisor:
    """Runs ``roles`` until SIGTERM, SIGINT or SIGHUP; a second one of them cuts the drain short."""

    def __init__(
        self, settings: Settings, roles: Sequence[Role], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._say = say
        self._store: EmbeddedStore | None = None
        self._port: socket.socket | None = None
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ready = asyncio.Event()
        self._exit_code = 0
        self._serves = any(role.name == "api" and role.count for role in roles)

    async def run(self) -> int:
        """Return the exit code once everything has stopped.

        Raises :class:`CannotServe`, ``EmbeddedStoreError`` or ``BadCertificate`` when the service
        cannot even start; nothing is left running then.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._told)
        work = asyncio.create_task(self._start())
        told = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                await told
            return self._exit_code
        finally:
            work.cancel()
            told.cancel()
            await asyncio.gather(work, told, return_exceptions=True)
            await self._end()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    async def _start(self) -> None:
        private_folder(Path(self._settings.state_folder))
        pair = None
        if self._serves:
            if not self._settings.http.plain_http:
                pair = ensure_pair(self._settings, datetime.now(UTC))
            self._port = reserve_port(self._settings.http.address, self._settings.http.port)
            port = self._port.getsockname()[1]
            http = dataclasses.replace(self._settings.http, port=port)
            self._settings = dataclasses.replace(self._settings, http=http)
        url = await self._store_url()
        for role in self._roles:
            for number in range(role.count):
                order = Order(f"{role.name}-{number}", role.entry, url, self._settings)
                process = await self._spawn(order)
                self._keepers.append(asyncio.create_task(self._keep(order, process)))
        if self._serves:
            await self._until_it_answers()
        self._ready.set()
        self._announce(pair)

    async def _store_url(self) -> str:
        if self._settings.store.url != "embedded:":
            return self._settings.store.url
        folder = Path(self._settings.state_folder)
        self._store = EmbeddedStore(folder, self._settings.store.fsync)
        return await self._store.start()

    async def _keep(self, order: Order, process: asyncio.subprocess.Process) -> None:
        """Have one child, and another when it dies."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            born = loop.time()
            code = await process.wait()
            if self._stop.is_set():
                return
            if loop.time() - born > STEADY_SECONDS:
                deaths = 0
            if code == EXIT_CONFIGURATION or (
                not self._ready.is_set() and deaths + 1 >= TRIES_BEFORE_READY
            ):
                self._say(
                    f"odimra: {order.name} cannot start (exit code {code}), see its log above"
                )
                self._exit_code = EXIT_CONFIGURATION if code == EXIT_CONFIGURATION else 1
                self._stop.set()
                return
            pause = BACK_OFF_SECONDS[min(deaths, len(BACK_OFF_SECONDS) - 1)]
            deaths += 1
            logger.error("%s ended (%s): another starts in %s s", order.name, code, pause)
            await asyncio.sleep(pause)
            process = await self._spawn(order)

    async def _spawn(self, order: Order) -> asyncio.subprocess.Process:
        package = Path(__file__).resolve().parent.parent
        inherited = os.environ.get("PYTHONPATH")
        path = f"{package}{os.pathsep}{inherited}" if inherited else str(package)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Not the current folder first: somebody's random.py there is not ours.
            "-P",
            "-m",
            "odimra",
            "_child",
            order.name,
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
        self._processes[order.name] = process
        assert process.stdin is not None
        process.stdin.write(order.line())
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        logger.info("%s is process %d", order.name, process.pid)
        return process

    async def _until_it_answers(self) -> None:
        http = self._settings.http
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.address, http.address)  # noqa: S104
        # Another process's doing, of which no event tells.
        while not await answers(host, http.port, tls=not http.plain_http):
            await asyncio.sleep(PROBE_SECONDS)

    def _announce(self, pair: Pair | None) -> None:
        lines = []
        if self._serves:
            http = self._settings.http
            scheme = "http" if http.plain_http else "https"
            host = f"[{http.address}]" if ":" in http.address else http.address
            password = Path(self._settings.state_folder) / "initial-password"
            lines += [
                "odimra is ready",
                f"  address        {http.public_url or f'{scheme}://{host}:{http.port}'}/redfish/v1/",
                f"  administrator  {self._settings.access.administrator}",
                "  password       "
                + (f"the first start's is in {password}" if password.exists() else "as you set it"),
            ]
            if pair is not None:
                kind = "self-signed" if pair.self_signed else "configured"
                lines.append(f"  certificate    {pair.certificate} ({kind})")
        else:
            lines.append("odimra worker is running")
        shared = self._store is not None and not self._store.owned
        lines += [
            f"  state          {self._settings.state_folder}"
            + (" (shared with another odimra that runs here)" if shared else ""),
            "  stop           Ctrl-C",
        ]
        self._say("\n".join(lines))

    def _told(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _end(self) -> None:
        """Stop the children, which drain, and only then the store that they drain into."""
        self._stop.set()
        # First the keepers, so that nobody starts a child that nobody would stop.
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in self._processes.values():
            _send(process, signal.SIGTERM)
        waits = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        if waits:
            await self._until_gone(waits)
        if self._store is not None:
            await self._store.stop()
        if self._port is not None:
            self._port.close()

    async def _until_gone(self, waits: list[asyncio.Task[int]]) -> None:
        gone = asyncio.ensure_future(asyncio.gather(*waits))
        hurry = asyncio.create_task(self._hurry.wait())
        either: set[asyncio.Future[Any]] = {gone, hurry}
        limit = self._settings.engine.drain_seconds + GRACE_SECONDS
        await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for process in self._processes.values():
            if process.returncode is None:
                logger.warning("process %d did not stop in time: killed", process.pid)
                _send(process, signal.SIGKILL)
        await gone


def reserve_port(address: str, port: int) -> socket.socket:
    """Return a socket that holds the port (any free one for 0) without listening on it.

    The API processes bind beside it with SO_REUSEPORT. Raises :class:`CannotServe` when the address
    is not of this machine or another program listens there.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Without SO_REUSEPORT first: with it a second odimra would silently share the port.
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            target = probe.getsockname()
        held = socket.socket(family, kind, protocol)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(target)
    except OSError as error:
        raise CannotServe(
            f"cannot listen on {address} port {port}: {error.strerror}: choose another with "
            "--port or --address (http.port, http.address)"
        ) from error
    return held


async def answers(host: str, port: int, tls: bool) -> bool:
    """Whether a Redfish service answers there (GET /redfish, which needs no login)."""
    context = None
    if tls:
        # Our own process on our own machine: the question is only whether it is up.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    request = f"GET /redfish HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(request)
                status = (await reader.readline()).split(b" ")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return len(status) > 1 and status[1] == b"200"


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
