"""The 202 of an operation that goes on after its answer (DSP0266, asynchronous operations).

Called by every resource that starts a task.
"""

from __future__ import annotations

from odimra.clock import Clock
from odimra.redfish.resource import Call, Reply
from odimra.redfish.task_json import TASK_TYPE, TaskRepresentation, monitor_uri
from odimra.tasks import Payload, Task
from odimra.tasks.payload import payload_of

TASK_SERVICE = "/redfish/v1/TaskService"


def payload(call: Call) -> Payload:
    """Return the Payload of the task that ``call`` starts, its secrets masked."""
    headers = {} if call.asked is None else call.asked.headers
    path = call.uri if call.asked is None else call.asked.path
    return payload_of(call.method, path, headers, call.body)


class Accepted:
    """Answers for tasks that go on; ``retry_after`` is when to ask again, in seconds."""

    def __init__(
        self, representation: TaskRepresentation, clock: Clock, *, retry_after: int
    ) -> None:
        self._representation = representation
        self._clock = clock
        self._retry_after = retry_after

    def __call__(self, task: Task) -> Reply:
        """Return the 202 of a task: its monitor as Location, when to ask, the Task as body."""
        body = self._representation.task(task, self._clock.now_ms())
        return Reply(202, body, self._headers(task))

    def running(self, task: Task) -> Reply:
        """Return what the monitor of a task that runs answers.

        ``Allow`` is exactly DELETE, which says that it can be cancelled; clients compare the text.
        """
        reply = self(task)
        reply.headers = {**reply.headers, "Allow": "DELETE"}
        return reply

    def _headers(self, task: Task) -> dict[str, str]:
        return {
            # A path: clients put scheme and host before it.
            "Location": monitor_uri(task),
            "Retry-After": str(self._retry_after),
            "Link": f"</redfish/v1/JsonSchemas/{TASK_TYPE.rpartition('.')[0]}>; rel=describedby",
        }
