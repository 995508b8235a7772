"""The steps of a scan in the store: each atomic, and none done by a worker that was replaced.

Every step may be sent again when its answer was lost: it is done once. Used by :mod:`.worker`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from odimra.engine.patience import patiently
from odimra.records.transaction import WRITES, Write
from odimra.store import Script, Store
from odimra.tasks import Fenced

#: Counters of a run.
SUCCESSES, FAILURES, SKIPPED = "successes", "failures", "skipped"

_STEPS = ("begin", "select", "next", "claim", "renew", "settle")


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The keys of a run: its counters, which stay with its task, and what is left to do."""

    counters: str
    pending: str
    settled: str

    @classmethod
    def of(cls, store: Store, task_id: str) -> RunKeys:
        """Name the keys of the run that is the task ``task_id``."""
        names = ("counters", "pending", "settled")
        return cls(*(store.keys.of("scan", name, task_id) for name in names))


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a run is; ``since`` is when it began, in ms since the epoch."""

    since: int
    cursor: str
    selected: bool
    total: int
    trimmed: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What one record comes to: the counter it is added to, and what its script has written.

    ``claimed`` is its id if the run has claimed it.
    """

    position: int
    counter: str
    claimed: str = ""
    writes: Sequence[Write] = field(default=(), repr=False)


class Steps:
    """The steps of one run by one worker, on records of one type."""

    def __init__(self, store: Store, task_id: str, epoch: int, type_: str) -> None:
        self._store = store
        #: What the keys of the records begin with.
        self._records = store.keys.of("record", type_, "")
        self._epoch = epoch
        self._task_id = task_id
        #: Marks the records that this worker has claimed for this run.
        self.token = f"{task_id}.{epoch}"
        self._of_run = f"{task_id}."
        keys = RunKeys.of(store, task_id)
        self._keys = [store.keys.task(task_id), keys.counters, keys.pending, keys.settled]
        self._scripts = {
            name: Script.from_package(
                "odimra.jobs.scanner", "lua/prelude.lua", f"lua/{name}.lua", header=WRITES
            )
            for name in _STEPS
        }

    def own(self, claim: str) -> bool:
        """Tell whether a claim is of this run, by whichever worker."""
        return claim.startswith(self._of_run)

    async def begin(self, now: int) -> Begun:
        """Begin the run, or find out how far it is."""
        reply = await self._step("begin", [now])
        if not isinstance(reply, dict):
            reply = dict(zip(reply[::2], reply[1::2], strict=True))
        return Begun(
            since=int(reply[b"since"]),
            cursor=reply.get(b"cursor", b"").decode(),
            selected=b"selected" in reply,
            total=int(reply.get(b"total", 0)),
            trimmed=int(reply.get(b"trimmed", 0)),
        )

    async def select(self, after: str, last: str, ids: Iterable[str], *, end: bool) -> None:
        """Add what a page of records, behind the id ``after``, has selected."""
        await self._step("select", [after, last, int(end), *ids])

    async def next(self, position: int, size: int) -> list[tuple[str, bool]]:
        """Return ids from ``position`` on, with whether each is settled already."""
        reply = await self._step("next", [position, size])
        return [(one.decode(), bool(settled)) for one, settled in reply]

    async def claim(
        self, until: int, records: Sequence[tuple[str, str, bytes]]
    ) -> list[str | None]:
        """Claim records (id, revision, new text); return the new revisions, None if changed."""
        flat = [part for record in records for part in record]
        reply = await self._step("claim", [self.token, until, self._records, *flat])
        return [rev.decode() or None for rev in reply]

    async def renew(self, until: int, ids: Sequence[str]) -> None:
        """Keep the claims of records."""
        await self._step("renew", [self.token, until, self._records, *ids])

    async def settle(self, settled: Sequence[Settled]) -> list[str]:
        """Settle records; return ``ok``, ``changed`` or ``lost`` for each."""
        flat: list[str | bytes | int] = [self._store.keys.root, self.token, self._records]
        for one in settled:
            flat += (f"{one.position} {len(one.writes)} {one.counter}", one.claimed)
            for write in one.writes:
                flat += (write.type, write.id, write.rev, write.doc)
        return [outcome.decode() for outcome in await self._step("settle", flat)]

    async def _step(self, name: str, args: Sequence[str | bytes | int]) -> Any:
        script = self._scripts[name]
        reply = await patiently(
            lambda: self._store.script(script, keys=self._keys, args=[self._epoch, *args])
        )
        if reply is None:
            raise Fenced(self._task_id)
        return reply
