"""The faces beside Redfish on the rooms of a process: what is served at which path, and by whom.

Called by :mod:`odimra.faces`; starts nothing.
"""

import odimra
from odimra.aggregation.listening import Ledger, Receiver
from odimra.cloudkitty.frame import CloudKitty
from odimra.cloudkitty.frames import FramesEndpoint
from odimra.cloudkitty.hashmap import HashmapEndpoint
from odimra.cloudkitty.info import InfoEndpoint
from odimra.cloudkitty.modules import ModulesEndpoint
from odimra.cloudkitty.reprocesses import ReprocessesEndpoint
from odimra.cloudkitty.scopes import ScopesEndpoint
from odimra.console.figures import Figures
from odimra.console.frame import Console
from odimra.console.table import TaskTable
from odimra.crest.frame import Crest
from odimra.crest.records import RecordsEndpoint
from odimra.crest.scheduler import JobsEndpoint, SchedulerEndpoint, TriggersEndpoint
from odimra.crest.taskscanner import TaskScannerEndpoint
from odimra.dataone.frame import JobManager
from odimra.dataone.jobs import SubmittedJobs
from odimra.descriptions import Plain
from odimra.engine import task_going
from odimra.events.backlog import Backlogs
from odimra.house import House
from odimra.jobs.reprocess.resetting import Resetting
from odimra.metrics.board import Board
from odimra.metrics.facts import Facts
from odimra.metrics.frame import Watching
from odimra.midpoint.bulk import BulkEndpoint
from odimra.midpoint.frame import Midpoint
from odimra.midpoint.info import information
from odimra.midpoint.objects import ObjectsEndpoint
from odimra.midpoint.tasks import TasksEndpoint
from odimra.midpoint.visibility import Visible
from odimra.options import (
    body_limits,
    crest_options,
    job_manager_options,
    metrics_options,
    midpoint_options,
    rating_options,
)
from odimra.redfish.messages import Messages
from odimra.tasks.tallies import Tallies


def plain(house: House) -> Plain:
    """Return all of them, with their description."""
    return Plain(
        crest(house),
        midpoint(house),
        cloudkitty(house),
        job_manager(house),
        console(house),
        watching(house),
        receiver(house),
    )


def console(house: House) -> Console:
    """Return the page of the operator."""
    return Console(
        TaskTable(house.tasks),
        Figures(Tallies(house.tasks), Backlogs(house.store, house.subscriptions)),
        house.access,
        house.settings.http.public_url,
    )


def watching(house: House) -> Watching:
    """Return what is told to those who watch the service."""
    facts = Facts(
        house.store,
        Tallies(house.tasks),
        Backlogs(house.store, house.subscriptions),
        house.streams,
        house.sources,
    )
    return Watching(
        Board(house.store), facts, house.store, house.access, metrics_options(house.settings)
    )


def crest(house: House) -> Crest:
    """Return the face of records, scheduled jobs and scans."""
    return Crest(
        {
            "managed/*": RecordsEndpoint("managed", house.records),
            "redfish/*": RecordsEndpoint("redfish", house.records),
            "scheduler/job": JobsEndpoint(house.scheduled, house.services, task_going(house.tasks)),
            "scheduler/trigger": TriggersEndpoint(house.scheduled),
            "scheduler": SchedulerEndpoint(house.scheduled),
            "taskscanner": TaskScannerEndpoint(house.runs, house.scheduled, house.services),
        },
        house.access,
        crest_options(house.settings),
    )


def midpoint(house: House) -> Midpoint:
    """Return the face of bulk scripts, their results and tasks, and the objects they work on."""
    visible = Visible(house.bulk)
    routes = [
        *BulkEndpoint(house.bulk, visible, house.scripts).routes(),
        *TasksEndpoint(house.tasks, house.bulk, visible).routes(),
        *ObjectsEndpoint(house.records, house.machine_calls, house.clock).routes(),
    ]
    return Midpoint(
        routes, house.access, midpoint_options(house.settings), information(odimra.__version__)
    )


def cloudkitty(house: House) -> CloudKitty:
    """Return the face of rating."""
    rooms, given = house.rating, house.settings.rating
    period, key = given.period_seconds, given.scope_key
    resetting = Resetting(house.store, rooms.scopes, rooms.usage, period=period)
    routes = [
        *ReprocessesEndpoint(
            rooms.windows, rooms.scopes, period=period, cycle=not given.begin_at_once
        ).routes(),
        *ScopesEndpoint(rooms.scopes, resetting, key=key).routes(),
        *FramesEndpoint(rooms.usage, rooms.scopes, house.clock, key=key).routes(),
        *ModulesEndpoint(rooms.rules).routes(),
        *HashmapEndpoint(rooms.rules).routes(),
        *InfoEndpoint(
            rooms.rules, rooms.scopes, period=period, wait=given.wait_periods, key=key
        ).routes(),
    ]
    return CloudKitty(routes, house.access, rating_options(house.settings))


def job_manager(house: House) -> JobManager:
    """Return the face of submitted jobs."""
    rooms = house.submission
    endpoint = SubmittedJobs(rooms.jobs, rooms.listing, rooms.contracts, rooms.kinds, house.tasks)
    return JobManager(endpoint.routes(), house.access, job_manager_options(house.settings))


def receiver(house: House) -> Receiver:
    """Return where BMCs post their events."""
    return Receiver(
        Ledger(house.store),
        house.sources,
        house.clock,
        word=Messages.load().build,
        on_changed=house.inventory.known.changed,
        limits=body_limits(house.settings),
    )
