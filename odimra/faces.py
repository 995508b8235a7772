"""The Redfish face on the rooms of a process, and the application with all faces in it.

Called by :mod:`odimra.app`; the other faces are put together by :mod:`odimra.plain_faces`. Starts
nothing.
"""

import functools

import aiohttp_session
from aiohttp import web

import odimra
from odimra.access.session_storage import TokenStorage
from odimra.aggregation.listening import Ledger, Listening
from odimra.events import (
    Feed,
    Push,
    Teller,
    TestEvents,
    Wording,
)
from odimra.house import House
from odimra.idempotency import Idempotency
from odimra.many import AGGREGATES
from odimra.options import (
    feed_options,
    frame_options,
    listening_options,
    push_options,
    query_options,
    reach,
    retry_options,
)
from odimra.plain_faces import plain
from odimra.redfish import (
    account_service,
    accounts,
    aggregates,
    aggregation_sources,
    chassis,
    connection_methods,
    event_destinations,
    event_service,
    event_tests,
    jobs,
    json_schemas,
    machines,
    managers,
    registries,
    roles,
    service_root,
    sessions,
    sourced,
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
from odimra.redfish.inner_calls import InnerCalls
from odimra.redfish.job_json import JobRepresentation
from odimra.redfish.lane import FastLane
from odimra.redfish.messages import Messages
from odimra.redfish.origin_reader import OriginReader
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.resource import Members, Resource
from odimra.redfish.routes import schema_of
from odimra.redfish.sourced import AllMembers
from odimra.redfish.sourced_writes import Writes
from odimra.redfish.task_json import TaskRepresentation
from odimra.tasks.retries import Answers

#: The privilege to read what is other accounts' own; tasks are read by the same rule.
SEES_ALL = "ConfigureUsers"


def redfish_resources(
    house: House, messages: Messages, service_uuid: str, told: Feed
) -> list[Resource]:
    """Return every resource of the Redfish face; ``told`` serves those who listen to events."""
    settings = house.settings
    representation = TaskRepresentation(messages)
    accepted = Accepted(representation, house.clock, retry_after=settings.tasks.retry_after_seconds)
    inventory = house.inventory
    writes = Writes(inventory, house.tasks, accepted)

    def members(root: str) -> Members:
        return functools.partial(AllMembers, inventory, root)

    foreign = Ledger(house.store).registries
    found: list[Resource] = [
        # First: paths of theirs are paths of ours too, but for the shape of the ids.
        *sourced.resources(inventory, house.bmcs, writes),
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
        *systems.resources(house.operations, house.tasks, accepted, members("Systems")),
        *system_parts.resources(house.machines.fleet),
        *chassis.resources(house.machines, house.clock, members("Chassis")),
        *managers.resources(house.operations, house.tasks, accepted, members("Managers")),
        *update_service.resources(house.operations, house.tasks, accepted),
        *jobs.resources(
            house.plans,
            house.tasks,
            JobRepresentation(representation),
            house.machine_calls.check,
            house.clock,
            most=settings.scans.max_jobs,
        ),
        *connection_methods.resources(
            house.sources,
            aggregates.actions(),
            {"Aggregates": {"@odata.id": AGGREGATES}},
        ),
        *aggregates.resources(house.many.aggregates, house.many, house.tasks, accepted),
        *aggregation_sources.resources(
            house.sources,
            house.vault,
            house.tasks,
            accepted,
            allow_http=settings.aggregation.allow_http,
        ),
        *event_service.resources(house.event_service, foreign),
        *event_tests.resources(
            TestEvents(house.store), house.event_service, lambda uri: schema_of(uri, found)
        ),
        *event_destinations.resources(
            house.subscriptions, house.streams, messages, reach(settings), foreign
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
    house.machine_calls.attach(InnerCalls(frame, messages))
    answers = Idempotency(Answers(house.store, retry_options(settings)))
    app = web.Application(
        client_max_size=settings.http.max_body_bytes, middlewares=[answers.middleware]
    )
    frame.mount(app)
    app.on_startup.append(lambda app: told.start())
    # Before the server waits for requests to end: these end only when they are told to.
    app.on_shutdown.append(lambda app: told.stop())
    plain(house).mount(app)
    # Behind the frame, which answers when the store cannot say who is logged in.
    aiohttp_session.setup(app, TokenStorage(house.access.sessions))
    return app, frame, lane


def attach_machines(house: House, service_uuid: str) -> None:
    """Let the jobs of this process reach the machines, by the rules of the Redfish face."""
    messages = Messages.load()
    # Not served to anybody.
    frame = redfish_frame(house, messages, service_uuid, feed(house, messages))
    house.machine_calls.attach(InnerCalls(frame, messages))


def listening(house: House) -> Listening:
    """Return what has BMCs send their events, or looks at them."""
    return Listening(
        Ledger(house.store),
        house.sources,
        house.bmcs,
        house.clock,
        listening_options(house.settings),
        word=Messages.load().build,
        on_changed=house.inventory.known.changed,
    )


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
