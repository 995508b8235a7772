"""The steps of a bulk run in the store: each atomic, and none done by a worker that was replaced.

Every step may be sent again when its answer was lost: it is done once. Used by :mod:`.worker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from odimra.engine.patience import patiently
from odimra.records.transaction import WRITES, Write
from odimra.store import Script, Store
from odimra.tasks import Fenced


@dataclass(frozen=True, slots=True)
class BulkOptions:
    """How bulk scripts are run.

    What is done is written after ``flush_items`` items or ``flush_seconds`` seconds, whichever is
    first. ``workers`` items are in hand at a time where they wait for machines or scripts. Of the
    outputs ``max_items`` and ``max_bytes`` of data are kept, and ``max_console`` bytes of text;
    ``max_records`` of a type and ``max_events`` are the store's.
    """

    flush_items: int = 200
    flush_seconds: float = 1.0
    workers: int = 4
    max_items: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    max_console: int = 1024 * 1024
    max_records: int = 10_000_000
    max_events: int = 100_000
    max_sorted: int = 10_000

    @property
    def bounds(self) -> str:
        """Return them as the step takes them."""
        return (
            f"{self.max_records} {self.max_items} {self.max_bytes} {self.max_console} "
            f"{self.max_events}"
        )


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The keys of a run: what stays with its task, and the lists between its expressions."""

    run: str
    console: str
    data: str
    lists: str

    @classmethod
    def of(cls, store: Store, task_id: str) -> RunKeys:
        """Name the keys of the run that is the task ``task_id``."""
        run, console, data = (
            store.keys.of("bulk", name, task_id) for name in ("run", "console", "data")
        )
        return cls(run, console, data, store.keys.of("bulk", "list", task_id, ""))

    def list(self, number: int) -> str:
        """Name the list that the node ``number`` hands on."""
        return f"{self.lists}{number}"


@dataclass(slots=True)
class Commit:
    """What one step writes; of ``hidden`` items and ``unsaid`` lines only the number."""

    writes: list[Write] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    items: list[bytes] = field(default_factory=list)
    pushes: list[tuple[int, bytes]] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    takes: list[tuple[int, int]] = field(default_factory=list)
    events: list[tuple[str, bytes]] = field(default_factory=list)
    hidden: int = field(default=0, init=False)
    unsaid: int = field(default=0, init=False)

    @property
    def _parts(self) -> tuple[list[Any], ...]:
        return (
            self.writes,
            self.lines,
            self.items,
            self.pushes,
            self.resets,
            self.takes,
            self.events,
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(self._parts) and not self.hidden and not self.unsaid

    def copy(self) -> Commit:
        """Return another one with the same in it."""
        copy = Commit(*(list(part) for part in self._parts))
        copy.hidden, copy.unsaid = self.hidden, self.unsaid
        return copy

    def flat(self, bounds: str, now: int) -> list[str | bytes | int]:
        """Return it as the step takes it, counts first, at ``now`` (ms since the epoch)."""
        counts = " ".join(str(len(part)) for part in self._parts)
        found: list[str | bytes | int] = [f"{counts} {self.hidden} {self.unsaid}", bounds, now]
        # Few long arguments: each costs as much as reading a record.
        for write in self.writes:
            found += (f"{write.rev} {write.type} {write.id}", write.doc)
        found.append("\n".join(self.lines))
        found += self.items
        for pair in self.pushes:
            found += pair
        found += self.resets
        for taken in self.takes:
            found += taken
        for event in self.events:
            found += event
        return found


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a run is: the number of its last step, and its state after it ("" for none)."""

    since: int
    step: int
    state: bytes


class Steps:
    """The steps of one run by one worker."""

    def __init__(self, store: Store, task_id: str, epoch: int, options: BulkOptions) -> None:
        self._store = store
        self._task_id = task_id
        self._epoch = epoch
        self._options = options
        self.keys = RunKeys.of(store, task_id)
        self._keys = [
            store.keys.task(task_id),
            self.keys.run,
            self.keys.console,
            self.keys.data,
            self.keys.lists,
        ]

    async def begin(self, now: int) -> Begun:
        """Begin the run at ``now`` (ms since the epoch), or find out how far it is."""
        since, step, state = await self._step(BEGIN, [now])
        return Begun(int(since), int(step or 0), state or b"")

    async def commit(self, number: int, state: bytes, now: int, commit: Commit) -> tuple[str, int]:
        """Do the step ``number``: ``ok``, or ``changed`` or ``limit`` and which write (from 0)."""
        flat = commit.flat(self._options.bounds, now)
        said, *which = await self._step(COMMIT, [number, self._store.keys.root, state, *flat])
        return said.decode(), int(which[0]) - 1 if which else 0

    async def read(self, number: int, start: int, size: int) -> list[bytes]:
        """Return items of a list from ``start`` on."""
        key = self.keys.list(number)
        found: list[bytes] = await patiently(
            lambda: self._store.call("LRANGE", key, start, start + size - 1)
        )
        return found

    async def length(self, number: int) -> int:
        """Return how many items a list has."""
        return int(await patiently(lambda: self._store.call("LLEN", self.keys.list(number))))

    async def _step(self, script: Script, args: Sequence[str | bytes | int]) -> Any:
        reply = await patiently(
            lambda: self._store.script(
                script,
                keys=self._keys,
                args=[self._epoch, *args],
                # So each step is not followed by a read of the task: what it changes there nobody
                # here looks for, and what others change the server tells.
                changes=(),
            )
        )
        if reply is None:
            raise Fenced(self._task_id)
        return reply


_PACKAGE = "odimra.jobs.bulk"
BEGIN = Script.from_package(_PACKAGE, "lua/prelude.lua", "lua/begin.lua")
COMMIT = Script.from_package(_PACKAGE, "lua/prelude.lua", "lua/commit.lua", header=WRITES)
