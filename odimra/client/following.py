"""Follows a task to its end, through restarts of the service and of who watches.

Looks at the task again and again, asks for nothing but what may have changed, and tells a board
(:mod:`.boards`) what it saw. Watching changes nothing: who stops watching leaves the task alone.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any, Protocol

from odimra.client.errors import ClientError, NotFound, OperationFailed, ServiceFailed
from odimra.client.http import Api, Waiting
from odimra.client.tasks import FINAL, members, name_of, reason

#: Between two looks, in seconds; with many sub-tasks it takes longer.
LOOK_SECONDS = 0.5
SUB_TASKS_PER_SECOND = 400

Json = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """A task as it was last seen."""

    task: Json
    sub_tasks: list[Json] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether it has ended, in any way."""
        return self.task["TaskState"] in FINAL


class Board(Protocol):
    """Shows how a task goes."""

    def show(self, seen: Seen) -> None:
        """Show a task that may have changed."""

    def away(self, text: str) -> None:
        """Say that nobody answers, and that it is tried again."""

    def back(self) -> None:
        """Say that the service answers again."""


class Follower:
    """Looks at one task."""

    def __init__(self, api: Api, path: str, board: Board) -> None:
        self._api = api
        self._path = path
        self._board = board
        self._etag = ""
        self._seen: Seen | None = None
        self._lost = False
        #: A first look that fails tells of a wrong address; from then on it is waited for ever.
        self._first = Waiting(api.waiting.seconds, api.waiting.tell)
        self._always = Waiting(math.inf, self._away)

    async def end(self) -> Seen:
        """Return the task when it has ended. Raises :class:`NotFound` when it is gone."""
        while True:
            seen = await self._look()
            if self._lost:
                self._lost = False
                self._board.back()
            self._board.show(seen)
            if seen.ended:
                return seen
            many = len(seen.sub_tasks) / SUB_TASKS_PER_SECOND
            await asyncio.sleep(LOOK_SECONDS + many)

    def _away(self, text: str) -> None:
        self._lost = True
        self._board.away(text)

    async def _look(self) -> Seen:
        waiting = self._first if self._seen is None else self._always
        headers = {"If-None-Match": self._etag} if self._etag else {}
        try:
            answer = await self._ask(headers, waiting)
        except NotFound:
            if self._seen is None:
                raise
            raise NotFound(
                f"the task {name_of(self._seen.task)} was removed; it was last seen in state "
                f"{self._seen.task['TaskState']}"
            ) from None
        if answer.status == 304 and self._seen is not None:
            task = self._seen.task
        else:
            task = answer.document
            if "TaskState" not in task or "@odata.id" not in task:
                raise ServiceFailed(f"{self._path} is no task")
            self._etag = answer.headers.get("ETag", "")
        subs: list[Json] = []
        if "SubTasks" in task:
            subs = await self._subs(task, waiting)
        self._seen = Seen(task, subs)
        return self._seen

    async def _ask(self, headers: dict[str, str], waiting: Waiting) -> Any:
        while True:
            try:
                return await self._api.get(self._path, headers=headers, waiting=waiting)
            except ServiceFailed as error:
                if self._seen is None:
                    raise
                self._away(str(error))
                await asyncio.sleep(LOOK_SECONDS)

    async def _subs(self, task: Json, waiting: Waiting) -> list[Json]:
        """Return the sub-tasks; as they were before, where they cannot be read now."""
        collection = str(task["SubTasks"]["@odata.id"])
        select = "&$select=Id,Name,TaskState,TaskStatus,PercentComplete,StartTime,EndTime,Messages"
        try:
            found = members(self._api, collection, more=select, waiting=waiting)
            return [one async for one in found]
        except (NotFound, ServiceFailed) as error:
            # The parent tells whether it has gone.
            if isinstance(error, ServiceFailed):
                self._away(str(error))
            return self._seen.sub_tasks if self._seen is not None else []


def outcome(seen: Seen) -> ClientError | None:
    """Return the failure that a task has ended with; None if it has done what was asked."""
    state = str(seen.task["TaskState"])
    if state == "Completed":
        return None
    name = name_of(seen.task)
    said = reason(seen.task)
    text = f"the task {name} has ended in {state}" + (f": {said}" if said else "")
    return OperationFailed(text, f"see all of it: odimra task show {name}")
