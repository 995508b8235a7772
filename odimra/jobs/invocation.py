"""Scheduled jobs as their users define them: when, which service, with what; and their firing.

Which services there are is a table; another kind of job adds a row. Called by faces, which make
jobs, and by workers, which fire them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.clock import Clock
from odimra.engine import BadSchedule, CannotFire, Firing, Schedule, ScheduledJob
from odimra.engine.scheduler import Fire
from odimra.jobs.scanner.definition import BadScan, Scan
from odimra.jobs.scanner.runs import TASK, Runs
from odimra.records.filter import compile_filter
from odimra.tasks import Payload, TaskExists

log = logging.getLogger(__name__)

#: What users of the scheduler may put before the name of a service.
PREFIX = "org.forgerock.openidm."
TASK_SCANNER = "taskscanner"
LOG_LEVELS = ("trace", "debug", "info", "warn", "error")

#: Properties that say what a job is, with what they are if nothing is said.
DEFAULTS: Mapping[str, Any] = {
    "enabled": True,
    "persisted": True,
    "recoverable": False,
    "misfirePolicy": "fireAndProceed",
    "schedule": None,
    "repeatInterval": 0,
    "repeatCount": -1,
    "type": "cron",
    "invokeService": None,
    "invokeContext": None,
    "invokeLogLevel": "info",
    "startTime": None,
    "endTime": None,
    "concurrentExecution": False,
}
BOOLEANS = ("enabled", "persisted", "recoverable", "concurrentExecution")
#: Properties that an answer shows, and that are left alone when they come back.
SHOWN = frozenset({"_id", "_rev", "triggers", "previousRunDate", "nextRunDate"})


class BadJob(ValueError):
    """The job is none; ``name`` is the property at fault, in dots."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its properties, for whom it runs, and the request that made it."""

    config: Mapping[str, Any]
    owner: str
    payload: Payload

    @property
    def service(self) -> str:
        """The name of the service that it invokes."""
        return str(self.config["invokeService"]).removeprefix(PREFIX)

    @property
    def context(self) -> Any:
        """What the service is told."""
        return self.config["invokeContext"]

    @property
    def schedule(self) -> Schedule | None:
        """When it runs by itself; None if it never does. Raises BadSchedule."""
        schedule = Schedule.load(self.config)
        return schedule if self.config["enabled"] else None

    @property
    def concurrent(self) -> bool:
        """Whether a run may start while the one before it goes on."""
        return bool(self.config["concurrentExecution"])

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {
            "config": dict(self.config),
            "owner": self.owner,
            "payload": orjson.loads(self.payload.stored()),
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Job:
        """Read what is kept of a job."""
        payload = Payload.load(orjson.dumps(stored["payload"]))
        return cls(stored["config"], stored["owner"], payload)


def configured(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a job as they are kept, in the order in which they are shown.

    Raises :class:`BadJob`.
    """
    given = {name: value for name, value in body.items() if name not in SHOWN}
    for name in given:
        if name not in DEFAULTS and name != "timeZone":
            raise BadJob(name[:100], "is no property of a job")
    # What is null is not given: so are the properties that an answer shows without a value.
    given = {name: value for name, value in given.items() if value is not None}
    config = {**DEFAULTS, **given}
    for name in BOOLEANS:
        config[name] = _boolean(config[name], name)
    if config["invokeLogLevel"] not in LOG_LEVELS:
        raise BadJob("invokeLogLevel", f"is none of {', '.join(LOG_LEVELS)}")
    service = config["invokeService"]
    if not isinstance(service, str) or not service.strip():
        raise BadJob("invokeService", "Invalid scheduler configuration, it is missing or blank")
    if "." not in service:
        config["invokeService"] = PREFIX + service
    if config["type"] == "redfish":
        # That is how the JobService's schedules are kept; nobody writes them here.
        raise BadSchedule("type", "Specified type value invalid: redfish")
    if config["type"] == "cron":
        config["repeatCount"] = 0 if "repeatCount" not in given else config["repeatCount"]
    return config


def _boolean(value: Any, name: str) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadJob(name, "is neither true nor false")
    return value


class Services:
    """What jobs can invoke; ``lenient`` reads filters whose outermost parentheses were lost."""

    def __init__(self, runs: Runs, clock: Clock, *, lenient: bool = True) -> None:
        self._runs = runs
        self._clock = clock
        self._lenient = lenient

    def check(self, job: Job) -> None:
        """Refuse a job that could never run.

        Raises :class:`BadJob`, BadSchedule, BadScan, BadFilter, BadDuration.
        """
        if job.service != TASK_SCANNER:
            raise BadJob(
                "invokeService", f"there is no service of that name, there is {TASK_SCANNER}"
            )
        Schedule.load(job.config)
        scan = Scan.load(job.context)
        test = compile_filter(scan.filter_at(self._clock.now_ms()), lenient=self._lenient)
        if test.mended:
            log.warning("a job's filter was understood in parentheses only: %.200s", scan.query)

    async def run(self, name: str, job: Job, owner: str, payload: Payload) -> str:
        """Have a job run now, for the account that asks; return the id of the run.

        Raises what :meth:`~odimra.jobs.scanner.runs.Runs.start` raises.
        """
        return await self._runs.start(name, job.context, owner=owner, payload=payload)

    def fire(self) -> Fire:
        """Return what starts the runs of firings."""

        async def fire(scheduled: ScheduledJob, firing: Firing) -> str | None:
            job = Job.load(scheduled.definition)
            # The number is that of the firing: every run of a job has another one.
            task_id = f"{firing.run_id}-{firing.number}"
            try:
                await self._runs.start(
                    scheduled.id,
                    job.context,
                    owner=job.owner,
                    payload=job.payload,
                    task_id=task_id,
                    once=firing.once,
                    run_of=scheduled.id,
                )
            except TaskExists:
                pass  # whoever had this firing before got as far as that
            except (BadScan, BadSchedule) as error:
                raise CannotFire(str(error)) from None
            # One that does not wait for its runs is done with when it has started one.
            return task_id if Scan.load(job.context).wait else None

        return fire


def run_of(task_id: str) -> str:
    """Return the id of the run that is a task."""
    return task_id.removeprefix(TASK)
