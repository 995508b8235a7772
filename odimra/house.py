"""The rooms of one process, put together on a store: what its faces and its jobs share.

Called by :mod:`odimra.app`, which starts processes, and handed to :mod:`odimra.faces`.
"""

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NoReturn

from odimra import machine_records
from odimra.access import (
    Access,
)
from odimra.aggregation.adding import AddSource, ChangeSource, RemoveSource
from odimra.aggregation.aggregates import Aggregates
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.inventory import Inventory
from odimra.aggregation.known import Known
from odimra.aggregation.operations import BmcAction
from odimra.aggregation.requests import BmcRequest
from odimra.aggregation.sources import Sources
from odimra.aggregation.vault import BadKey, Vault
from odimra.clock import Clock, SystemClock
from odimra.config import Settings
from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios as scripts
from odimra.emulation.files import BadEmulationFile, locate
from odimra.emulation.fleet import Fleet
from odimra.emulation.kinds import FirmwareUpdate, ManagerReset, PlayedScenario, SystemReset
from odimra.emulation.operations import MachineOperations
from odimra.emulation.state import MachineStates
from odimra.engine import (
    Engine,
    Registry,
    ScheduledJobs,
    Scheduler,
    SchedulerOptions,
    task_going,
)
from odimra.events import (
    EventServiceSettings,
    EventSettings,
    Streams,
    Subscriptions,
    event_service_settings,
)
from odimra.jobs.bulk.runs import BulkRuns
from odimra.jobs.bulk.worker import BulkScript
from odimra.jobs.invocation import Services
from odimra.jobs.planned.plans import Plans
from odimra.jobs.planned.worker import PlannedJob
from odimra.jobs.reprocess.cycle import Cycle
from odimra.jobs.reprocess.rating import Rater
from odimra.jobs.reprocess.windows import Windows
from odimra.jobs.reprocess.worker import Reprocess
from odimra.jobs.scanner.runs import Runs
from odimra.jobs.scanner.worker import Scanner
from odimra.jobs.script_host import ScriptHost
from odimra.jobs.submission.contracts import BadContracts, Contracts
from odimra.jobs.submission.contracts import locate as locate_contracts
from odimra.jobs.submission.jobs import Jobs
from odimra.jobs.submission.listing import Listing
from odimra.jobs.submission.starting import Startable
from odimra.machine_calls import MachineCalls
from odimra.machine_power import MachinePower
from odimra.many import Many, Refused
from odimra.options import (
    access_options,
    bmcs_options,
    bulk_options,
    cycle_options,
    engine_options,
    inventory_options,
    meter_options,
    record_options,
    scanner_options,
    script_options,
    store_options,
    stream_options,
    subscription_options,
    task_options,
    vault_file,
)
from odimra.rating.meters import Meters
from odimra.rating.rules import Rules
from odimra.rating.scopes import Scopes
from odimra.rating.usage import Usage
from odimra.records.records import Records
from odimra.scripting import ScriptPool
from odimra.startables import startables
from odimra.store import Store
from odimra.tasks import Tasks
from odimra.tasks.settings import ServiceSettings, TaskServiceSettings, task_service_settings

log = logging.getLogger(__name__)

#: Exit status of a process that cannot start with these settings, so that nobody starts another.
EXIT_CONFIGURATION = 2


@dataclass(frozen=True, slots=True)
class RatingRooms:
    """What rates usage."""

    scopes: Scopes
    usage: Usage
    rules: Rules
    windows: Windows
    cycle: Cycle


