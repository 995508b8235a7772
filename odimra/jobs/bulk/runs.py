"""Runs of bulk scripts: each is a task of the kind ``bulk-script``, and what it has put out so far.

The oid of a run and the id of its task are two names of one thing. What a run puts out is kept
beside its task and goes with it. Called by the face; knows the tasks and the store.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from odimra.clock import Clock, iso
from odimra.jobs.bulk.parsing import parse_script
from odimra.jobs.bulk.plan import Plan
from odimra.jobs.bulk.results import FATAL_ERROR, IN_PROGRESS, SUCCESS, WARNING
from odimra.jobs.bulk.state import State
from odimra.jobs.bulk.steps import RunKeys
from odimra.store import Store
from odimra.tasks import NewTask, Payload, Task, TaskMissing, Tasks, TransitionRefused, states

KIND = "bulk-script"
TASK = "task"
OPERATION = "executeScript"


class NotSuspended(Exception):
    """The task is not suspended, so it cannot go on."""


class CannotRunAgain(Exception):
    """The task is not one that can be run (now); the text says why."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a run has put out, and how it stands.

    ``items`` of data are kept and ``hidden_items`` more are not; of the console output
    ``hidden_lines`` are not. ``result`` is an OperationResultType. ``http_status`` is what a
    caller who waited for the end is answered with.
    """

    task: Task
    result: dict[str, Any]
    console: str = field(repr=False)
    hidden_lines: int
    items: int
    hidden_items: int
    turns: int
    http_status: int


def oid_of(task_id: str) -> str:
    """Return the oid of the task that has the Redfish id ``task_id``."""
    return task_id.removeprefix(TASK)


def status_of(task: Task) -> str:
    """Return the status of the operation that is a task of whichever kind."""
    if not task.final:
        # Also before a worker has it: to clients all else means that it is over.
        return IN_PROGRESS
    if task.task_state != states.COMPLETED:
        return FATAL_ERROR
    return SUCCESS if task.task_status in (None, "OK") else WARNING


class BulkRuns:
    """The runs of a store."""

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._new_uuid = new_uuid

    async def start(self, name: str, script: Any, *, owner: str, payload: Payload) -> str:
        """Have the script that is the document ``name`` run for ``owner``; return the oid.

        Raises :class:`~odimra.jobs.bulk.errors.BadScript`, and what
        :meth:`~odimra.tasks.Tasks.create` raises.
        """
        new, task_id = self.prepare(name, script, owner, payload)
        task = await self._tasks.create(new, task_id=task_id)
        # Of a request that has come again it is the run that was started then.
        return oid_of(task.id)

    def prepare(self, name: str, script: Any, owner: str, payload: Payload) -> tuple[NewTask, str]:
        """Return what the task of a script is created from, and its id.

        Raises :class:`~odimra.jobs.bulk.errors.BadScript`.
        """
        task_id = f"{TASK}{self._new_uuid()}"
        parsed = parse_script(name, script)
        nodes = len(Plan(parsed.expression).nodes)
        args = {"name": name, "script": script}
        new = self._new(task_id, args, nodes, owner=owner, payload=payload, called="Bulk script")
        return new, task_id

    def _new(
        self,
        task_id: str,
        args: dict[str, Any],
        nodes: int,
        *,
        owner: str,
        payload: Payload | None,
        called: str,
    ) -> NewTask:
        keys = RunKeys.of(self._store, task_id)
        return NewTask(
            KIND,
            owner,
            name=called,
            args=args,
            payload=payload,
            keys=[keys.run, keys.console, keys.data],
            scratch=[keys.list(number) for number in range(nodes)],
            again=True,
        )

    async def again(self, task: Task) -> None:
        """Have a run that has ended run once more, under its own name; its outputs go.

        Raises :class:`CannotRunAgain`, and what :meth:`~odimra.tasks.Tasks.create` raises.
        """
        if task.kind != KIND or not task.args:
            raise CannotRunAgain(f"a task of the kind {task.kind} cannot be run again")
        if not task.final:
            if task.task_state in (states.NEW, states.PENDING) and task.desired == states.RUN:
                return  # it is about to
            raise CannotRunAgain("the task has not ended")
        parsed = parse_script(task.args["name"], task.args["script"])
        nodes = len(Plan(parsed.expression).nodes)
        await self._tasks.create(
            self._new(
                task.id, dict(task.args), nodes,
                owner=task.owner, payload=task.payload, called=task.name,
            ),
            task_id=task.id,
            replace=True,
        )  # fmt: skip
        self._tasks.forget(task.id)

    # Reading

    async def find(self, oid: str) -> Task | None:
        """Return the task that has an oid, whatever its kind."""
        return await self._tasks.get(TASK + oid) if oid else None

    async def output(self, task: Task) -> Output:
        """Return what a run has put out by now, its data apart."""
        keys = RunKeys.of(self._store, task.id)
        call = self._store.call
        kept, console = await asyncio.gather(
            call(
                "HMGET", keys.run,
                *("state", "console_hidden", "items", "data_hidden"),
            ),
            call("GET", keys.console),
        )  # fmt: skip
        stored, hidden_lines, items, hidden_items = kept
        state = State.load(stored) if stored else State()
        result, status = result_of(task, state)
        return Output(
            task=task,
            result=result,
            console=(console or b"").decode(),
            hidden_lines=int(hidden_lines or 0),
            items=int(items or 0),
            hidden_items=int(hidden_items or 0),
            turns=state.done,
            http_status=status,
        )

    async def states(self, tasks: Sequence[Task]) -> list[State]:
        """Return how far runs are."""
        replies = await asyncio.gather(
            *(
                self._store.call("HGET", RunKeys.of(self._store, one.id).run, "state")
                for one in tasks
            )
        )
        return [State.load(reply) if reply else State() for reply in replies]

    async def data(self, task: Task, start: int, size: int) -> list[bytes]:
        """Return items of a run's data output (JSON each): ``size`` behind the first ``start``."""
        found: list[bytes] = await self._store.call(
            "LRANGE", RunKeys.of(self._store, task.id).data, start, start + size - 1
        )
        return found

    async def ended(self, oid: str, *, every: float = 0.02) -> Task | None:
        """Return the task of a run when it has ended; None if it is gone."""
        while True:
            task = await self.find(oid)
            if task is None or task.final:
                return task
            await self._clock.sleep(every)

    # Changing

    async def suspend(self, task: Task, *, patience: float = 2.0, every: float = 0.02) -> None:
        """Have a run rest between two objects; wait ``patience`` seconds for that.

        Raises :class:`~odimra.tasks.TaskMissing`, :class:`~odimra.tasks.TransitionRefused`.
        """
        await self._tasks.want(task.id, states.SUSPEND)
        self._tasks.forget(task.id)
        while patience > 0:
            now = await self._tasks.get(task.id)
            if now is None or now.final or now.task_state in RESTING:
                return
            await self._clock.sleep(every)
            patience -= every

    async def resume(self, task: Task) -> None:
        """Have a run go on. Raises :class:`NotSuspended`."""
        if task.final or task.desired != states.SUSPEND:
            raise NotSuspended(oid_of(task.id))
        try:
            await self._tasks.want(task.id, states.RUN)
        except TransitionRefused:
            raise NotSuspended(oid_of(task.id)) from None
        self._tasks.forget(task.id)

    async def delete(self, task: Task, *, patience: float = 2.0, every: float = 0.02) -> bool:
        """Remove a run, which is cancelled first; tell whether it is gone by now."""
        outcome = await self._tasks.delete(task.id)
        self._tasks.forget(task.id)
        while outcome != "removed" and patience > 0:
            try:
                if await self._tasks.get(task.id) is None:
                    return True
            except TaskMissing:
                return True
            await self._clock.sleep(every)
            patience -= every
        return outcome == "removed" or await self._tasks.get(task.id) is None


