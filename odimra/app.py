"""The composition root: configuration, store, services, then the faces on one application.

Only this module knows every room. ``serve_api``, ``serve_worker`` and ``serve_events`` are what the
supervisor's processes run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import aiohttp_session
from aiohttp import web

import odimra
from odimra.access import (
    Access,
    PasswordRejected,
)
from odimra.access.session_storage import TokenStorage
from odimra.account_book import Book
from odimra.certificates import server_context
from odimra.clock import Clock, SystemClock
from odimra.config import Settings
from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios as scripts
from odimra.emulation.files import BadEmulationFile, locate
from odimra.emulation.kinds import FirmwareUpdate, ManagerReset, SystemReset
from odimra.emulation.operations import MachineOperations
from odimra.emulation.state import MachineStates
from odimra.engine import Engine, Registry
from odimra.events import (
    EventServiceSettings,
    EventSettings,
    Feed,
    Push,
    Streams,
    Subscriptions,
    Teller,
    TestEvents,
    Wording,
    event_service_settings,
)
from odimra.options import (
    access_options,
    engine_options,
    feed_options,
    frame_options,
    push_options,
    query_options,
    reach,
    store_options,
    stream_options,
    subscription_options,
    task_options,
)
from odimra.redfish import (
    account_service,
    accounts,
    chassis,
    event_destinations,
    event_service,
    event_tests,
    json_schemas,
    machines,
    managers,
    registries,
    roles,
    service_root,
    sessions,
    sse,
    system_parts,
    systems,
    task_monitor,
    task_service,
    tasks,
    update_service,
)
from odimra.redfish.accepted import Accepted
from odimra.redfish.errors import Translations
from odimra.redfish.event_json import EventRepresentation
from odimra.redfish.frame import Frame
from odimra.redfish.lane import FastLane
from odimra.redfish.messages import Messages
from odimra.redfish.origin_reader import OriginReader
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.resource import Resource
from odimra.redfish.routes import schema_of
from odimra.redfish.server import RedfishRunner, make_room
from odimra.redfish.task_json import TaskRepresentation
from odimra.store import Store, StoreUnavailable
from odimra.tasks import Tasks
from odimra.tasks.settings import ServiceSettings, TaskServiceSettings, task_service_settings

log = logging.getLogger(__name__)

#: Exit status of a process that cannot start with these settings, so that nobody starts another.
EXIT_CONFIGURATION = 2
#: The privilege to read what is other accounts' own; tasks are read by the same rule.
SEES_ALL = "ConfigureUsers"
#: How much the processes that deliver events yield to others on the same machine.
EVENTS_NICENESS = 5
#: Connections that a process should be able to have open beside streams of events.
ORDINARY_CONNECTIONS = 2000
#: Environment variable with the administrator's first password, where none shall be made by chance.
INITIAL_PASSWORD = "ODIMRA_INITIAL_PASSWORD"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class House:
    """The rooms of one process, put together."""

    settings: Settings
    clock: Clock
    store: Store
    tasks: Tasks
    task_service: TaskServiceSettings
    access: Access
    machines: MachineStates
    operations: MachineOperations
    engine: Engine
    subscriptions: Subscriptions
    streams: Streams
    event_service: EventServiceSettings


@contextlib.asynccontextmanager
async def build(settings: Settings, store_url: str) -> AsyncIterator[House]:
    """Put the rooms of a process together on the store at ``store_url``."""
    clock = SystemClock()
    store = await Store.open(store_options(settings, store_url))
    access = Access(store, access_options(settings), clock)
    try:
        tasks_ = Tasks(store, task_options(settings), clock)
        service = task_service_settings(
            store,
            ServiceSettings(
                auto_delete_minutes=settings.tasks.auto_delete_minutes,
                monitor_expiry_seconds=settings.tasks.monitor_expiry_seconds,
            ),
        )
        emulation = settings.emulation
        try:
            fleet = fleets.load(locate("fleets", emulation.fleet), emulation.seed)
            played = scripts.load(locate("scenarios", emulation.scenarios), emulation.seed)
        except BadEmulationFile as error:
            _cannot_start(str(error))
        states = MachineStates(store, fleet)
        registry = Registry()
        for kind in (SystemReset, ManagerReset, FirmwareUpdate):
            registry.add(kind(played, states, emulation.time_factor))
        unknown = set(settings.engine.limits.kinds) - set(registry.names)
        if unknown:
            _cannot_start(
                f"engine.limits.kinds: there is no kind of job '{min(unknown)}', "
                f"there are {', '.join(registry.names)}"
            )
        engine = Engine(tasks_, registry, engine_options(settings, store_url), clock, service)
        async with engine:
            yield House(
                settings,
                clock,
                store,
                tasks_,
                service,
                access,
                states,
                MachineOperations(states, played),
                engine,
                Subscriptions(store, subscription_options(settings), clock),
                Streams(store, stream_options(settings), clock),
                event_service_settings(store, EventSettings()),
            )
    finally:
        access.close()
        await store.close()


def redfish_resources(
    house: House, messages: Messages, service_uuid: str, told: Feed
) -> list[Resource]:
    """Return every resource of the Redfish face; ``told`` serves those who listen to events."""
    settings = house.settings
    representation = TaskRepresentation(messages)
    accepted = Accepted(representation, house.clock, retry_after=settings.tasks.retry_after_seconds)
    found: list[Resource] = [
        *registries.resources(messages),
        *task_service.resources(house.tasks, house.task_service, house.clock),
        *tasks.resources(house.tasks, representation, accepted, house.clock),
        *task_monitor.resources(
            house.tasks, representation, accepted, house.task_service, house.clock
        ),
        *account_service.resources(house.access),
        *accounts.resources(house.access, house.clock),
        *roles.resources(house.access),
        *sessions.resources(house.access, messages),
        *systems.resources(house.operations, house.tasks, accepted),
        *system_parts.resources(house.machines.fleet),
        *chassis.resources(house.machines),
        *managers.resources(house.operations, house.tasks, accepted),
        *update_service.resources(house.operations, house.tasks, accepted),
        *event_service.resources(house.event_service),
        *event_tests.resources(
            TestEvents(house.store), house.event_service, lambda uri: schema_of(uri, found)
        ),
        *event_destinations.resources(
            house.subscriptions, house.streams, messages, reach(settings)
        ),
        *sse.resources(told, settings.http.public_url),
    ]
    described = [resource.type for resource in found if resource.type is not None]
    found += json_schemas.resources(
        [service_root.TYPE, json_schemas.TYPE, json_schemas.COLLECTION, *described]
    )
    options = query_options(settings)
    return [
        *service_root.resources(
            service_uuid,
            odimra.__version__,
            options,
            found,
        ),
        *found,
    ]


#: What the frame makes of the failures of the rooms, all faces' tables together.
TRANSLATIONS: Translations = {
    **tasks.TRANSLATIONS,
    **accounts.TRANSLATIONS,
    **roles.TRANSLATIONS,
    **sessions.TRANSLATIONS,
    **machines.TRANSLATIONS,
    **event_destinations.TRANSLATIONS,
    **sse.TRANSLATIONS,
}


def redfish_frame(
    house: House,
    messages: Messages,
    service_uuid: str,
    told: Feed,
    lane: FastLane | None = None,
) -> Frame:
    """Return the frame with every resource of the Redfish face in it."""
    return Frame(
        redfish_resources(house, messages, service_uuid, told),
        house.access,
        messages,
        frame_options(house.settings),
        privileges=PrivilegeMap.load(),
        translations=TRANSLATIONS,
        lane=lane,
    )


def application(house: House, service_uuid: str) -> tuple[web.Application, Frame, FastLane]:
    """Return the application with its faces mounted."""
    settings = house.settings
    lane = FastLane(house.store.cache, house.access.peek)
    messages = Messages.load()
    told = feed(house, messages)
    frame = redfish_frame(house, messages, service_uuid, told, lane)
    app = web.Application(client_max_size=settings.http.max_body_bytes)
    frame.mount(app)
    app.on_startup.append(lambda app: told.start())
    # Before the server waits for requests to end: these end only when they are told to.
    app.on_shutdown.append(lambda app: told.stop())
    # Behind the frame, which answers when the store cannot say who is logged in.
    aiohttp_session.setup(app, TokenStorage(house.access.sessions))
    return app, frame, lane


async def serve_api(settings: Settings, store_url: str) -> None:
    """Serve the API until cancelled; several processes share the port."""
    # Many systems allow 1,024 open files until a process asks for more.
    make_room(settings.events.max_streams + ORDINARY_CONNECTIONS)
    async with build(settings, store_url) as house:
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


async def identity(store: Store) -> str:
    """Return the UUID of the service, the same for all processes and hosts on one store."""
    key = store.keys.of("setting", "identity")
    await store.call("HSETNX", key, "uuid", str(uuid.uuid4()))
    found: bytes = await store.call("HGET", key, "uuid")
    return found.decode()


def _cannot_start(reason: str) -> NoReturn:
    """End this process for good: another one would find the same."""
    log.error("%s", reason)
    raise SystemExit(EXIT_CONFIGURATION)


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
            _cannot_start(f"what {INITIAL_PASSWORD} holds cannot be used, as {error}")
        if made is not None:
            log.info("the administrator's first password is in %s", made)
        return


@contextlib.asynccontextmanager
async def open_accounts(settings: Settings, store_url: str) -> AsyncIterator[Book]:
    """Open the accounts for the command line."""
    clock = SystemClock()
    store = await Store.open(store_options(settings, store_url))
    access = Access(store, access_options(settings), clock)
    try:
        yield Book(access, clock)
    finally:
        access.close()
        await store.close()


async def serve_worker(settings: Settings, store_url: str) -> None:
    """Run tasks until SIGTERM, then for as long as the drain allows."""
    stop = asyncio.Event()
    # Not cancellation: what runs may end, or is handed back in good order.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with build(settings, store_url) as house, asyncio.TaskGroup() as rooms:
        keeping = rooms.create_task(house.access.sessions.keep_house())
        await house.engine.work(stop)
        keeping.cancel()


async def serve_events(settings: Settings, store_url: str) -> None:
    """Deliver events to the subscribers until SIGTERM; what is being posted then may end."""
    # Whoever has little time gives it to requests and tasks first: events wait, they are not lost.
    os.nice(EVENTS_NICENESS)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with build(settings, store_url) as house:
        while not stop.is_set():
            try:
                service_uuid = await identity(house.store)
            except StoreUnavailable as error:
                log.warning("push waits for the store: %s", error)
                await asyncio.sleep(error.retry_after)
                continue
            await push(house, service_uuid).run(stop)


def push(house: House, service_uuid: str) -> Push:
    """Return the delivery of events to the subscribers, worded as Redfish words them."""
    messages = Messages.load()
    shown = EventRepresentation(messages)

    async def sees_all(account: str) -> bool:
        principal = await house.access.principal(account)
        return principal is not None and SEES_ALL in principal.privileges

    return Push(
        house.store,
        house.subscriptions,
        house.event_service,
        house.clock,
        push_options(house.settings),
        render=shown.event,
        gap=shown.gap,
        heartbeat=shown.heartbeat,
        sees_all=sees_all,
        # Not served to anybody: events show resources by the same rules as answers do.
        read_origin=OriginReader(
            redfish_frame(house, messages, service_uuid, feed(house, messages)), house.access
        ),
    )


def feed(house: House, messages: Messages) -> Feed:
    """Return what serves the streams of server-sent events of this process."""
    shown = EventRepresentation(messages)

    async def sight(account: str) -> bool | None:
        principal = await house.access.principal(account)
        if (
            principal is None
            or principal.password_change_required
            or "Login" not in principal.privileges
        ):
            return None
        return SEES_ALL in principal.privileges

    return Feed(
        house.streams,
        house.event_service,
        house.clock,
        feed_options(house.settings),
        Teller(Wording(shown.event, shown.gap, shown.terminated)),
        sight=sight,
    )
