"""The states of a task and the moves between them (Task v1_7_4 ``TaskState``; see docs/tasks.md).

This table is the only one: the atomic steps in ``lua/`` get it from here.
"""

from __future__ import annotations

from types import MappingProxyType

NEW = "New"
PENDING = "Pending"
STARTING = "Starting"
RUNNING = "Running"
SUSPENDED = "Suspended"
INTERRUPTED = "Interrupted"
STOPPING = "Stopping"
SERVICE = "Service"
CANCELLING = "Cancelling"
COMPLETED = "Completed"
CANCELLED = "Cancelled"
EXCEPTION = "Exception"

#: No task leaves these.
FINAL = frozenset({COMPLETED, CANCELLED, EXCEPTION})

#: From each state, the states it may move to. ``Killed`` is deprecated and never produced.
TRANSITIONS = MappingProxyType(
    {
        NEW: (PENDING, STARTING, RUNNING, CANCELLING, CANCELLED, EXCEPTION),
        PENDING: (STARTING, RUNNING, CANCELLING, CANCELLED, EXCEPTION),
        STARTING: (
            *(RUNNING, INTERRUPTED, COMPLETED, STOPPING),
            *(CANCELLING, CANCELLED, EXCEPTION),
        ),
        RUNNING: (
            *(SUSPENDED, INTERRUPTED, STOPPING, SERVICE, COMPLETED),
            *(CANCELLING, CANCELLED, EXCEPTION),
        ),
        SUSPENDED: (PENDING, RUNNING, STOPPING, CANCELLING, CANCELLED, EXCEPTION),
        INTERRUPTED: (PENDING, RUNNING, STOPPING, CANCELLING, CANCELLED, EXCEPTION),
        STOPPING: (SUSPENDED, COMPLETED, CANCELLED, EXCEPTION),
        SERVICE: (STOPPING, COMPLETED, CANCELLING, CANCELLED, EXCEPTION),
        # The work may end before it notices that it is to be cancelled.
        CANCELLING: (CANCELLED, COMPLETED, EXCEPTION),
        COMPLETED: (),
        CANCELLED: (),
        EXCEPTION: (),
    }
)

#: Severities from good to bad; a task's TaskStatus is the worst of its messages.
SEVERITIES = ("OK", "Warning", "Critical")

# What the service wants of a task, whatever it is doing at present.
RUN = "run"
SUSPEND = "suspend"
CANCEL = "cancel"
