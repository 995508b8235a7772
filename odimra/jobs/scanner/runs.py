"""Runs of scans: each is a task of the kind ``scanner``, shown as the task scanner's users know it.

What a run has counted is kept beside its task and goes with it. Called by the face and by the
scheduler's firing; knows the tasks and the store.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from odimra.clock import Clock
from odimra.jobs.scanner.definition import Scan
from odimra.jobs.scanner.steps import FAILURES, SUCCESSES, RunKeys
from odimra.store import Store
from odimra.tasks import NewTask, Once, Payload, Task, TaskMissing, Tasks, states

KIND = "scanner"
TASK = "task"

INITIALIZED, ACTIVE = "INITIALIZED", "ACTIVE"
COMPLETED, CANCELLED, ERROR = "COMPLETED", "CANCELLED", "ERROR"

#: What users of the task scanner call the states of a task; all others are ACTIVE.
STATES = {
    states.NEW: INITIALIZED,
    states.PENDING: INITIALIZED,
    states.STARTING: INITIALIZED,
    states.COMPLETED: COMPLETED,
    states.CANCELLED: CANCELLED,
    states.EXCEPTION: ERROR,
}

#: Runs that are looked at together.
PAGE = 200


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is now; times in ms since the epoch.

    ``successes`` and ``failures`` together are the records that were processed; others of the
    ``total`` are yet to come, were skipped, or belong to another run.
    """

    id: str
    name: str
    state: str
    total: int
    successes: int
    failures: int
    started: int
    ended: int | None

    @property
    def processed(self) -> int:
        """Records whose script has run to its end, whatever that was."""
        return self.successes + self.failures


class NotCancellable(Exception):
    """The run has completed."""


class Runs:
    """The runs of a store, of which ``keep`` completed ones are kept."""

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        *,
        keep: int = 100,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._keep = keep
        self._new_uuid = new_uuid

    async def start(
        self,
        name: str,
        context: Mapping[str, Any],
        *,
        owner: str,
        payload: Payload,
        task_id: str | None = None,
        once: Once | None = None,
        run_of: str = "",
    ) -> str:
        """Have a scan run for the account ``owner``; return the id of the run.

        ``context`` is an ``invokeContext``, ``run_of`` the scheduled job whose run it is. Raises
        :class:`~odimra.jobs.scanner.definition.BadScan`, and what
        :meth:`~odimra.tasks.Tasks.create` raises.
        """
        new, task_id = await self.prepare(name, context, owner, payload, task_id)
        new = replace(new, run_of=run_of)
        task = await self._tasks.create(new, task_id=task_id, once=once)
        # Of a request that has come again it is the run that was started then.
        return task.id.removeprefix(TASK)

    async def prepare(
        self,
        name: str,
        context: Mapping[str, Any],
        owner: str,
        payload: Payload,
        task_id: str | None = None,
    ) -> tuple[NewTask, str]:
        """Return what the task of a scan is created from, and its id.

        Raises :class:`~odimra.jobs.scanner.definition.BadScan`.
        """
        Scan.load(context)
        if task_id is None:
            number = await self._store.call("INCR", self._store.keys.of("scan", "number"))
            task_id = f"{TASK}{self._new_uuid()}-{number}"
        keys = RunKeys.of(self._store, task_id)
        new = NewTask(
            KIND,
            owner,
            name=name,
            args={"context": dict(context)},
            payload=payload,
            keys=[keys.counters],
            scratch=[keys.pending, keys.settled],
        )
        return new, task_id

    async def read(self, run_id: str) -> Run | None:
        """Return a run, or None."""
        task = await self._task(run_id)
        return None if task is None else await self._run(task)

    async def owner(self, run_id: str) -> str | None:
        """Return the account whose run it is; None if there is none."""
        task = await self._task(run_id)
        return None if task is None else task.owner

    async def _task(self, run_id: str) -> Task | None:
        task = await self._tasks.get(TASK + run_id)
        return task if task is not None and task.kind == KIND else None

    async def _run(self, task: Task) -> Run:
        total, successes, failures = await self._store.call(
            "HMGET", RunKeys.of(self._store, task.id).counters, "total", SUCCESSES, FAILURES
        )
        return Run(
            id=task.id.removeprefix(TASK),
            name=task.name,
            state=STATES.get(task.task_state, ACTIVE),
            total=int(total or 0),
            successes=int(successes or 0),
            failures=int(failures or 0),
            started=task.start_time,
            ended=task.end_time,
        )

    async def page(self, skip: int, size: int, *, owner: str | None = None) -> list[Run]:
        """Return at most ``size`` runs, oldest first, behind the first ``skip``."""
        ids = await self._tasks.page(self._tasks.index(kind=KIND), skip, size)
        found = await asyncio.gather(*map(self._tasks.get, ids))
        shown = [task for task in found if task is not None and owner in (None, task.owner)]
        return list(await asyncio.gather(*map(self._run, shown)))

    async def count(self) -> int:
        """Return how many runs there are."""
        return await self._tasks.count(self._tasks.index(kind=KIND))

    async def why(self, run_id: str) -> str:
        """Return why a run ended in error, as far as that is known."""
        task = await self._task(run_id)
        said = [one for one in task.messages if one.severity == "Critical"] if task else []
        return said[0].args[0] if said and said[0].args else "the log of the service says why"

    async def cancel(self, run_id: str) -> None:
        """Have a run end; one that has ended otherwise than by completing stays as it is.

        Raises :class:`~odimra.tasks.TaskMissing`, :class:`NotCancellable`.
        """
        task = await self._task(run_id)
        if task is None:
            raise TaskMissing(run_id)
        await self._tasks.cancel(task.id)
        self._tasks.forget(task.id)
        after = await self._task(run_id)
        if after is not None and after.task_state == states.COMPLETED:
            raise NotCancellable

    async def ended(self, run_id: str, *, every: float = 0.05) -> Run | None:
        """Return a run when it has ended; None if it is gone. Looks ``every`` so many seconds."""
        while True:
            task = await self._task(run_id)
            if task is None:
                return None
            if task.final:
                return await self._run(task)
            await self._clock.sleep(every)

    async def trim(self) -> None:
        """Remove the completed runs that are more than are kept, oldest first.

        Those that were cancelled or failed stay until tasks have to make room.
        """
        index = self._tasks.index(kind=KIND)
        completed: list[tuple[int, str]] = []
        for skip in range(0, await self._tasks.count(index), PAGE):
            ids = await self._tasks.page(index, skip, PAGE)
            for task in await asyncio.gather(*map(self._tasks.get, ids)):
                if task is not None and task.task_state == states.COMPLETED:
                    completed.append((task.end_time or 0, task.id))
        for _, task_id in sorted(completed)[: max(0, len(completed) - self._keep)]:
            try:
                await self._tasks.delete(task_id)
            except TaskMissing:
                continue  # another worker was faster
