"""The TaskService (TaskService v1_3_0): its settings, and the action that clears what is done."""

from __future__ import annotations

from odimra.clock import Clock, iso
from odimra.redfish.accepted import TASK_SERVICE
from odimra.redfish.resource import Body, Call, Reply, Resource
from odimra.redfish.task_json import TASKS
from odimra.tasks import Tasks
from odimra.tasks.settings import ServiceSettings, TaskServiceSettings

TYPE = "TaskService.v1_3_0.TaskService"
ACTION = "TaskService.DeleteAllCompletedTasks"


def resources(tasks: Tasks, service: TaskServiceSettings, clock: Clock) -> list[Resource]:
    """Return the routes."""
    face = TaskServiceFace(tasks, service, clock)
    return [
        Resource(
            TASK_SERVICE,
            "TaskService",
            TYPE,
            get=face.read,
            patch=face.patch,
            bodies={"PATCH": "TaskService.patch.json"},
        ),
        Resource(
            f"{TASK_SERVICE}/Actions/{ACTION}",
            "TaskService",
            post=face.delete_all_completed,
            action=ACTION,
        ),
    ]


#: Writable properties and the settings that they are.
WRITABLE = {
    "ServiceEnabled": "enabled",
    "TaskAutoDeleteTimeoutMinutes": "auto_delete_minutes",
    "TaskMonitorAutoExpirySeconds": "monitor_expiry_seconds",
}


class TaskServiceFace:
    """The handlers."""

    def __init__(self, tasks: Tasks, service: TaskServiceSettings, clock: Clock) -> None:
        self._tasks = tasks
        self._service = service
        self._clock = clock

    def _body(self, settings: ServiceSettings) -> Body:
        body: Body = {
            "@odata.id": TASK_SERVICE,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#TaskService.TaskService",
            "Id": "TaskService",
            "Name": "Task Service",
            "Description": "Long-running operations, their progress and their results",
            "DateTime": iso(self._clock.now_ms()),
            "CompletedTaskOverWritePolicy": self._tasks.options.policy,
            # True because it is: each change is written in one step with its event.
            "LifeCycleEventOnTaskStateChange": True,
            "ServiceEnabled": settings.enabled,
            "TaskMonitorAutoExpirySeconds": settings.monitor_expiry_seconds,
            "Status": {
                "State": "Enabled" if settings.enabled else "Disabled",
                "Health": "OK",
                "HealthRollup": "OK",
            },
            "Tasks": {"@odata.id": TASKS},
            "Actions": {
                f"#{ACTION}": {"target": f"{TASK_SERVICE}/Actions/{ACTION}"},
            },
        }
        if settings.auto_delete_minutes is not None:
            body["TaskAutoDeleteTimeoutMinutes"] = settings.auto_delete_minutes
        return body

    async def read(self, call: Call) -> Reply:
        """``GET``; the ETag leaves DateTime out, as DSP0266 6.5 asks."""
        settings = await self._service.read()
        return Reply(body=self._body(settings), etag=str(settings.version))

    async def patch(self, call: Call) -> Reply:
        """``PATCH`` of the writable properties, as compare-and-set when If-Match says so."""
        changes = {WRITABLE[name]: value for name, value in call.body.items()}
        settings = await self._service.write(changes, expect=call.expected())
        return Reply(body=self._body(settings), etag=str(settings.version))

    async def delete_all_completed(self, call: Call) -> Reply:
        """The action: every task that has ended is removed."""
        await self._tasks.delete_completed()
        return Reply(204)
