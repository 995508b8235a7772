"""All tasks: creating, reading, changing, cancelling and removing them.

Each method that writes is one atomic step in the store, which keeps the indexes, rolls a sub-task's
change up into its parent, frees and fills the slots of the engine and appends the lifecycle event.
Called by the engine and the faces; knows the store only.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from odimra import trail
from odimra.clock import Clock
from odimra.store import NEWS, Script, Store
from odimra.store.scripts import text
from odimra.tasks import history, retries, states
from odimra.tasks.errors import (
    Fenced,
    ResultTooLong,
    TaskExists,
    TaskGuarded,
    TaskMissing,
    TaskServiceDisabled,
    TasksFull,
    TaskVersionMismatch,
    TransitionRefused,
)
from odimra.tasks.model import Change, Guard, NewTask, Once, Task


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How many tasks are kept, and how.

    ``max_tasks`` top-level tasks; ``policy`` is ``Oldest`` or ``Manual``; ``max_messages`` per
    task; ``max_result_bytes`` of a stored result;
    ``resubmit_ms`` until a hand-over that nobody took is repeated;
    ``max_interruptions`` workers may die of one task. Progress is told in steps of
    ``progress_step`` percent, and of one task once in ``progress_ms`` (0: each step).
    """

    max_tasks: int = 10_000
    policy: str = "Oldest"
    max_messages: int = 100
    max_result_bytes: int = 262_144
    resubmit_ms: int = 30_000
    retry_after: int = 5
    max_interruptions: int = 10
    progress_step: int = 1
    progress_ms: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What an atomic step says besides its outcome.

    ``submit``: hand-overs for the engine, as ``<task id>.<submission>``.
    """

    outcome: str
    submit: tuple[str, ...] = ()
    extra: Any = field(default=None, repr=False)


def new_id() -> str:
    """Return a fresh task id: ``task`` and a random UUID."""
    return f"task{uuid.uuid4()}"


#: Bytes of a checkpoint that the scheduled job of a run keeps when that ends.
MAX_REACHED = 16_384


def _lua_set(names: Iterable[str]) -> str:
    return "{" + ",".join(f"{name}=true" for name in sorted(names)) + "}"


def _header(options: TaskOptions, max_events: int) -> str:
    table = ",".join(f"{old}={_lua_set(new)}" for old, new in states.TRANSITIONS.items())
    return (
        f"{NEWS}\nlocal ALLOWED={{{table}}}\nlocal FINAL={_lua_set(states.FINAL)}\n"
        f"local MAX_MESSAGES={options.max_messages} local MAX_EVENTS={max_events}\n"
        f"local PROGRESS_STEP={options.progress_step} local PROGRESS_MS={options.progress_ms}\n"
        f"local MAX_REACHED={MAX_REACHED}\n"
        f"local HISTORY_KEPT={history.KEPT_SECONDS} local BUCKETS={history.BUCKETS}\n"
    )


#: Parts of the prelude: each stands in the place of the line that says so.
PARTS = ("tally", "follow")

_STEPS = (
    "create",
    "change",
    "claim",
    "cancel",
    "delete",
    "expire",
    "sweep",
    "want",
    "monitor",
    "interrupt",
)


class Tasks:
    """The tasks of one store.

    ``dispatch`` is called with each :class:`Step` that has something to hand over; the engine
    sets it. Without one, or when the process dies before it acts, the sweep does the same later.
    """

    def __init__(
        self,
        store: Store,
        options: TaskOptions,
        clock: Clock,
        *,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self.options = options
        self.store = store
        self.clock = clock
        self._new_id = new_id
        self.dispatch: Callable[[Step], None] | None = None
        header = _header(options, store.options.max_events)
        self._header = header
        self._scripts = {name: self._script(name) for name in _STEPS}
        self._guarded: dict[tuple[Guard, ...], Script] = {}

    def _script(self, name: str, guards: Sequence[Guard] = ()) -> Script:
        prelude, step = (text("odimra.tasks", f"lua/{one}.lua") for one in ("prelude", name))
        for part in PARTS:
            here = f"-- {part}.lua stands here"
            prelude = prelude.replace(here, text("odimra.tasks", f"lua/{part}.lua"))
        between = []
        if name == "create":
            # Each in a function of its own: what it calls its parts is its own affair.
            each = [f"(function()\n{one.source}\nreturn guard end)()" for one in guards]
            between = [retries.ASKED_STEP, f"local guards = {{{', '.join(each)}}}"]
        return Script("\n".join([self._header, prelude, *between, step]))

    def _creating(self, guards: tuple[Guard, ...]) -> Script:
        if not guards:
            return self._scripts["create"]
        script = self._guarded.get(guards)
        if script is None:
            script = self._guarded[guards] = self._script("create", guards)
        return script

    async def _step(
        self, name: str, task_id: str, *args: str | bytes | int, script: Script | None = None
    ) -> Step:
        keys = self.store.keys
        reply = await self.store.script(
            script or self._scripts[name],
            keys=[keys.task(task_id)],
            args=[keys.root, self.clock.now_ms(), *args],
        )
        outcome, touched, submit, extra = reply
        for key in touched:
            self.store.forget(key.decode())
        step = Step(
            outcome.decode(),
            tuple(one.decode() for one in submit),
            extra,
        )
        if self.dispatch is not None and step.submit:
            self.dispatch(step)
        return step

    # Creating

    def _insert(
        self, new: NewTask, task_id: str, parent: str | None, started: int
    ) -> dict[str, Any]:
        values: dict[str, Any] = {
            "kind": new.kind,
            "owner": new.owner,
            "task_state": states.NEW,
            "start_time": started,
            "version": 1,
            "name": new.name,
            "description": new.description,
            "parent": parent,
            "target": new.target,
            "hide_payload": "1" if new.hide_payload else None,
            "payload": new.payload.stored() if new.payload else None,
            "estimated_duration": new.estimated_duration,
            "args": orjson.dumps(dict(new.args)).decode() if new.args else None,
            "children": len(new.subtasks) or None,
            "keys": "\n".join(new.keys),
            "scratch": "\n".join(new.scratch),
            "again": "1" if new.again else None,
            "queue": new.queue or None,
            "queue_limit": new.queue_limit or None,
            "run_of": new.run_of or None,
            # Of a sub-task it is what its parent was begun by.
            "request": trail.request_id.get() or None,
        }
        fields: list[str] = []
        for name, value in values.items():
            if value not in (None, ""):
                fields += (name, str(value))
        return {
            "id": task_id,
            "owner": new.owner,
            "kind": new.kind,
            "leaf": not new.subtasks,
            "fields": fields,
            **({"delay": new.delay_ms} if new.delay_ms else {}),
            **({"run_of": new.run_of} if new.run_of else {}),
        }

    async def create(
        self,
        new: NewTask,
        *,
        task_id: str | None = None,
        once: Once | None = None,
        replace: bool = False,
        guards: Sequence[tuple[Guard, Any]] = (),
    ) -> Task:
        """Create a task, and its sub-tasks, in state New.

        At the cap the oldest completed task makes room in the same step; with ``replace`` one
        that had this id and has ended goes in any case. Raises
        :class:`TasksFull` when none may, :class:`TaskServiceDisabled` when no task may start,
        :class:`TaskExists` if there is a task ``task_id``, or was one by the mark ``once``,
        :class:`TaskGuarded` when one of ``guards`` refuses; each gets what is beside it.

        For a request that has come again the task is returned that was created then. Raises
        :class:`~odimra.tasks.retries.RetryKeyTaken`, and :class:`TaskMissing` if it is gone.
        """
        parent, started = task_id or self._new_id(), self.clock.now_ms()
        record: dict[str, Any] = {
            "task": self._insert(new, parent, None, started),
            "subtasks": [
                self._insert(one, one.id or self._new_id(), parent, started) for one in new.subtasks
            ],
        }
        if replace:
            record["replace"] = True
        asked = retries.asked(self.store.keys.root)
        if asked is not None:
            record["asked"] = asked[1]
        if guards:
            record["guards"] = [args for _, args in guards]
        if once is not None:
            record["once"] = (once.key, once.field, once.number)
        step = await self._step(
            "create",
            parent,
            self.options.max_tasks,
            self.options.policy,
            self.options.resubmit_ms,
            orjson.dumps(record),
            script=self._creating(tuple(guard for guard, _ in guards)),
        )
        if step.outcome in ("repeated", "taken") and asked is not None:
            retries.heed(asked[0], step.outcome)
            (began,) = step.extra
            task = await self.get(began.decode())
            if task is None:
                raise TaskMissing(began.decode())
            return task
        if step.outcome == "guarded":
            raise TaskGuarded([one.decode() for one in step.extra])
        if step.outcome == "exists":
            raise TaskExists(parent)
        if step.outcome == "disabled":
            raise TaskServiceDisabled
        if step.outcome == "full":
            raise TasksFull(self.options.retry_after)
        if asked is not None:
            retries.heed(asked[0], step.outcome)
        return Task(
            id=parent,
            kind=new.kind,
            owner=new.owner,
            task_state=states.NEW,
            start_time=started,
            version=1,
            name=new.name,
            description=new.description,
            target=new.target,
            args=new.args,
            payload=new.payload,
            hide_payload=new.hide_payload,
            children=len(new.subtasks),
            estimated_duration=new.estimated_duration,
        )

    # Reading

    async def get(self, task_id: str) -> Task | None:
        """Return the task, or None."""
        key = self.store.keys.task(task_id)
        return await self.store.cached(key, "task", lambda: self._load(task_id))

    def forget(self, task_id: str) -> None:
        """Drop this process's copy of a task."""
        self.store.forget(self.store.keys.task(task_id))

    async def _load(self, task_id: str) -> Task | None:
        reply = await self.store.call("HGETALL", self.store.keys.task(task_id))
        return Task.load(task_id, reply) if reply else None

    def index(
        self, *, owner: str | None = None, parent: str | None = None, kind: str | None = None
    ) -> str:
        """Name the index of all tasks, of those of ``owner``, ``parent``, or of a job ``kind``."""
        if parent is not None:
            return self.store.keys.index(f"sub:{parent}")
        if kind is not None:
            return self.store.keys.index(f"kind:{kind}")
        return self.store.keys.index("tasks" if owner is None else f"owner:{owner}")

    async def count(self, index: str) -> int:
        """Return how many tasks an index lists."""
        return int(await self.store.call("ZCARD", index))

    async def page(self, index: str, skip: int, top: int) -> list[str]:
        """Return ids from an index: at most ``top`` behind the first ``skip``, oldest first."""
        if top <= 0:
            return []
        reply = await self.store.call("ZRANGE", index, skip, skip + top - 1)
        return [member.decode() for member in reply]

    # Changing

    @staticmethod
    def _check(step: Step, task_id: str) -> None:
        if step.outcome == "missing":
            raise TaskMissing(task_id)
        if step.outcome == "fenced":
            raise Fenced(f"another worker has taken {task_id} over")
        if step.outcome == "version":
            raise TaskVersionMismatch(task_id)
        if step.outcome in ("final", "refused"):
            raise TransitionRefused(f"{task_id}: {step.outcome}")

    async def change(self, task_id: str, change: Change) -> str:
        """Change a task in one step and return its desired state (``run suspend cancel``).

        Raises :class:`TaskMissing`, :class:`Fenced`, :class:`TaskVersionMismatch`,
        :class:`TransitionRefused`, :class:`ResultTooLong`.
        """
        if change.result is not None:
            size = len(change.result.stored())
            if size > self.options.max_result_bytes:
                raise ResultTooLong(task_id, size)
        step = await self._step("change", task_id, task_id, change.stored())
        self._check(step, task_id)
        desired = step.extra[1] if step.extra else None
        return desired.decode() if desired else states.RUN

    async def claim(
        self, task_id: str, submission: int, *, state: str, kind_limit: int, target_limit: int
    ) -> tuple[str, Task | None]:
        """Take a task for a worker; the limits say how many may run at once (0: any number).

        Returns ``ok`` and the task with its new epoch, or why there is nothing to do:
        ``missing final duplicate cancelled suspended waiting exhausted``.
        """
        step = await self._step(
            "claim",
            task_id,
            *(task_id, submission, state, kind_limit, target_limit),
            self.options.max_interruptions,
        )
        return step.outcome, Task.load(task_id, step.extra) if step.outcome == "ok" else None

    async def cancel(self, task_id: str) -> str:
        """Cancel a task with its sub-tasks: ``ended``, ``cancelling`` or ``final`` (it had ended).

        Raises :class:`TaskMissing`.
        """
        step = await self._step("cancel", task_id, task_id)
        if step.outcome == "missing":
            raise TaskMissing(task_id)
        return step.outcome

    async def delete(self, task_id: str, *, expect: Iterable[int] | None = None) -> str:
        """Remove a task, cancelling it first: ``removed``, or ``cancelling`` and it will be.

        Raises :class:`TaskMissing`, :class:`TaskVersionMismatch`.
        """
        versions = b"" if expect is None else orjson.dumps(sorted(expect))
        step = await self._step("delete", task_id, task_id, versions)
        self._check(step, task_id)
        return step.outcome

    async def want(self, task_id: str, desired: str) -> None:
        """Say that a task shall be suspended (``suspend``) or go on (``run``).

        Raises :class:`TaskMissing`, :class:`TransitionRefused`.
        """
        self._check(await self._step("want", task_id, task_id, desired), task_id)

    async def interrupt(self, task_id: str, epoch: int) -> None:
        """Hand a task back whose worker must stop; another one goes on from its checkpoint."""
        await self._step("interrupt", task_id, task_id, epoch)

    async def read_monitor(self, task_id: str, expires_in_ms: int) -> None:
        """Note that the monitor of a completed task was read; it goes that much later."""
        await self._step("monitor", task_id, task_id, expires_in_ms)

    async def close_monitor(self, task_id: str) -> None:
        """Take the monitor away if its time has come."""
        await self._step("monitor", task_id, task_id, "close")

    # Keeping house

    async def expire(self, ended_before_ms: int, batch: int = 100) -> int:
        """Remove tasks that ended by then, at most ``batch``; return how many went."""
        return int((await self._step("expire", "", ended_before_ms, batch)).extra)

    async def delete_completed(self) -> int:
        """Remove every task that has ended by now; return how many went."""
        removed, until = 0, self.clock.now_ms()
        while went := await self.expire(until, 500):
            removed += went
        return removed

    async def sweep(self, batch: int = 100) -> None:
        """Hand over what a process left undone that died between two steps."""
        await self._step("sweep", "", batch, self.options.resubmit_ms)
