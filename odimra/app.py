"""The composition root: what the supervisor's processes run.

:mod:`odimra.house` puts the rooms together, :mod:`odimra.faces` what is served;
``serve_api``, ``serve_worker`` and ``serve_events`` let them live.
"""

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

import odimra
from odimra import measures, tracing
from odimra.access import (
    Access,
    PasswordRejected,
)
from odimra.account_book import Book
from odimra.certificates import server_context
from odimra.clock import SystemClock
from odimra.config import Settings
from odimra.emulation.state import MachineStates
from odimra.engine import Firing, ScheduledJob
from odimra.engine.scheduler import Fire
from odimra.faces import application, attach_machines, listening, push
from odimra.formats import ensure
from odimra.house import House, build, cannot_start, load_fleet, records_of
from odimra.jobs.planned.model import PREFIX
from odimra.metrics.board import Board
from odimra.options import (
    access_options,
    store_options,
)
from odimra.records.records import Records
from odimra.redfish.server import RedfishRunner, make_room
from odimra.store import Store, StoreUnavailable
from odimra.store.format import Format, WrongFormat, check

log = logging.getLogger(__name__)

#: How much the processes that deliver events yield to others on the same machine.
EVENTS_NICENESS = 5
#: Connections that a process should be able to have open beside streams of events.
ORDINARY_CONNECTIONS = 2000
#: Environment variable with the administrator's first password, where none shall be made by chance.
INITIAL_PASSWORD = "ODIMRA_INITIAL_PASSWORD"  # noqa: S105 - a name


async def serve_api(settings: Settings, store_url: str) -> None:
    """Serve the API until cancelled; several processes share the port."""
    # Many systems allow 1,024 open files until a process asks for more.
    make_room(settings.events.max_streams + ORDINARY_CONNECTIONS)
    trace(settings)
    async with build(settings, store_url) as house:
        await fit(house, asyncio.Event())
        await first_start(house)
        app, frame, lane = application(house, await identity(house.store))
        runner = RedfishRunner(
            app,
            frame.error_response,
            header_timeout=settings.http.request_timeout_seconds,
            lane=lane,
            access_log=None,
            handler_cancellation=False,
            shutdown_timeout=5,
        )
        await runner.setup()
        telling = asyncio.create_task(tell(house))
        try:
            site = web.TCPSite(
                runner,
                settings.http.address,
                settings.http.port,
                ssl_context=server_context(settings, datetime.now(UTC)),
                reuse_port=True,
                backlog=1024,
            )
            await site.start()
            log.info("serving on %s port %d", settings.http.address, settings.http.port)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            await ended(telling)
            tracing.disable()


async def tell(house: House) -> None:
    """Tell what this process measures until cancelled."""
    await Board(house.store).run(house.settings.metrics.publish_seconds)


async def ended(telling: asyncio.Task[None]) -> None:
    """Have what tells of this process end; nothing is known of it then."""
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def identity(store: Store) -> str:
    """Return the UUID of the service, the same for all processes and hosts on one store."""
    key = store.keys.of("setting", "identity")
    await store.call("HSETNX", key, "uuid", str(uuid.uuid4()))
    found: bytes = await store.call("HGET", key, "uuid")
    return found.decode()


def trace(settings: Settings) -> None:
    """Begin to send spans, if the settings say where to."""
    endpoint = settings.metrics.otlp_endpoint
    if endpoint:
        try:
            tracing.enable(endpoint, measures.process, odimra.__version__)
        except tracing.CannotTrace as error:
            cannot_start(str(error))


async def fit(house: House, stop: asyncio.Event) -> None:
    """Return when this version can work on the data of the store; else the process ends."""
    try:
        await ensure(house.store, stop, own=house.settings.store.url == "embedded:")
    except WrongFormat as error:
        cannot_start(str(error))


async def first_start(house: House) -> None:
    """Make the administrator's account at the first start; wait for the store if it is away."""
    while True:
        try:
            made = await house.access.first_start(
                Path(house.settings.state_folder), os.environ.get(INITIAL_PASSWORD)
            )
        except StoreUnavailable as error:
            log.warning("the first start waits for the store: %s", error)
            await asyncio.sleep(error.retry_after)
            continue
        except PasswordRejected as error:
            cannot_start(f"what {INITIAL_PASSWORD} holds cannot be used, as {error}")
        if made is not None:
            log.info("the administrator's first password is in %s", made)
        return


@contextlib.asynccontextmanager
async def open_accounts(settings: Settings, store_url: str) -> AsyncIterator[Book]:
    """Open the accounts for the command line. Raises :class:`WrongFormat`, StoreUnavailable."""
    clock = SystemClock()
    store = await Store.open(store_options(settings, store_url))
    access = Access(store, access_options(settings), clock)
    try:
        check(await Format(store).look())
        yield Book(access, clock)
    finally:
        access.close()
        await store.close()


@contextlib.asynccontextmanager
async def open_records(settings: Settings, store_url: str) -> AsyncIterator[Records]:
    """Open the records for the command line. Raises :class:`WrongFormat`, StoreUnavailable."""
    fleet = load_fleet(settings)
    store = await Store.open(store_options(settings, store_url))
    try:
        check(await Format(store).look())
        yield records_of(settings, store, SystemClock(), MachineStates(store, fleet))
    finally:
        await store.close()


def firing_of(house: House) -> Fire:
    """Return what starts the runs of scheduled jobs, whoever made them."""
    scans = house.services.fire()

    async def fire(job: ScheduledJob, firing: Firing) -> str | None:
        if job.id.startswith(PREFIX):
            return await house.plans.fire(job, firing)
        return await scans(job, firing)

    return fire


async def serve_worker(settings: Settings, store_url: str) -> None:
    """Run tasks until SIGTERM, then for as long as the drain allows."""
    stop = asyncio.Event()
    # Not cancellation: what runs may end, or is handed back in good order.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    trace(settings)
    async with build(settings, store_url) as house, asyncio.TaskGroup() as rooms:
        # What is shown of the service itself no machine shows: none is needed here.
        attach_machines(house, "")
        await fit(house, stop)
        keeping = rooms.create_task(house.access.sessions.keep_house())
        firing = rooms.create_task(house.scheduler.run(stop, firing_of(house)))
        rating = rooms.create_task(house.rating.cycle.run(stop))
        forgetting = rooms.create_task(house.submission.jobs.housekeeping(stop))
        telling = rooms.create_task(tell(house))
        await house.engine.work(stop)
        await firing
        await rating
        await forgetting
        keeping.cancel()
        telling.cancel()
    tracing.disable()


async def serve_events(settings: Settings, store_url: str) -> None:
    """Deliver events to the subscribers until SIGTERM; what is being posted then may end."""
    # Whoever has little time gives it to requests and tasks first: events wait, they are not lost.
    os.nice(EVENTS_NICENESS)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with build(settings, store_url) as house, asyncio.TaskGroup() as around:
        await fit(house, stop)
        telling = around.create_task(tell(house))
        while not stop.is_set():
            try:
                service_uuid = await identity(house.store)
            except StoreUnavailable as error:
                log.warning("push waits for the store: %s", error)
                await asyncio.sleep(error.retry_after)
                continue
            async with asyncio.TaskGroup() as rooms:
                rooms.create_task(listening(house).run(stop))
                await push(house, service_uuid).run(stop)
        telling.cancel()
