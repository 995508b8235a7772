"""A task as Redfish shows it: the one function that turns a task into its resource.

Called by the resources of the TaskService, the monitors and whoever answers 202; never imports
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.clock import iso
from odimra.redfish.job_uris import job_uri
from odimra.redfish.messages import Messages
from odimra.tasks import Result, Task, TaskMessage, states

TASK_TYPE = "Task.v1_7_4.Task"
TASKS = "/redfish/v1/TaskService/Tasks"
MONITORS = "/taskmon/"
#: The same monitors where the schema's own URIs are (bmcweb and newer clients look there).
MONITORS_ALIAS = "/redfish/v1/TaskService/TaskMonitors/"


def task_uri(task: Task) -> str:
    """Return the URI of the Task resource."""
    if task.parent is not None:
        return f"{TASKS}/{task.parent}/SubTasks/{task.id}"
    return f"{TASKS}/{task.id}"


def monitor_uri(task: Task) -> str:
    """Return the URI of the task's monitor, a path: clients put the host before it."""
    return MONITORS + task.id


def has_monitor(task: Task, now_ms: int) -> bool:
    """Tell whether the monitor is (still) there.

    A cancelled task's goes at once, a completed one's after its expiry (TaskService v1_3_0
    ``TaskMonitorAutoExpirySeconds``).
    """
    if task.task_state == states.CANCELLED or task.monitor_gone:
        return False
    return task.monitor_expires is None or now_ms < task.monitor_expires


class TaskRepresentation:
    """Renders tasks with the wording of the message registries."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def task(self, task: Task, now_ms: int) -> dict[str, Any]:
        """Return the Task resource (Task v1_7_4).

        EndTime and TaskStatus are there only when it has ended, Payload unless it is hidden,
        SubTasks when there are some.
        """
        body: dict[str, Any] = {
            "@odata.id": task_uri(task),
            "@odata.type": f"#{TASK_TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Task.Task",
            "Id": task.id,
            "Name": task.name or f"Task {task.id}",
            "TaskState": task.task_state,
            "StartTime": iso(task.start_time),
            "PercentComplete": task.percent_complete,
            "HidePayload": task.hide_payload,
            "Messages": [self.message(message) for message in task.messages],
        }
        if task.description:
            body["Description"] = task.description
        elif task.run_of:
            # Task v1_7_4 has no place for that link.
            body["Description"] = f"A run of {job_uri(task.run_of)}"
        if task.end_time is not None:
            body["EndTime"] = iso(task.end_time)
        if task.task_status is not None:
            body["TaskStatus"] = task.task_status
        if task.estimated_duration:
            body["EstimatedDuration"] = task.estimated_duration
        if has_monitor(task, now_ms):
            body["TaskMonitor"] = monitor_uri(task)
        if task.children:
            body["SubTasks"] = {"@odata.id": f"{task_uri(task)}/SubTasks"}
        if task.payload is not None and not task.hide_payload:
            body["Payload"] = {
                "HttpOperation": task.payload.http_operation,
                "TargetUri": task.payload.target_uri,
                "HttpHeaders": list(task.payload.http_headers),
                "JsonBody": task.payload.json_body,
            }
        if task.created_resources:
            body["Links"] = {
                "CreatedResources": [{"@odata.id": uri} for uri in task.created_resources],
                "CreatedResources@odata.count": len(task.created_resources),
            }
        return body

    def message(self, message: TaskMessage) -> dict[str, Any]:
        """Return an entry of ``Messages`` (Message v1_3_0), worded by its registry if need be."""
        if message.text:
            shown: dict[str, Any] = {
                "@odata.type": "#Message.v1_3_0.Message",
                "MessageId": message.message_id,
                "Message": message.text,
                "MessageSeverity": message.severity,
            }
            if message.args:
                shown["MessageArgs"] = list(message.args)
            return shown
        registry, _, rest = message.message_id.partition(".")
        return self._messages.build(f"{registry}.{rest.rpartition('.')[2]}", *message.args)

    def result(self, task: Task) -> Result:
        """Return what the monitor of a task that has ended answers.

        The stored result; where the work left none (it broke, or there are sub-tasks), one that
        says how the task ended.
        """
        stored = task.result
        if stored is not None and (stored.body is not None or stored.status < 400):
            return stored
        if task.task_state == states.COMPLETED:
            return Result(200, self._error_body("Base.Success", []))
        status = stored.status if stored is not None else task.worst_status or 500
        critical = [
            self.message(message) for message in task.messages if message.severity == "Critical"
        ]
        headers: Mapping[str, str] = stored.headers if stored is not None else {}
        return Result(status, self._error_body("Base.GeneralError", critical), headers)

    def _error_body(self, key: str, details: list[dict[str, Any]]) -> dict[str, Any]:
        general = self._messages.build(key)
        return {
            "error": {
                "code": general["MessageId"],
                "message": general["Message"],
                "@Message.ExtendedInfo": details or [general],
            }
        }
