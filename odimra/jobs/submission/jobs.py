"""Submitted jobs: made once together with their tasks, kept longer than those, forgotten in time.

A job's status changes in the same step as the state of its task (``follow.lua``). Called by the
face and by the housekeeping of workers; knows the tasks and the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from odimra.clock import Clock
from odimra.jobs.submission.model import Job, fingerprint, key_of
from odimra.store import Script, Store, StoreUnavailable
from odimra.store.scripts import text
from odimra.tasks import Guard, NewTask, TaskGuarded, Tasks
from odimra.tasks.tasks import new_id

log = logging.getLogger(__name__)

COMMON = text("odimra.jobs.submission", "lua/common.lua")
GUARD = Guard(COMMON + "\n" + text("odimra.jobs.submission", "lua/submit.lua"))
PURGE = Script(
    "local root = ARGV[1]\n" + COMMON + "\n" + text("odimra.jobs.submission", "lua/purge.lua")
)
#: Jobs that one step forgets; seconds between two looks whether there are any.
FORGOTTEN = 100
LOOK = 60.0


class JobsFull(Exception):
    """There are as many jobs as may be, and none of them has ended."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: the job; whether it was there; if so, for the same variables."""

    job: Job
    existed: bool = False
    same: bool = True


@dataclass(frozen=True, slots=True)
class Submission:
    """What is submitted: the fields of the job, the task that does it, and what that is known by.

    ``guards`` are those of the task's own kind. ``ext`` is the key of who submits, empty for none.
    """

    user: str
    contract: str
    action: str
    ext: str
    variables: Mapping[str, Any]
    fields: Mapping[str, str]
    new: NewTask
    guards: Sequence[tuple[Guard, Any]] = ()
    task_id: str = ""


class Jobs:
    """The jobs of a store, ``most`` of them, kept for ``keep`` seconds after their end."""

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        *,
        most: int = 1_000_000,
        keep: int = 604_800,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._most = most
        self._keep = keep

    def key(self, number: int) -> str:
        """Name the hash of a job."""
        return self._store.keys.of("job", str(number))

    async def submit(self, asked: Submission) -> Submitted:
        """Make a job with its task, or find the one that was submitted by the same key.

        Raises :class:`JobsFull`, and what :meth:`~odimra.tasks.Tasks.create` raises; a guard of the
        task's own kind may refuse with :class:`~odimra.tasks.TaskGuarded`.
        """
        task_id = asked.task_id or new_id()
        key = key_of(asked.user, asked.contract, asked.action, asked.ext) if asked.ext else ""
        fields = {
            **asked.fields,
            "by": asked.user,
            "contract": asked.contract,
            "action": asked.action,
            "ext": asked.ext,
            "dfiid": task_id.removeprefix("task"),
        }
        note = {
            "task": task_id,
            "key": key,
            "fingerprint": fingerprint(asked.variables),
            "fields": [part for pair in fields.items() for part in pair],
            "most": self._most,
        }
        # Before the guards of the kind: what was submitted before is there, whatever they say now.
        guards = [(GUARD, note), *asked.guards]
        try:
            await self._tasks.create(asked.new, task_id=task_id, guards=guards)
        except TaskGuarded as refused:
            why, *rest = refused.why
            if why == "full":
                raise JobsFull(f"there are {self._most} jobs, and none has ended") from None
            if why != "exists":
                raise
            found = await self.read(int(rest[0]))
            if found is None:
                # It was forgotten just now, and its key with it.
                return await self.submit(replace(asked, task_id=""))
            return Submitted(found, True, rest[1] == "same")
        number = await self._store.call("HGET", self._store.keys.task(task_id), "job")
        job = await self.read(int(number)) if number is not None else None
        assert job is not None, "a job is noted with its task"
        return Submitted(job)

    async def read(self, number: int) -> Job | None:
        """Return a job, or None."""
        (found,) = await self.read_many([number])
        return found

    async def read_many(self, numbers: Sequence[int]) -> list[Job | None]:
        """Return jobs, None for each that there is not."""
        replies = await asyncio.gather(
            *(self._store.call("HGETALL", self.key(one)) for one in numbers)
        )
        return [
            Job(number, _text(reply)) if reply else None
            for number, reply in zip(numbers, replies, strict=True)
        ]

    async def forget(self) -> int:
        """Forget the jobs that ended long ago; return how many there were."""
        before = self._clock.now_ms() - self._keep * 1000
        found = 0
        while True:
            gone: int = await self._store.script(
                PURGE, keys=[self.key(0)], args=[self._store.keys.root, before, FORGOTTEN]
            )
            found += gone
            if gone < FORGOTTEN:
                return found

    async def housekeeping(self, stop: asyncio.Event) -> None:
        """Forget jobs in time, until ``stop`` is set."""
        stopped = asyncio.create_task(stop.wait(), name="jobs-stop")
        try:
            while not stop.is_set():
                try:
                    await self.forget()
                except StoreUnavailable as error:
                    log.warning("jobs are forgotten later: %s", error)
                sleeping = asyncio.create_task(self._clock.sleep(LOOK))
                await asyncio.wait({stopped, sleeping}, return_when=asyncio.FIRST_COMPLETED)
                sleeping.cancel()
        finally:
            stopped.cancel()


def _text(reply: Any) -> dict[str, str]:
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2])  # noqa: B905
    return {name.decode(): value.decode() for name, value in pairs}
