"""``/tasks``: every task as a TaskType, with suspend, resume, run and delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from odimra.clock import iso
from odimra.jobs.bulk.query import Query, parse_query
from odimra.jobs.bulk.runs import KIND, BulkRuns, oid_of, status_of
from odimra.jobs.bulk.state import State
from odimra.midpoint.asking import Answer, Ask, Stream
from odimra.midpoint.errors import MidpointError
from odimra.midpoint.frame import Route
from odimra.midpoint.listing import asked_query, selected
from odimra.midpoint.visibility import SEES_ALL, Visible
from odimra.tasks import Task, Tasks, states

#: Tasks that are read together, and that one answer lists.
PAGE = 200
MOST = 10_000

#: States of tasks as midPoint's executionState and schedulingState.
_STATES = {
    states.NEW: ("runnable", "ready"),
    states.PENDING: ("waiting", "waiting"),
    states.SUSPENDED: ("suspended", "suspended"),
}


class TasksEndpoint:
    """The tasks that who asks may see."""

    def __init__(self, tasks: Tasks, runs: BulkRuns, visible: Visible) -> None:
        self._tasks = tasks
        self._runs = runs
        self._visible = visible

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("GET", "tasks", self.listed),
            Route("POST", "tasks/search", self.search),
            Route("GET", "tasks/*", self.read),
            Route("DELETE", "tasks/*", self.delete),
            Route("POST", "tasks/*/suspend", self.suspend),
            Route("POST", "tasks/*/resume", self.resume),
            Route("POST", "tasks/*/run", self.run),
        ]

    async def read(self, ask: Ask) -> Answer:
        """One task."""
        task = await self._visible.task(ask)
        (shown,) = await self._shown([task])
        del shown["@type"]
        return Answer(200, "task", shown)

    async def listed(self, ask: Ask) -> Answer:
        """The latest tasks, latest first."""
        return await self._list(ask, Query(None))

    async def search(self, ask: Ask) -> Answer:
        """The tasks that a query means, latest first unless it says otherwise."""
        return await self._list(ask, await asked_query(ask, parse_query))

    async def _list(self, ask: Ask, query: Query) -> Answer:
        found: list[dict[str, Any]] = []
        async for page in self._pages(ask):
            found += [one for one in page if query.test is None or query.test(one)]
        shown = selected(found, query)

        async def pages() -> AsyncIterator[list[Any]]:
            for start in range(0, len(shown), PAGE):
                yield shown[start : start + PAGE]

        return Answer(
            200,
            "object",
            {},
            "ObjectListType",
            headers={"X-Total-Count": str(len(found))},
            stream=Stream(("object",), pages()),
        )

    async def _pages(self, ask: Ask) -> AsyncIterator[list[dict[str, Any]]]:
        everybody = SEES_ALL in ask.principal.privileges
        index = self._tasks.index(owner=None if everybody else ask.principal.account)
        left = await self._tasks.count(index)
        least = max(0, left - MOST)
        while left > least:
            start = max(least, left - PAGE)
            ids = await self._tasks.page(index, start, left - start)
            read = await asyncio.gather(*map(self._tasks.get, reversed(ids)))
            yield await self._shown([task for task in read if task is not None])
            left = start

    async def _shown(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        bulk = [task for task in tasks if task.kind == KIND]
        runs = dict(zip((task.id for task in bulk), await self._runs.states(bulk), strict=True))
        return [represent(task, runs.get(task.id)) for task in tasks]

    # Changing

    async def suspend(self, ask: Ask) -> Answer:
        """Have a task rest."""
        task = await self._changeable(ask)
        if task.kind != KIND:
            raise MidpointError(409, f"A task of the kind {task.kind} cannot be suspended")
        await self._runs.suspend(task)
        return Answer(204)

    async def resume(self, ask: Ask) -> Answer:
        """Have a suspended task go on."""
        await self._runs.resume(await self._changeable(ask))
        return Answer(202)

    async def run(self, ask: Ask) -> Answer:
        """Have a task run again that has ended."""
        await self._runs.again(await self._changeable(ask))
        return Answer(204)

    async def delete(self, ask: Ask) -> Answer:
        """Remove a task; one that runs is cancelled, and gone soon."""
        gone = await self._runs.delete(await self._changeable(ask))
        return Answer(204 if gone else 202)

    async def _changeable(self, ask: Ask) -> Task:
        """Return a task that who asks may change: their own, or any with ConfigureManager."""
        task = await self._visible.task(ask)
        own = task.owner == ask.principal.account
        ask.may("ConfigureComponents" if own else "ConfigureManager")
        return task


def represent(task: Task, run: State | None) -> dict[str, Any]:
    """Return a task as a TaskType; ``run`` is how far a bulk script is."""
    execution, scheduling = _STATES.get(task.task_state, ("running", "ready"))
    if task.final:
        execution = scheduling = "closed"
    elif task.desired == states.SUSPEND and task.task_state in (states.NEW, states.PENDING):
        execution = scheduling = "suspended"
    status = status_of(task)
    oid = oid_of(task.id)
    shown: dict[str, Any] = {
        "@type": "TaskType",
        "oid": oid,
        "version": str(task.version),
        "name": f"{task.name or task.kind} {oid}",
        "description": task.description or None,
        "taskIdentifier": task.id,
        "category": task.kind,
        "ownerRef": {"oid": task.owner, "type": "UserType"},
        "executionState": execution,
        "schedulingState": scheduling,
        "resultStatus": status,
        "result": {"operation": "run", "status": status, "asynchronousOperationReference": oid},
        "progress": run.done if run is not None else task.percent_complete,
        "expectedTotal": None if run is not None else 100,
        "lastRunStartTimestamp": iso(task.start_time),
    }
    if task.end_time is not None:
        shown["lastRunFinishTimestamp"] = iso(task.end_time)
        shown["completionTimestamp"] = iso(task.end_time)
    activity: dict[str, Any] = {
        "realizationState": _realization(task),
        "resultStatus": status,
    }
    counts = run.summary.counts() if run is not None else {}
    if counts:
        activity["statistics"] = {"actionsExecuted": {"objectActionsEntry": _entries(counts)}}
    shown["activityState"] = {"activity": activity}
    shown["extension"] = {
        "percentComplete": task.percent_complete,
        "redfishTask": f"/redfish/v1/TaskService/Tasks/{task.id}",
    }
    return {name: value for name, value in shown.items() if value is not None}


def _entries(counts: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {
            "objectType": "ObjectType",
            "operation": operation,
            "totalSuccessCount": good,
            "totalFailureCount": bad,
        }
        for operation, (good, bad) in counts.items()
    ]


def _realization(task: Task) -> str:
    if not task.final:
        return "inProgressLocal"
    return "complete" if task.task_state == states.COMPLETED else "aborted"
