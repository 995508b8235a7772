"""Windows: periods of a scope that are to be rated again, and how far that is.

To check what is asked for and to note it is one atomic step for all scopes of a request, so that of
two racing requests for the same periods one is refused. A window is closed at both ends, which are
beginnings of periods. It is done by a task; a window whose task is over, or was removed, holds
nothing up. Called by the face and the job kind; knows the tasks and the store.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from odimra.clock import Clock
from odimra.rating.errors import RatingError, WindowRefused
from odimra.store import Store
from odimra.store.scripts import text
from odimra.tasks import Guard, NewTask, Payload, Task, TaskGuarded, Tasks

KIND = "reprocess"

GUARD = Guard(text("odimra.jobs.reprocess", "lua/schedule.lua"))

#: Why a window is refused: see :class:`~odimra.rating.errors.WindowRefused`.
UNKNOWN, START_LATE, END_LATE, OVERLAP = "unknown", "start", "end", "overlap"

#: Windows that are kept when they are done, at most; the oldest go.
MOST_DONE = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """A window; times in seconds since the epoch.

    ``current`` is the beginning of the last period that was rated again, None before the first.
    """

    number: int
    scope: str
    reason: str
    start: int
    end: int
    current: int | None
    created: int
    by: str
    task: str

    @classmethod
    def load(cls, number: int, kept: Mapping[str, str]) -> Window:
        """Read what is kept of a window."""
        current = kept.get("current", "")
        return cls(
            number,
            kept["scope"],
            kept["reason"],
            int(kept["start"]),
            int(kept["end"]),
            int(current) if current else None,
            int(kept["created"]),
            kept.get("by", ""),
            kept["task"],
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks to have rated again."""

    scopes: Sequence[str]
    start: int
    end: int
    reason: str
    by: str


class Windows:
    """All windows of a store, of which ``keep`` are kept."""

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        *,
        keep: int = MOST_DONE,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self.clock = clock
        self._keep = keep
        self._new_uuid = new_uuid

    def key(self, number: int) -> str:
        """Name the hash of a window."""
        return self._store.keys.of("rating", "window", str(number))

    @property
    def index(self) -> str:
        """Name the sorted set of all windows, by number."""
        return self._store.keys.of("rating", "windows")

    def index_of(self, scope: str) -> str:
        """Name the sorted set of the windows of a scope."""
        return self._store.keys.of("rating", "windows_of", scope)

    async def schedule(self, asked: Asked, payload: Payload, *, delay_ms: int = 0) -> Task:
        """Have periods rated again; return the task, which has a sub-task for each of many scopes.

        All scopes or none; begun after ``delay_ms``.
        Raises :class:`~odimra.rating.errors.WindowRefused`, and what
        :meth:`~odimra.tasks.Tasks.create` raises.
        """
        new, parent, guards = self.prepare(asked, payload, delay_ms=delay_ms)
        try:
            return await self._tasks.create(new, task_id=parent, guards=guards)
        except TaskGuarded as refused:
            raise refusal(refused.why) from None

    def prepare(
        self, asked: Asked, payload: Payload, *, delay_ms: int = 0
    ) -> tuple[NewTask, str, list[tuple[Guard, Any]]]:
        """Return what the task is created from, its id, and the guard that notes the windows."""
        scopes = list(dict.fromkeys(asked.scopes))
        parent = f"task{self._new_uuid()}"
        tasks = [parent] if len(scopes) == 1 else [f"task{self._new_uuid()}" for _ in scopes]
        leaves = [
            NewTask(
                KIND,
                asked.by,
                name=f"Reprocess {scope}",
                args={"scope": scope},
                target=f"scope:{scope}",
                hide_payload=True,
                delay_ms=delay_ms,
                id=task,
            )
            for scope, task in zip(scopes, tasks, strict=True)
        ]
        if len(leaves) == 1:
            new = replace(leaves[0], payload=payload)
        else:
            name = f"Reprocess {len(leaves)} scopes"
            new = NewTask(
                KIND, asked.by, name=name, payload=payload, hide_payload=True, subtasks=leaves
            )
        note = {
            "start": asked.start,
            "end": asked.end,
            "reason": asked.reason,
            "by": asked.by,
            "keep": self._keep,
            "scopes": list(zip(scopes, tasks, strict=True)),
        }
        return new, parent, [(GUARD, note)]

    async def of_task(self, task_id: str) -> Window | None:
        """Return the window that a task does, or None."""
        number = await self._store.call(
            "HGET", self._store.keys.of("rating", "window_of_task"), task_id
        )
        return None if number is None else await self.read(int(number))

    # Reading

    async def read(self, number: int) -> Window | None:
        """Return a window, or None."""
        (found,) = await self._read([number])
        return found

    async def page(
        self, scopes: Sequence[str] | None, *, ascending: bool, offset: int, limit: int
    ) -> list[Window]:
        """Return windows by number, of some scopes or of all."""
        command = "ZRANGE" if ascending else "ZREVRANGE"
        if scopes is None:
            ids = await self._store.call(command, self.index, offset, offset + limit - 1)
            numbers = [int(one) for one in ids]
        else:
            replies = await asyncio.gather(
                *(
                    self._store.call(command, self.index_of(one), 0, offset + limit - 1)
                    for one in dict.fromkeys(scopes)
                )
            )
            every = sorted((int(one) for reply in replies for one in reply), reverse=not ascending)
            numbers = every[offset : offset + limit]
        return [one for one in await self._read(numbers) if one is not None]

    async def _read(self, numbers: Sequence[int]) -> list[Window | None]:
        replies = await asyncio.gather(
            *(self._store.call("HGETALL", self.key(one)) for one in numbers)
        )
        return [
            Window.load(number, _text(reply)) if reply else None
            for number, reply in zip(numbers, replies, strict=True)
        ]


def refusal(said: Sequence[str]) -> RatingError:
    """Return why windows are not noted, as the guard has said it."""
    why, *rest = said
    if why == UNKNOWN:
        return WindowRefused(why, rest)
    return WindowRefused(why, rest[:1], [int(one) for one in rest[1:]])


def _text(reply: Any) -> dict[str, str]:
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2])  # noqa: B905
    return {name.decode(): value.decode() for name, value in pairs}
