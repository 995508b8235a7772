"""The table of tasks as the page asks for it: a part of it, filtered, with owner and kind.

The Task of Redfish has neither, and a collection of Redfish has no order but its own. Called by the
console's frame; knows tasks only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.access import Principal
from odimra.clock import iso
from odimra.console.asking import BadQuestion, number, only
from odimra.tasks import Tasks, states
from odimra.tasks.listing import Listing, Row, Wanted

#: The privilege to see the tasks of others, as in the Redfish face.
SEES_ALL = "ConfigureUsers"
MAX_ROWS = 200
#: No place behind this one; Redfish's own bound for ``$skip``.
LARGEST = 2**31
LONGEST = 255
#: A word for all states in which a task has not ended.
UNFINISHED = "unfinished"
KNOWN = ("skip", "top", "order", "owner", "kind", "state", "text", "parent")


class NoSuchTask(Exception):
    """There is no such task, for this caller."""


class TaskTable:
    """Answers the page."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._listing = Listing(tasks)

    async def rows(self, principal: Principal, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a part of the table. Raises :class:`BadQuestion`, :class:`NoSuchTask`."""
        only(query, KNOWN)
        skip = number(query, "skip", 0, 0, LARGEST)
        top = number(query, "top", 50, 1, MAX_ROWS)
        order = query.get("order", "newest")
        if order not in ("newest", "oldest"):
            raise BadQuestion("'order' is newest or oldest")
        for name in ("owner", "kind", "text", "parent"):
            if len(query.get(name, "")) > LONGEST:
                raise BadQuestion(f"'{name}' is longer than {LONGEST} characters")
        parent = query.get("parent", "")
        owner = query.get("owner", "")
        if parent:
            await self._seen(principal, parent)
        elif SEES_ALL not in principal.privileges:
            if owner not in ("", principal.account):
                raise BadQuestion("'owner' can only be your own account")
            owner = principal.account
        wanted = Wanted(
            owner=owner,
            kind=query.get("kind", ""),
            parent=parent,
            states=_states(query.get("state", "")),
            text=query.get("text", ""),
            newest_first=order == "newest",
        )
        found = await self._listing.rows(wanted, skip, top)
        return {
            "total": found.total,
            "skip": skip,
            "next": found.after,
            "rows": [_shown(row) for row in found.rows],
        }

    async def one(self, principal: Principal, task_id: str) -> dict[str, Any]:
        """Return one task's row. Raises :class:`NoSuchTask`."""
        return _shown(await self._seen(principal, task_id))

    async def _seen(self, principal: Principal, task_id: str) -> Row:
        task = await self._tasks.get(task_id)
        if task is None or (
            task.owner != principal.account and SEES_ALL not in principal.privileges
        ):
            raise NoSuchTask
        return Row(
            id=task.id,
            kind=task.kind,
            owner=task.owner,
            task_state=task.task_state,
            name=task.name,
            start_time=task.start_time,
            end_time=task.end_time,
            percent_complete=task.percent_complete,
            task_status=task.task_status,
            children=task.children,
            parent=task.parent,
        )


def _states(text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    if text == UNFINISHED:
        return frozenset(states.TRANSITIONS) - states.FINAL
    found = frozenset(text.split(","))
    unknown = found - frozenset(states.TRANSITIONS)
    if unknown:
        raise BadQuestion(
            f"'state' is '{UNFINISHED}' or some of: {','.join(sorted(states.TRANSITIONS))}"
        )
    return found


def _shown(row: Row) -> dict[str, Any]:
    own = f"/redfish/v1/TaskService/Tasks/{row.id}"
    if row.parent is not None:
        own = f"/redfish/v1/TaskService/Tasks/{row.parent}/SubTasks/{row.id}"
    return {
        "id": row.id,
        "uri": own,
        "name": row.name,
        "kind": row.kind,
        "owner": row.owner,
        "state": row.task_state,
        "status": row.task_status,
        "percent": row.percent_complete,
        "started": iso(row.start_time),
        "ended": None if row.end_time is None else iso(row.end_time),
        "children": row.children,
        "parent": row.parent,
    }
