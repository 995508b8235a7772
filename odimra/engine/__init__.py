"""Runs job kinds for tasks (docket underneath).

Called by the composition root and by job kinds; knows ``tasks`` and ``store``.
"""

from odimra.engine.context import JobCancelled, JobContext, JobStopped, JobSuspended
from odimra.engine.engine import Engine, EngineOptions
from odimra.engine.executor import ExecutorOptions
from odimra.engine.registry import JobKind, Outcome, Registry, UnknownKind
from odimra.engine.runner import Limits
from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.scheduler import (
    CannotFire,
    Scheduler,
    SchedulerOptions,
    task_going,
)
from odimra.engine.schedules import BadSchedule, Schedule

__all__ = [
    "BadSchedule",
    "CannotFire",
    "Engine",
    "EngineOptions",
    "ExecutorOptions",
    "Firing",
    "JobCancelled",
    "JobContext",
    "JobKind",
    "JobStopped",
    "JobSuspended",
    "Limits",
    "Outcome",
    "Registry",
    "Schedule",
    "ScheduledJob",
    "ScheduledJobs",
    "Scheduler",
    "SchedulerOptions",
    "UnknownKind",
    "task_going",
]
