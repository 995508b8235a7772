"""Tables of tasks: many rows in one round trip, each with the little that a table shows.

Called by the console; knows the store only. A collection of Redfish links to its members; here a
page of any place in a million tasks is one script that reads what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from odimra.store import Script
from odimra.tasks.tasks import Tasks

#: Tasks that one script looks at, so that nobody else waits long for the server.
SCAN = 2_000
#: Scripts that one question may take.
ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks a table shows; what is empty does not restrict.

    ``text`` is looked for in names and ids. Without ``parent`` the table has top-level tasks only.
    """

    owner: str = ""
    kind: str = ""
    parent: str = ""
    states: frozenset[str] = frozenset()
    text: str = ""
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A task as a table shows it. Times in milliseconds since the epoch."""

    id: str
    kind: str
    owner: str
    task_state: str
    name: str
    start_time: int
    end_time: int | None
    percent_complete: int
    task_status: str | None
    children: int
    parent: str | None

    @classmethod
    def load(cls, reply: Sequence[bytes | None]) -> Row:
        """Read a row as the script returns it."""
        text = [None if one is None else one.decode() for one in reply]
        return cls(
            id=text[0] or "",
            kind=text[1] or "",
            owner=text[2] or "",
            task_state=text[3] or "",
            name=text[4] or "",
            start_time=int(text[5] or 0),
            end_time=None if text[6] is None else int(text[6]),
            percent_complete=int(text[7] or 0),
            task_status=text[8],
            children=int(text[9] or 0),
            parent=text[10],
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a table.

    ``total`` is how many tasks the index lists before they are filtered; ``after`` is the place
    at which the search goes on, None at the end.
    """

    total: int
    after: int | None
    rows: tuple[Row, ...]


class Listing:
    """Reads tables of tasks."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._script = Script.from_package("odimra.tasks", "lua/list.lua")

    async def rows(self, wanted: Wanted, skip: int, top: int) -> Rows:
        """Return at most ``top`` rows from the place ``skip`` of the index on.

        Looks at no more than ``SCAN * ROUNDS`` tasks; fewer rows than ``top`` with an ``after``
        mean that the search can go on there.
        """
        index, owner, kind = self._index(wanted)
        states = f",{','.join(sorted(wanted.states))}," if wanted.states else ""
        found: list[Row] = []
        at, total = skip, 0
        for _ in range(ROUNDS):
            total, at, rows = await self._tasks.store.script(
                self._script,
                keys=[index],
                args=[
                    self._tasks.store.keys.root,
                    self._tasks.clock.now_ms(),
                    at,
                    top - len(found),
                    "1" if wanted.newest_first else "0",
                    SCAN,
                    kind,
                    owner,
                    states,
                    wanted.text.lower(),
                ],
                changes=(),
            )
            found += [Row.load(row) for row in rows]
            if len(found) >= top or at >= total:
                break
        return Rows(total, at if at < total else None, tuple(found))

    def _index(self, wanted: Wanted) -> tuple[str, str, str]:
        """Return the index to read, and what of owner and kind is left to compare."""
        if wanted.parent:
            return self._tasks.index(parent=wanted.parent), wanted.owner, wanted.kind
        if wanted.owner:
            # Of the two the one with fewer members, mostly.
            return self._tasks.index(owner=wanted.owner), "", wanted.kind
        if wanted.kind:
            return self._tasks.index(kind=wanted.kind), "", ""
        return self._tasks.index(), "", ""
