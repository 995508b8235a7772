"""A scheduled job as its users know it, with its trigger as Quartz describes one.

Pure: called by :mod:`.scheduler`.
"""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from typing import Any

from odimra.clock import iso
from odimra.engine import ScheduledJob
from odimra.engine.schedules import DO_NOTHING, to_ms
from odimra.jobs.invocation import Job

GROUP = "scheduler-service-group"
#: What the id of a trigger begins with; the name of its job follows.
TRIGGER = f"{GROUP}.trigger-"
#: What Quartz does when a fire was missed: fire at once, or wait for the next.
FIRE_NOW, WAIT = 1, 2
PRIORITY = 5


def rev(job: ScheduledJob) -> str:
    """Return the revision of what is shown: that of the definition, then a mark of all else."""
    return f"{job.rev:08x}-{_mark(job)}"


def revision(text: str) -> int:
    """Return the definition's part of what :func:`rev` returned; -1 for what it never is."""
    part = text.partition("-")[0]
    return int(part, 16) if re.fullmatch("[0-9a-f]{1,15}", part) else -1


def _mark(job: ScheduledJob) -> str:
    """Return 8 digits that are others whenever something else is shown than the definition."""
    firing = None if job.firing is None else job.firing.number
    told = (job.anchor, job.number, job.triggered, job.next, job.previous, job.state, firing)
    return f"{zlib.crc32(repr((told, job.node)).encode()):08x}"


def job(scheduled: ScheduledJob) -> dict[str, Any]:
    """Return a job as it is shown."""
    return {
        "_id": scheduled.id,
        **Job.load(scheduled.definition).config,
        "triggers": triggers(scheduled),
        "previousRunDate": _date(scheduled.previous),
        "nextRunDate": _date(scheduled.next),
    }


def triggers(scheduled: ScheduledJob) -> list[dict[str, Any]]:
    """Return the trigger of a job; none if it runs only when it is asked for."""
    if scheduled.schedule_properties is None:
        return []
    return [
        {
            "calendar": None,
            "group": GROUP,
            "jobKey": f"{GROUP}.{scheduled.id}",
            "name": f"trigger-{scheduled.id}",
            "nodeId": scheduled.node if scheduled.firing is not None else None,
            "previousState": None,
            "serialized": _serialized(scheduled),
            "state": scheduled.state,
            "_rev": f"{scheduled.rev & 0xFFFFFFFF:08x}{_mark(scheduled)}",
            "_id": f"{TRIGGER}{scheduled.id}",
        }
    ]


def _serialized(scheduled: ScheduledJob) -> dict[str, Any]:
    config = Job.load(scheduled.definition).config
    cron = config["type"] == "cron"
    # As it is stored: a host that does not know its time zone shows it all the same.
    schedule = scheduled.schedule_properties or {}
    waits = config["misfirePolicy"] == DO_NOTHING
    return {
        "type": "CronTriggerImpl" if cron else "SimpleTriggerImpl",
        "calendarName": None,
        "complete": scheduled.state == "COMPLETE",
        "description": None,
        "endTime": _ms(schedule.get("endTime")),
        "fireInstanceId": None if scheduled.firing is None else scheduled.firing.run_id,
        "group": GROUP,
        "jobDataMap": {
            "scheduler.invokeService": config["invokeService"],
            "scheduler.config-name": f"scheduler-{scheduled.id}",
            "scheduler.invokeContext": config["invokeContext"],
            "schedule.config": dict(config),
            "scheduler.invokeLogLevel": config["invokeLogLevel"],
        },
        "jobGroup": GROUP,
        "jobName": scheduled.id,
        "misfireInstruction": WAIT if cron and waits else FIRE_NOW,
        "name": f"trigger-{scheduled.id}",
        "nextFireTime": scheduled.next,
        "previousFireTime": scheduled.previous,
        "priority": PRIORITY,
        **(
            {"cronExpression": config["schedule"], "timeZone": config.get("timeZone", "UTC")}
            if cron
            else {
                "repeatCount": config["repeatCount"],
                "repeatInterval": config["repeatInterval"],
            }
        ),
        "startTime": scheduled.anchor,
        "timesTriggered": scheduled.triggered,
        "volatility": False,
    }


def _date(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _ms(moment: str | None) -> int | None:
    return None if moment is None else to_ms(datetime.fromisoformat(moment))