#: Messages of a task that say why it was given up.
SAID = ("Odimra.1.0.ScriptCannotRun",)

#: States in which nothing of a task runs.
RESTING = (states.NEW, states.PENDING, states.SUSPENDED)


def result_of(task: Task, state: State) -> tuple[dict[str, Any], int]:
    """Return the OperationResultType of a run, and what HTTP answers who waited for its end."""
    summary = state.summary
    result: dict[str, Any] = {
        "operation": OPERATION,
        "status": status_of(task),
        "start": iso(task.start_time),
        "asynchronousOperationReference": oid_of(task.id),
    }
    partial = summary.children()
    http = 200
    if task.end_time is not None:
        result["end"] = iso(task.end_time)
        if task.task_state == states.CANCELLED:
            result["message"] = "The run was cancelled; what it had done by then stays done."
        elif state.stopped is not None:
            why, element, http = state.stopped
            result["message"] = f"{element}: {why}" if element else why
        elif task.task_state == states.COMPLETED or state.summary.status == FATAL_ERROR:
            result["status"] = summary.status
            http = {"partial_error": 250, "handled_error": 240}.get(summary.status, 200)
        else:
            result["message"] = next(
                (one.args[0] for one in task.messages if one.message_id in SAID and one.args),
                "The run was given up; the log of the service says why.",
            )
            http = 500
        if "message" in result and not partial:
            # Clients look for the reason there.
            partial = [{key: result[key] for key in ("operation", "status", "message")}]
    if partial:
        result["partialResults"] = partial
    return result, http
