"""What a task is and how it may change.

The heart of the service. Called by the engine and by the faces; knows the store only.
"""

from odimra.tasks.errors import (
    Fenced,
    ResultTooLong,
    TaskError,
    TaskExists,
    TaskGuarded,
    TaskMissing,
    TaskServiceDisabled,
    TasksFull,
    TaskVersionMismatch,
    TransitionRefused,
)
from odimra.tasks.model import (
    Change,
    Effect,
    Guard,
    NewTask,
    Once,
    Payload,
    Result,
    Tally,
    Task,
    TaskMessage,
)
from odimra.tasks.tasks import Step, TaskOptions, Tasks

__all__ = [
    "Change",
    "Effect",
    "Fenced",
    "Guard",
    "NewTask",
    "Once",
    "Payload",
    "Result",
    "ResultTooLong",
    "Step",
    "Tally",
    "Task",
    "TaskError",
    "TaskExists",
    "TaskGuarded",
    "TaskMessage",
    "TaskMissing",
    "TaskOptions",
    "TaskServiceDisabled",
    "TaskVersionMismatch",
    "Tasks",
    "TasksFull",
    "TransitionRefused",
]
