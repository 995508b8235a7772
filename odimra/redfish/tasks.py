"""Tasks, SubTasks and their collections.

Who sees what: one's own tasks, all with ConfigureUsers. Who deletes: ConfigureManager any task,
ConfigureComponents one's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from odimra.access import Principal
from odimra.clock import Clock
from odimra.redfish import body as bodies
from odimra.redfish import errors
from odimra.redfish.accepted import TASK_SERVICE, Accepted
from odimra.redfish.errors import Translations
from odimra.redfish.query import Query
from odimra.redfish.resource import Call, Collection, Kept, Reply, Resource
from odimra.redfish.task_json import TASK_TYPE, TASKS, TaskRepresentation
from odimra.tasks import (
    Task,
    TaskMissing,
    Tasks,
    TaskServiceDisabled,
    TasksFull,
    TaskVersionMismatch,
)

#: What the frame makes of the failures of tasks, whichever resource they come through.
TRANSLATIONS: Translations = {
    TasksFull: lambda error: errors.service_temporarily_unavailable(error.retry_after),
    TaskServiceDisabled: lambda error: errors.service_disabled(TASK_SERVICE),
    TaskMissing: lambda error: errors.resource_not_found("Task", error.task_id),
    TaskVersionMismatch: lambda error: errors.precondition_failed(),
}


def resources(
    tasks: Tasks, representation: TaskRepresentation, accepted: Accepted, clock: Clock
) -> list[Resource]:
    """Return the routes; collaborators are shared with the TaskService and the monitors."""
    face = TaskFace(tasks, representation, accepted, clock)
    collection = "TaskCollection.TaskCollection"
    one = f"{TASKS}/{{task_id}}"
    subs = f"{one}/SubTasks"
    sub = f"{subs}/{{sub_id}}"
    return [
        Resource(TASKS, "TaskCollection", collection, get=face.list_tasks),
        Resource(one, "Task", TASK_TYPE, get=face.read_task, delete=face.delete_task),
        Resource(subs, "TaskCollection", collection, get=face.list_sub_tasks),
        Resource(sub, "Task", TASK_TYPE, get=face.read_sub_task, delete=face.delete_sub_task),
    ]


def sees(principal: Principal, task: Task) -> bool:
    """Tell whether ``principal`` may see ``task``."""
    return task.owner == principal.account or "ConfigureUsers" in principal.privileges


def ends(principal: Principal, task: Task) -> bool:
    """Tell whether ``principal`` may cancel or delete ``task``."""
    return (
        task.owner == principal.account and "ConfigureComponents" in principal.privileges
    ) or "ConfigureManager" in principal.privileges


def not_found(task_id: str) -> Exception:
    """Return the 404 of a task that is not there."""
    return errors.resource_not_found("Task", task_id)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A task with its resource as bytes, kept until the task changes."""

    task: Task
    raw: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class TaskList:
    """The members of an index of tasks."""

    tasks: Tasks
    index: str
    uri: str

    async def count(self) -> int:
        """Return how many there are."""
        return await self.tasks.count(self.index)

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of at most ``top`` tasks behind the first ``skip``."""
        return [f"{self.uri}/{one}" for one in await self.tasks.page(self.index, skip, top)]


class TaskFace:
    """The handlers."""

    def __init__(
        self,
        tasks: Tasks,
        representation: TaskRepresentation,
        accepted: Accepted,
        clock: Clock,
    ) -> None:
        self._tasks = tasks
        self._representation = representation
        self._accepted = accepted
        self._clock = clock

    # Reading

    def visible_index(self, principal: Principal) -> str:
        """Name the index of the tasks that ``principal`` may see."""
        everything = "ConfigureUsers" in principal.privileges
        return self._tasks.index(owner=None if everything else principal.account)

    async def list_tasks(self, call: Call) -> Collection:
        """``GET`` of the collection of tasks."""
        index = self.visible_index(call.principal)
        return self._collection(index, TASKS, "Task Collection")

    async def list_sub_tasks(self, call: Call) -> Collection:
        """``GET`` of the collection of a task's sub-tasks."""
        parent = await self._seen(call, call.params["task_id"])
        if parent.task.parent is not None:
            raise not_found(parent.task.id)
        uri = f"{TASKS}/{parent.task.id}/SubTasks"
        return self._collection(self._tasks.index(parent=parent.task.id), uri, "Sub-tasks")

    def _collection(self, index: str, uri: str, name: str) -> Collection:
        source = TaskList(self._tasks, index, uri)
        found = Collection(uri, "TaskCollection.TaskCollection", name, source)

        async def render(skip: int, top: int, query: Query) -> Kept:
            async def load() -> bytes:
                uris = await source.page(skip, top)
                return bodies.render(query.page(found, uris, await source.count(), skip))

            variant = (uri, skip, top, query.top)
            return Kept(index, variant, await self._tasks.store.cached(index, variant, load))

        found.render = render
        return found

    async def rendered(self, task_id: str) -> Rendered | None:
        """Return a task and its resource, from the cache while they are true."""

        async def load() -> Rendered | None:
            task = await self._tasks.get(task_id)
            return None if task is None else self._render(task)

        found = await self._tasks.store.cached(
            self._tasks.store.keys.task(task_id), "rendered", load
        )
        expires = None if found is None else found.task.monitor_expires
        if expires is not None and expires <= self._clock.now_ms():
            await self._tasks.close_monitor(task_id)
            return await self.rendered(task_id)
        return found

    def _render(self, task: Task) -> Rendered:
        body = self._representation.task(task, self._clock.now_ms())
        tag = str(task.version)
        return Rendered(task, bodies.render({**body, "@odata.etag": f'"{tag}"'}), tag)

    async def _seen(self, call: Call, task_id: str) -> Rendered:
        found = await self.rendered(task_id)
        if found is None:
            raise not_found(task_id)
        if not sees(call.principal, found.task):
            raise errors.insufficient_privilege()
        return found

    async def read_task(self, call: Call) -> Reply:
        """``GET`` of a task: always 200, whatever it is doing."""
        found = await self._seen(call, call.params["task_id"])
        if found.task.parent is not None:
            raise not_found(found.task.id)  # its place is below its parent
        return self._reply(call, found)

    async def read_sub_task(self, call: Call) -> Reply:
        """``GET`` of a sub-task, below its own parent only."""
        found = await self._seen(call, call.params["sub_id"])
        if found.task.parent != call.params["task_id"]:
            raise not_found(found.task.id)
        return self._reply(call, found)

    def _reply(self, call: Call, found: Rendered) -> Reply:
        if call.inner or call.request.query_string:
            body = self._representation.task(found.task, self._clock.now_ms())
            return Reply(body=body, etag=found.etag)
        key = self._tasks.store.keys.task(found.task.id)
        # What time alone will change is not for the fast lane, which asks nobody.
        lasting = found.task.monitor_expires is None
        kept = Kept(key, "rendered", found) if lasting else None
        return Reply(raw=found.raw, etag=found.etag, kept=kept)

    # Writing

    async def delete_task(self, call: Call) -> Reply:
        """``DELETE`` of a task: cancels and removes it; 204, or 202 until it has ended."""
        return await self._delete(call, call.params["task_id"], None)

    async def delete_sub_task(self, call: Call) -> Reply:
        """``DELETE`` of a sub-task."""
        return await self._delete(call, call.params["sub_id"], call.params["task_id"])

    async def _delete(self, call: Call, task_id: str, parent: str | None) -> Reply:
        task = await self._tasks.get(task_id)
        if task is None or task.parent != parent:
            raise not_found(task_id)
        if not ends(call.principal, task):
            raise errors.insufficient_privilege()
        outcome = await self._tasks.delete(task_id, expect=call.expected())
        if outcome == "removed":
            return Reply(204)
        cancelling = await self._tasks.get(task_id)
        if cancelling is None:  # it ended between the two steps
            return Reply(204)
        return self._accepted.running(cancelling)
