"""Runs job kinds for tasks (docket underneath).

Called by the composition root and by job kinds; knows ``tasks`` and ``store``.
"""

from odimra.engine.context import JobCancelled, JobContext, JobStopped, JobSuspended
from odimra.engine.engine import Engine, EngineOptions
from odimra.engine.executor import ExecutorOptions
from odimra.engine.registry import JobKind, Outcome, Registry, UnknownKind
from odimra.engine.runner import Limits

__all__ = [
    "Engine",
    "EngineOptions",
    "ExecutorOptions",
    "JobCancelled",
    "JobContext",
    "JobKind",
    "JobStopped",
    "JobSuspended",
    "Limits",
    "Outcome",
    "Registry",
    "UnknownKind",
]
