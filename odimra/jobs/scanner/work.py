"""The work of a run on its records: claim, script, verdict, one after the other and many at a time.

A record is claimed by one write and settled by another, each atomic: what its script has written is
in the same step as the stamp of completion and the counter. A script that was cut short has written
nothing. A record that fails never stops its neighbours. Used by :mod:`.worker`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odimra.engine import JobContext
from odimra.jobs.scanner.selection import Judge
from odimra.jobs.scanner.settling import Settler
from odimra.jobs.scanner.steps import FAILURES, SKIPPED, SUCCESSES, Begun, Settled, Steps, patiently
from odimra.records import claims
from odimra.records.claims import Kept
from odimra.records.errors import RecordsError
from odimra.records.macros import stamp
from odimra.records.model import Record
from odimra.records.pointer import NoSuchPlace, put
from odimra.records.records import Records
from odimra.records.transaction import Transaction
from odimra.tasks import TaskMessage

log = logging.getLogger(__name__)

#: Ids that are read together.
WINDOW = 512
#: How often what a script has written is done anew on records that changed meanwhile.
TRIES = 20
#: Failures that are told one by one in a task's messages; there may be a million.
TOLD = 20
#: Longest reason that is told, in characters.
LONGEST = 300

FAILED = "Odimra.1.0.RecordFailed"


class ScriptFailed(Exception):
    """A script has failed on one record; the text may be shown to who runs the scan."""


#: Runs the script of a scan with its bindings; what it writes is staged. Raises
#: :class:`ScriptFailed`.
RunScript = Callable[[Mapping[str, Any], Transaction], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """Times in seconds. A claim holds off other runs for ``hold``, and is renewed in good time.

    How far a run is, is told every ``tell``. At most ``ahead`` records are claimed together.
    """

    hold: float = 60.0
    tell: float = 1.0
    ahead: int = 64


@dataclass(slots=True)
class Taken:
    """A record on its way: where it stands in the run, and its text with the claim in it."""

    position: int
    kept: Kept
    doc: bytes = field(repr=False)

    def claimed(self, rev: str) -> None:
        """Take note of the revision that the claim has made."""
        kept = self.kept
        self.kept = Kept(kept.key, kept.shown(kept.stored, rev), rev, kept.stored, kept.source)


class Work:
    """The work on the records of one run by one worker."""

    def __init__(
        self,
        records: Records,
        steps: Steps,
        judge: Judge,
        script: RunScript,
        job: JobContext,
        begun: Begun,
        options: WorkOptions,
    ) -> None:
        self._records = records
        self._steps = steps
        self._judge = judge
        self._scan = judge.scan
        self._script = script
        self._job = job
        self._clock = job.clock
        self._options = options
        self._total = begun.total
        self._position = begun.trimmed
        self._done = begun.trimmed
        self._seen: list[tuple[int, str]] = []
        self._free = asyncio.Semaphore(self._scan.threads)
        self._claimed: dict[str, Taken] = {}
        self._settler = Settler(steps)
        self._told = 0

    async def run(self) -> None:
        """Work until nothing is left.

        Raises an exception group of what :class:`~odimra.engine.JobContext` raises.
        """
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(other)
                for other in (self._keep(), self._tell(), self._settler.run())
            ]
            async with asyncio.TaskGroup() as scripts:
                while batch := await self._next():
                    for one in await self._take(batch, scripts):
                        await self._free.acquire()
                        scripts.create_task(self._work_on(one))
            for other in others:
                other.cancel()

    # Taking records

    async def _next(self) -> list[tuple[int, str]]:
        """Return positions and ids of records to be looked at together, in order."""
        # What is claimed waits for its script: claim no more than can start soon.
        size = min(self._options.ahead, self._scan.threads)
        while len(self._seen) < size:
            found = await self._steps.next(self._position, WINDOW)
            if not found:
                break
            for position, (record_id, settled) in enumerate(found, self._position):
                if settled:
                    self._done += 1
                else:
                    self._seen.append((position, record_id))
            self._position += len(found)
        batch, self._seen = self._seen[:size], self._seen[size:]
        return batch

    async def _take(self, batch: list[tuple[int, str]], group: asyncio.TaskGroup) -> list[Taken]:
        """Claim those of a batch that may be taken; the others are settled."""
        taken: list[Taken] = []
        while batch:
            now = self._clock.now_ms()
            ids = [record_id for _, record_id in batch]
            found = await patiently(lambda: claims.read(self._records, self._scan.object, ids))  # noqa: B023
            wanted: list[Taken] = []
            for (position, _), kept in zip(batch, found, strict=True):
                if kept is None or not self._may_take(kept, now):
                    group.create_task(self._settle(Settled(position, SKIPPED)))
                    continue
                try:
                    wanted.append(Taken(position, kept, self._with_claim(kept, now)))
                except (NoSuchPlace, RecordsError) as error:
                    group.create_task(self._fail(position, kept, f"it cannot be claimed: {error}"))
            revs = await self._steps.claim(
                self._until(now), [(one.kept.key, one.kept.rev or "0", one.doc) for one in wanted]
            )
            batch = []
            for one, rev in zip(wanted, revs, strict=True):
                if rev is None:  # changed since it was read: look again
                    batch.append((one.position, one.kept.record.id))
                    continue
                one.claimed(rev)
                self._claimed[one.kept.key] = one
                taken.append(one)
        return taken

    def _may_take(self, kept: Kept, now: int) -> bool:
        if self._steps.own(kept.claim):
            return True  # an earlier worker of this run had it
        if kept.claim and kept.lease > now:
            return False
        return self._judge.may_take(kept.record, now)

    def _with_claim(self, kept: Kept, now: int) -> bytes:
        # In place: what was read is nobody else's.
        put(kept.stored, self._scan.started, stamp(now))
        put(kept.stored, self._scan.completed, None)
        return self._records.encode(kept.stored)

    def _until(self, now: int) -> int:
        return now + round(self._options.hold * 1000)

    # Working on them

    async def _work_on(self, one: Taken) -> None:
        record = one.kept.record
        change = Transaction(self._records)
        change.adopt(one.kept)
        bindings = {"input": record.full, "objectID": f"{record.type}/{record.id}"}
        why: str | None = None
        try:
            value = await self._script(bindings, change)
            if value is not True:
                why = "the last expression of its script is not true"
        except ScriptFailed as error:
            # What it has written so far is half of something: none of it is done.
            why, change = str(error), Transaction(self._records)
        finally:
            self._free.release()
        for _ in range(TRIES):
            try:
                if why is None:
                    await self._stamp(change, record)
                ended = Settled(
                    one.position,
                    SUCCESSES if why is None else FAILURES,
                    one.kept.key,
                    change.writes(),
                )
                if await self._settler.settle(ended) != "changed":
                    break
                await patiently(change.again)
            except (RecordsError, NoSuchPlace) as error:
                why, change = (
                    f"what its script wrote cannot be done: {error}",
                    Transaction(self._records),
                )
        else:
            why = "its record is changed by others all the time"
            await self._settler.settle(Settled(one.position, FAILURES, one.kept.key))
        self._claimed.pop(one.kept.key, None)
        self._done += 1
        if why is not None:
            await self._say(record, why)

    async def _stamp(self, change: Transaction, record: Record) -> None:
        """Put the stamp of completion into the record as it will be, if it still will."""
        content = await patiently(lambda: change.look(record.type, record.id))
        if content is not None:
            put(content, self._scan.completed, stamp(self._clock.now_ms()))
            change.put(record.type, record.id, content)

    async def _fail(self, position: int, kept: Kept, why: str) -> None:
        await self._settle(Settled(position, FAILURES))
        await self._say(kept.record, why)

    async def _settle(self, one: Settled) -> None:
        await self._settler.settle(one)
        self._done += 1

    async def _say(self, record: Record, why: str) -> None:
        log.info("%s/%s failed in %s: %s", record.type, record.id, self._job.task.id, why)
        self._told += 1
        if self._told <= TOLD:
            named = f"{record.type}/{record.id}"
            await self._job.message(TaskMessage(FAILED, (named, why[:LONGEST]), "Warning"))

    # Meanwhile

    async def _keep(self) -> None:
        """Renew the claims of scripts that take their time."""
        while True:
            await self._clock.sleep(self._options.hold / 3)
            keys = list(self._claimed)
            for first in range(0, len(keys), WINDOW):
                until = self._until(self._clock.now_ms())
                await self._steps.renew(until, keys[first : first + WINDOW])

    async def _tell(self) -> None:
        """Tell how far the run is, and hear whether it is still wanted."""
        while True:
            await self._clock.sleep(self._options.tell)
            await self._job.progress(self._done * 100 // max(1, self._total))
