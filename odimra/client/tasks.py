"""Tasks as the commands know them: by an id or a link, in pages, with their sub-tasks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

from odimra.client.answers import path_of
from odimra.client.errors import BadUsage
from odimra.client.http import Api, Waiting
from odimra.client.output import Column, last, plain, when

TASKS = "/redfish/v1/TaskService/Tasks"
MONITOR = "/taskmon/"
MONITORS = "/redfish/v1/TaskService/TaskMonitors/"
#: The table of the console: an API like the others (docs/console.md).
TABLE = "/console/api/tasks"
FINAL = frozenset({"Completed", "Cancelled", "Exception", "Killed"})
STATES = (
    "New",
    "Pending",
    "Starting",
    "Running",
    "Suspended",
    "Interrupted",
    "Stopping",
    "Service",
    "Cancelling",
    "Completed",
    "Cancelled",
    "Exception",
)
#: What is asked for at once; the service may have smaller pages.
PAGE = 200


def task_path(text: str) -> str:
    """Return the path of a task.

    Known by its id, with or without the ``task`` it begins with; of a sub-task as ``PARENT/SUB``;
    by any link to it, its monitor's too.
    """
    path = path_of(text.strip()).rstrip("/")
    for prefix in (MONITORS, MONITOR):
        if path.startswith(prefix):
            path = path.removeprefix(prefix)
    if path.startswith(TASKS + "/"):
        return path
    ids = path.split("/")
    if path.startswith("/") or len(ids) > 2 or not all(ids):
        raise BadUsage(
            f"{text} is no task",
            "name it by its id, of a sub-task PARENT/SUB, or by a link to it",
        )
    named = [quote(_full(one), safe="") for one in ids]
    return f"{TASKS}/{'/SubTasks/'.join(named)}"


def _full(one: str) -> str:
    """Return the id of a task that was named as midPoint and Data One do."""
    bare = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-\d+)?", one)
    return f"task{one}" if bare else one


def name_of(task: dict[str, Any]) -> str:
    """Return how a task is named to a command."""
    uri = str(task["@odata.id"])
    return uri.removeprefix(TASKS + "/").replace("/SubTasks/", "/")


def monitor_of(task: dict[str, Any]) -> str:
    """Return the path of its monitor, be it there or not."""
    return str(task.get("TaskMonitor") or MONITOR + str(task["Id"]))


async def members(
    api: Api,
    collection: str,
    *,
    most: int | None = None,
    skip: int = 0,
    more: str = "",
    waiting: Waiting | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Yield what a collection has, page by page: ``most`` of it, from ``skip`` on.

    ``more`` is put behind the query (``&$filter=...``).
    """
    left = most
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        query = f"?$skip={skip}&$top={size}&$expand=.($levels=1){more}"
        page = await api.read(collection + query, waiting=waiting)
        found = page.get("Members", [])
        for member in found:
            yield member
        skip += len(found)
        left = None if left is None else left - len(found)
        if not found or skip >= page.get("Members@odata.count", 0):
            return


async def table(api: Api, most: int, chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Return rows of the service's table of tasks, the newest first, ``most`` of them.

    A Redfish Task names neither its kind nor its owner. One answer looks at a part of the table
    when a filter means few, and says where to go on.
    """
    rows: list[dict[str, Any]] = []
    skip: int | None = 0
    while skip is not None and len(rows) < most:
        asked = {**chosen, "top": min(PAGE, most - len(rows)), "skip": skip}
        page = await api.read(f"{TABLE}?{urlencode(asked)}")
        rows += page["rows"]
        skip = page["next"]
    return rows


COLUMNS = (
    Column("ID", name_of),
    Column("NAME", lambda task: task.get("Name")),
    Column("STATE", lambda task: task.get("TaskState")),
    Column("%", lambda task: task.get("PercentComplete"), right=True),
    Column("STATUS", lambda task: task.get("TaskStatus"), spare=True),
    Column("STARTED", lambda task: when(task.get("StartTime"))),
    Column("ENDED", lambda task: when(task.get("EndTime")), spare=True),
)


ROWS = (
    Column("ID", lambda row: row["id"]),
    Column("NAME", lambda row: row.get("name")),
    Column("KIND", lambda row: row.get("kind"), spare=True),
    Column("OWNER", lambda row: row.get("owner")),
    Column("STATE", lambda row: row.get("state")),
    Column("%", lambda row: row.get("percent"), right=True),
    Column("STARTED", lambda row: when(row.get("started"))),
    Column("ENDED", lambda row: when(row.get("ended")), spare=True),
)


def described(task: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what is shown of a task."""
    payload = task.get("Payload") or {}
    created = task.get("Links", {}).get("CreatedResources", [])
    return [
        ("Id", name_of(task)),
        ("Name", task.get("Name")),
        ("Description", task.get("Description")),
        ("TaskState", task.get("TaskState")),
        ("TaskStatus", task.get("TaskStatus")),
        ("PercentComplete", task.get("PercentComplete")),
        ("StartTime", when(task.get("StartTime"))),
        ("EndTime", when(task.get("EndTime"))),
        ("EstimatedDuration", task.get("EstimatedDuration")),
        ("TaskMonitor", task.get("TaskMonitor")),
        ("Request", f"{payload.get('HttpOperation', '')} {payload.get('TargetUri', '')}".strip()),
        ("Body", plain(payload.get("JsonBody"))),
        ("Created", [link.get("@odata.id") for link in created]),
    ]


def messages(task: dict[str, Any]) -> list[str]:
    """Return the messages of a task, a line for each."""
    return [
        f"{message.get('MessageSeverity', 'OK')}: {message.get('Message', message['MessageId'])}"
        for message in task.get("Messages", [])
    ]


def reason(task: dict[str, Any]) -> str:
    """Return the worst that the messages of a task say; empty if it is nothing bad."""
    for severity in ("Critical", "Warning"):
        for message in task.get("Messages", []):
            if message.get("MessageSeverity") == severity:
                return str(message.get("Message", message.get("MessageId", "")))
    return ""


def short(task: dict[str, Any]) -> str:
    """Return a task in a few words."""
    name = task.get("Name") or last(str(task["@odata.id"]))
    return f"{name}: {task.get('TaskState')}"
