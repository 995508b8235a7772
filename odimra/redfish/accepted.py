"""The 202 of an operation that goes on after its answer (DSP0266, asynchronous operations).

Called by every resource that starts a task.
"""

from __future__ import annotations

from typing import Any

from odimra.clock import Clock
from odimra.redfish import errors
from odimra.redfish.resource import Call, Reply
from odimra.redfish.task_json import TASK_TYPE, TaskRepresentation, monitor_uri
from odimra.tasks import NewTask, Payload, Task, Tasks
from odimra.tasks.payload import payload_of
from odimra.tasks.settings import TaskServiceSettings

TASK_SERVICE = "/redfish/v1/TaskService"


class Operations:
    """Starts tasks for requests and answers them."""

    def __init__(
        self,
        tasks: Tasks,
        service: TaskServiceSettings,
        representation: TaskRepresentation,
        clock: Clock,
        *,
        retry_after: int,
    ) -> None:
        self._tasks = tasks
        self._service = service
        self._representation = representation
        self._clock = clock
        self._retry_after = retry_after

    @staticmethod
    def payload(call: Call) -> Payload:
        """Return the Payload of the task that ``call`` starts, its secrets masked."""
        return payload_of(call.method, call.request.path, call.request.headers, call.body)

    async def start(self, new: NewTask) -> Reply:
        """Create the task and return its 202.

        Raises 503 when the TaskService is disabled, and what :meth:`Tasks.create` raises.
        """
        if not (await self._service.read()).enabled:
            raise errors.service_disabled(TASK_SERVICE)
        return self.accepted(await self._tasks.create(new))

    def accepted(self, task: Task) -> Reply:
        """Return the 202 of a task: its monitor as Location, when to ask, the Task as body."""
        return Reply(
            202,
            self._representation.task(task, self._clock.now_ms()),
            self.monitor_headers(task),
            etag=None,
        )

    def monitor_headers(self, task: Task) -> dict[str, str]:
        """Return the headers of every 202 that speaks of ``task``."""
        return {
            # A path: clients put scheme and host before it.
            "Location": monitor_uri(task),
            "Retry-After": str(self._retry_after),
            "Link": f"</redfish/v1/JsonSchemas/{TASK_TYPE.rpartition('.')[0]}>; rel=describedby",
        }

    def running(self, task: Task) -> Reply:
        """Return what the monitor of a task that runs answers.

        ``Allow`` is exactly DELETE, which says that it can be cancelled; clients compare the text.
        """
        body: dict[str, Any] = self._representation.task(task, self._clock.now_ms())
        return Reply(202, body, {**self.monitor_headers(task), "Allow": "DELETE"})