@dataclass(frozen=True, slots=True)
class SubmissionRooms:
    """What jobs are submitted by."""

    jobs: Jobs
    listing: Listing
    contracts: Contracts
    kinds: dict[str, Startable]


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
    records: Records
    runs: Runs
    scheduled: ScheduledJobs
    services: Services
    plans: Plans
    bulk: BulkRuns
    machine_calls: MachineCalls
    sources: Sources
    vault: Vault
    bmcs: Bmcs
    inventory: Inventory
    many: Many
    rating: RatingRooms
    submission: SubmissionRooms
    scripts: ScriptPool
    scheduler: Scheduler
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
    open_rooms = contextlib.AsyncExitStack()
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
        fleet = load_fleet(settings)
        try:
            played = scripts.load(locate("scenarios", emulation.scenarios), emulation.seed)
        except BadEmulationFile as error:
            cannot_start(str(error))
        states = MachineStates(store, fleet)
        records = records_of(settings, store, clock, states)
        registry = Registry()
        for kind in (SystemReset, ManagerReset, FirmwareUpdate, PlayedScenario):
            registry.add(kind(played, states, emulation.time_factor))
        runs = Runs(store, tasks_, clock, keep=settings.scans.max_completed_runs)
        scheduled = ScheduledJobs(store, clock, limit=settings.scans.max_jobs)
        pool = await open_rooms.enter_async_context(ScriptPool(script_options(settings)))
        host = ScriptHost(pool, records, access, timeout=settings.scripts.timeout_seconds)
        registry.add(Scanner(store, records, runs, host, scanner_options(settings)))
        rated = settings.rating
        scopes = Scopes(store, clock, limit=rated.max_scopes)
        usage = Usage(store, period=rated.period_seconds, most=rated.max_points)
        rules = Rules(store, clock, limit=rated.max_rules)
        windows = Windows(store, tasks_, clock, keep=rated.max_windows)
        rater = Rater(store, scopes, usage, rules)
        registry.add(Reprocess(windows, rater, period=rated.period_seconds))
        power = MachinePower(states, clock)
        meters = Meters(store, usage, power, clock, meter_options(settings))
        rating = RatingRooms(
            scopes,
            usage,
            rules,
            windows,
            Cycle(scopes, usage, rater, clock, cycle_options(settings), meters),
        )
        calls = MachineCalls()
        try:
            vault = Vault.open(vault_file(settings))
        except BadKey as error:
            cannot_start(str(error))
        sources = Sources(store, most=settings.aggregation.max_sources)
        bmcs = await open_rooms.enter_async_context(
            Bmcs(sources, vault, clock, bmcs_options(settings))
        )
        known = Known(store, sources)
        inventory = await open_rooms.enter_async_context(
            Inventory(sources, bmcs, known, clock, inventory_options(settings))
        )
        registry.add(BmcAction(bmcs, on_changed=known.changed))
        registry.add(Refused())
        for of_sources in (AddSource, ChangeSource, RemoveSource):
            registry.add(of_sources(sources, vault, bmcs, known))
        registry.add(BmcRequest(bmcs, known))
        registry.add(PlannedJob(tasks_, calls, access.principal))
        registry.add(
            BulkScript(store, tasks_, records, access, calls, host, bulk_options(settings))
        )
        unknown = set(settings.engine.limits.kinds) - set(registry.names)
        if unknown:
            cannot_start(
                f"engine.limits.kinds: there is no kind of job '{min(unknown)}', "
                f"there are {', '.join(registry.names)}"
            )
        operations = MachineOperations(states, played)
        many = Many(operations, sources, Aggregates(store, clock))
        bulk = BulkRuns(store, tasks_, clock)
        kinds = startables(runs, bulk, windows, operations, many, period=rated.period_seconds)
        given = settings.jobs
        jobs = Jobs(store, tasks_, clock, most=given.max_jobs, keep=round(given.keep_days * 86_400))
        takes = {name: one.arguments for name, one in kinds.items()}
        try:
            contracts = Contracts(locate_contracts(given.contracts), takes, clock)
        except BadContracts as error:
            cannot_start(str(error))
        engine = Engine(tasks_, registry, engine_options(settings, store_url), clock, service)
        await open_rooms.enter_async_context(engine)
        yield House(
            settings,
            clock,
            store,
            tasks_,
            service,
            access,
            states,
            operations,
            records,
            runs,
            scheduled,
            Services(runs, clock, lenient=settings.scans.lenient),
            Plans(scheduled, tasks_, clock, keep_days=given.keep_days),
            bulk,
            calls,
            sources,
            vault,
            bmcs,
            inventory,
            many,
            rating,
            SubmissionRooms(jobs, Listing(store, jobs), contracts, kinds),
            pool,
            Scheduler(scheduled, task_going(tasks_), clock, SchedulerOptions(node_name())),
            engine,
            Subscriptions(store, subscription_options(settings), clock),
            Streams(store, stream_options(settings), clock),
            event_service_settings(store, EventSettings()),
        )
    finally:
        await open_rooms.aclose()
        access.close()
        await store.close()


def node_name() -> str:
    """Return what this process is called where several share a store."""
    return f"{socket.gethostname()}-{os.getpid()}"


def load_fleet(settings: Settings) -> Fleet:
    """Return the machines that are emulated."""
    emulation = settings.emulation
    try:
        return fleets.load(locate("fleets", emulation.fleet), emulation.seed)
    except BadEmulationFile as error:
        cannot_start(str(error))


def records_of(settings: Settings, store: Store, clock: Clock, states: MachineStates) -> Records:
    """Return the records, the machines among them."""
    records = Records(store, record_options(settings), clock)
    machine_records.mount(records, states)
    return records


def cannot_start(reason: str) -> NoReturn:
    """End this process for good: another one would find the same."""
    log.error("%s", reason)
    raise SystemExit(EXIT_CONFIGURATION)
