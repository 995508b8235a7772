"""How tasks fail, one class per way."""

from __future__ import annotations

from collections.abc import Sequence


class TaskError(Exception):
    """The base of what follows."""


class TaskMissing(TaskError):
    """There is no such task."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"there is no task {task_id}")
        self.task_id = task_id


class TaskGuarded(Exception):
    """A guard has refused that the task is created; ``why`` is what it said."""

    def __init__(self, why: Sequence[str]) -> None:
        super().__init__(", ".join(why))
        self.why = tuple(why)


class TaskExists(TaskError):
    """The task was created already, or what it was to be created for is gone: there is none to do.

    Only a creation under a given id, or with a mark, ends so.
    """

    def __init__(self, task_id: str) -> None:
        super().__init__(f"{task_id} was created already")
        self.task_id = task_id


class TasksFull(TaskError):
    """The cap is reached and no completed task may make room."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("no room for another task")
        self.retry_after = retry_after


class TaskVersionMismatch(TaskError):
    """The task has moved on from the version that the writer saw."""


class TransitionRefused(TaskError):
    """The table of states forbids the move, or the task has ended."""


class Fenced(TaskError):
    """Another worker has taken the task over; this one must stop and write nothing more."""


class TaskServiceDisabled(TaskError):
    """``ServiceEnabled`` is false: no task is started."""


class ResultTooLong(TaskError):
    """The result of the operation is longer than one that is stored."""

    def __init__(self, task_id: str, size: int) -> None:
        super().__init__(f"the result of {task_id} has {size} bytes")
        self.size = size
