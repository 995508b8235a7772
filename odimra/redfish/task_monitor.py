"""Task monitors: how a client follows an operation to its result (DSP0266 12.2).

202 with the Task while it runs; then what the operation would have answered; 404 once gone. DELETE
cancels the operation and keeps its Task.
"""

from __future__ import annotations

from odimra.clock import Clock
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted
from odimra.redfish.resource import Call, Reply, Resource
from odimra.redfish.task_json import (
    MONITORS,
    MONITORS_ALIAS,
    TaskRepresentation,
    has_monitor,
)
from odimra.redfish.tasks import ends, not_found, sees
from odimra.tasks import Task, Tasks
from odimra.tasks.settings import TaskServiceSettings


def resources(
    tasks: Tasks,
    representation: TaskRepresentation,
    accepted: Accepted,
    service: TaskServiceSettings,
    clock: Clock,
) -> list[Resource]:
    """Return the routes: the same monitors at both of their places."""
    face = MonitorFace(tasks, representation, accepted, service, clock)
    return [
        Resource(f"{place}{{task_id}}", "TaskMonitor", get=face.read, delete=face.cancel)
        for place in (MONITORS, MONITORS_ALIAS)
    ]


class MonitorFace:
    """The handlers."""

    def __init__(
        self,
        tasks: Tasks,
        representation: TaskRepresentation,
        accepted: Accepted,
        service: TaskServiceSettings,
        clock: Clock,
    ) -> None:
        self._tasks = tasks
        self._representation = representation
        self._accepted = accepted
        self._service = service
        self._clock = clock

    async def _monitored(self, call: Call) -> Task:
        task_id = call.params["task_id"]
        task = await self._tasks.get(task_id)
        if task is None or not has_monitor(task, self._clock.now_ms()):
            raise not_found(task_id)
        return task

    async def read(self, call: Call) -> Reply:
        """``GET``: never blocks; the Task while it runs, the stored result afterwards."""
        task = await self._monitored(call)
        if not sees(call.principal, task):
            raise errors.insufficient_privilege()
        if not task.final:
            return self._accepted.running(task)
        expiry = (await self._service.read()).monitor_expiry_seconds
        if expiry is not None and task.monitor_expires is None:
            await self._tasks.read_monitor(task.id, expiry * 1000)
        result = self._representation.result(task)
        # What has ended can no longer be cancelled.
        return Reply(result.status, result.body, {**result.headers, "Allow": "GET, HEAD"})

    async def cancel(self, call: Call) -> Reply:
        """``DELETE``: the operation is cancelled, its Task stays; 204.

        Not 202, also while the work has yet to notice: DSP0266 would have the Task go after that.
        Of an operation that has ended only the monitor could go: that is refused with 405.
        """
        task = await self._monitored(call)
        if not ends(call.principal, task):
            raise errors.insufficient_privilege()
        if await self._tasks.cancel(task.id) == "final":
            raise errors.method_not_allowed("GET, HEAD")
        return Reply(204)
