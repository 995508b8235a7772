"""The only module that knows docket, the library that delivers hand-overs to workers.

docket is used as a dumb executor, at least once, of ``run(handover)``; what a task is and how far
it is, is told by the task's own record. The library's limits that shape this module:

- Arguments travel pickled, so a hand-over is a plain string and the store is private.
- Its own record of a run is short-lived and not needed: ``execution_ttl`` is 0.
- The default poll of 250 ms gives 123 tasks/s; 5 to 20 ms give as many as the store can.
- Its own cancellation takes the message away: a task whose worker is dead would never be delivered
  again to notice that it is cancelled. Signals of our own interrupt a run instead.
- Its connections are a pool that raises when it is empty; of a worker's runs many may end at once.
- A worker that is told to stop no longer renews its leases. To drain for longer than a lease it is
  first kept from taking more (``concurrency`` 0) and told to stop when it is idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType

from docket import Docket, Worker
from docket.execution import Disposition
from redis.exceptions import RedisClusterException, RedisError

from odimra.measures import SLOTS

log = logging.getLogger(__name__)

Run = Callable[[str], Awaitable[None]]

#: Seconds until hand-overs that could not be sent are sent again.
RETRY = 0.5
#: Connections beside those of runs, of which each takes one now and then, and one while it ends.
SPARE = 50
#: Hand-overs that wait to be sent; beyond that they are left to the sweep.
BACKLOG = 100_000


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """How hand-overs travel. ``poll`` and ``redelivery`` in seconds; ``concurrency`` per worker."""

    url: str
    name: str = "odimra-engine"
    concurrency: int = 64
    poll: float = 0.01
    redelivery: float = 10.0


def with_connections(url: str, most: int) -> str:
    """Return the URL of a store with the number of connections that may be made, if it names none.

    Of a cluster each node has its own, whose number the library does not bound.
    """
    if "+cluster" in url or "max_connections=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}max_connections={most}"


class _Brief(logging.Filter):
    """Leaves the traceback out of what docket says of a store that is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let it pass, in one line."""
        if record.levelno <= logging.WARNING:
            record.exc_info = None
        return True


class Executor:
    """Hands tasks over to whichever worker is free, in this or another process."""

    def __init__(self, options: ExecutorOptions, run: Run | None = None) -> None:
        self._options = options
        url = with_connections(options.url, 2 * options.concurrency + SPARE)
        self._docket = Docket(name=options.name, url=url, execution_ttl=timedelta(0))
        self._run = run
        self._worker: Worker | None = None
        self._outbox: list[str] = []
        self._pending = asyncio.Event()
        self._background: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Executor:
        logging.getLogger("docket.worker").addFilter(_Brief())
        await self._docket.__aenter__()

        async def run_task(handover: str) -> None:
            if self._run is not None:
                await self._run(handover)

        self._function = run_task
        self._docket.register(run_task)
        self._background.append(asyncio.create_task(self._send_all(), name="executor-outbox"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for background in self._background:
            background.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._docket.__aexit__(kind, error, trace)

    def submit(self, handovers: Iterable[str]) -> None:
        """Hand tasks over soon; if this process dies before, the sweep does it."""
        self._outbox.extend(handovers)
        del self._outbox[BACKLOG:]
        self._pending.set()

    async def _send_all(self) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            batch, self._outbox = self._outbox, []
            calls = [
                self._docket.call(self._function, key=handover)(handover) for handover in batch
            ]
            try:
                sent = await self._docket.add_many(calls)
                failed = [one.key for one in sent if one.disposition is Disposition.FAILED]
            except (RedisError, RedisClusterException, OSError):
                failed = batch
            if failed:
                # Again as soon as the store is back; what was sent is not sent twice, by its key.
                log.warning("%d hand-overs wait for the store", len(failed))
                self.submit(failed)
                await asyncio.sleep(RETRY)

    async def work(self, stop: asyncio.Event, *, drain: float) -> None:
        """Run hand-overs until ``stop`` is set, then for at most ``drain`` seconds more.

        What still runs then is cancelled: its run decides whether it is handed back.
        """
        async with Worker(
            self._docket,
            concurrency=self._options.concurrency,
            redelivery_timeout=timedelta(seconds=self._options.redelivery),
            reconnection_delay=timedelta(seconds=0.5),
            minimum_check_interval=timedelta(seconds=self._options.poll),
            scheduling_resolution=timedelta(seconds=1),
            schedule_automatic_tasks=False,
        ) as worker:
            SLOTS.set(self._options.concurrency)
            working = asyncio.create_task(worker.run_forever(), name="executor-worker")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if working.done():
                working.result()
                return
            await self._drain(worker, drain)
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working

    async def _drain(self, worker: Worker, seconds: float) -> None:
        worker.concurrency = 0
        active = worker._tasks_by_key  # docket offers no other way to see what runs
        deadline = asyncio.get_running_loop().time() + seconds
        while active and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        for run in list(active.values()):
            run.cancel()
