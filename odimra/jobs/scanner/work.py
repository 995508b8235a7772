"""The work of a run on its records: claim, script, verdict, one after the other and many at a time.

A record is claimed by one write and settled by another, each atomic: what its script has written is
in the same step as the stamp of completion and the counter. A script that was cut short has written
nothing. A record that fails never stops its neighbours. Used by :mod:`.worker`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from odimra.engine import JobContext
from odimra.engine.patience import patiently
from odimra.jobs.scanner.selection import Judge
from odimra.jobs.scanner.settling import Settler
from odimra.jobs.scanner.steps import FAILURES, SKIPPED, SUCCESSES, Begun, Settled, Steps
from odimra.jobs.scripts import ScriptFailed
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
#: Records are claimed as early as this many seconds before a script is free for them.
AHEAD = 0.25
#: Records whose script has run and that are not written yet, at most.
UNWRITTEN = 256
#: How often what a script has written is done anew on records that changed meanwhile.
TRIES = 20
#: Failures that are told one by one in a task's messages; there may be a million.
TOLD = 20
#: Longest reason that is told, in characters.
LONGEST = 300

FAILED = "Odimra.1.0.RecordFailed"


#: Runs the script of a scan with its bindings; what it writes is staged. Raises
#: :class:`~odimra.jobs.scripts.ScriptFailed`.
RunScript = Callable[[Mapping[str, Any], Transaction], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """Times in seconds. A claim holds off other runs for ``hold``, and is renewed in good time.

    How far a run is, is told every ``tell``. At most ``ahead`` records are claimed together.
    """

    hold: float = 60.0
    tell: float = 1.0
    ahead: int = 128


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that is claimed, or about to be, and where it stands in the run.

    ``doc`` is its text with the claim in it.
    """

    position: int
    kept: Kept
    doc: bytes = field(repr=False)

    def claimed(self, rev: str) -> Taken:
        """Return the record with the revision that the claim has made."""
        kept = self.kept
        return replace(
            self, kept=replace(kept, record=kept.shown(kept.stored, rev), rev=rev, claim="")
        )


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
        self._ready: asyncio.Queue[Taken | None] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._unwritten = asyncio.Semaphore(UNWRITTEN)
        #: How long a script takes, in seconds, by what was seen of late.
        self._pace = 1.0
        self._claimed: set[str] = set()
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
            async with asyncio.TaskGroup() as ends, asyncio.TaskGroup() as threads:
                for _ in range(self._scan.threads):
                    threads.create_task(self._thread(ends))
                await self._feed(ends)
            for other in others:
                other.cancel()

    # Taking records

    async def _feed(self, ends: asyncio.TaskGroup) -> None:
        """Claim records, early enough that no script has to wait, and not earlier."""
        while batch := await self._next(self._room()):
            for one in await self._take(batch, ends):
                self._ready.put_nowait(one)
            while not self._room():
                self._wanted.clear()
                await self._wanted.wait()
        for _ in range(self._scan.threads):
            self._ready.put_nowait(None)

    def _room(self) -> int:
        """Return how many records more should wait for their script."""
        ahead = round(self._scan.threads * AHEAD / self._pace)
        wanted = min(self._options.ahead, max(ahead, self._scan.threads))
        missing = wanted - self._ready.qsize()
        # A few at a time would be many steps.
        return missing if missing * 2 >= wanted else 0

    async def _next(self, size: int) -> list[tuple[int, str]]:
        """Return positions and ids of records to be looked at together, in order."""
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

    async def _take(self, batch: list[tuple[int, str]], ends: asyncio.TaskGroup) -> list[Taken]:
        """Claim those of a batch that may be taken; the others are settled."""
        taken: list[Taken] = []
        while batch:
            now = self._clock.now_ms()
            ids = [record_id for _, record_id in batch]
            found = await patiently(lambda: claims.read(self._records, self._scan.object, ids))  # noqa: B023
            wanted: list[Taken] = []
            for (position, _), kept in zip(batch, found, strict=True):
                if kept is None or not self._may_take(kept, now):
                    ends.create_task(self._settle(Settled(position, SKIPPED)))
                    continue
                try:
                    wanted.append(Taken(position, kept, self._with_claim(kept, now)))
                except (NoSuchPlace, RecordsError) as error:
                    ends.create_task(self._fail(position, kept, f"it cannot be claimed: {error}"))
            revs = await self._steps.claim(
                self._until(now),
                [(one.kept.record.id, one.kept.rev or "0", one.doc) for one in wanted],
            )
            batch = []
            for one, rev in zip(wanted, revs, strict=True):
                if rev is None:  # changed since it was read: look again
                    batch.append((one.position, one.kept.record.id))
                    continue
                self._claimed.add(one.kept.record.id)
                taken.append(one.claimed(rev))
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

    async def _thread(self, ends: asyncio.TaskGroup) -> None:
        """Run the script on one record after the other."""
        while (one := await self._ready.get()) is not None:
            self._wanted.set()
            began = time.perf_counter()
            change = Transaction(self._records)
            change.adopt(one.kept)
            why = await self._run(one, change)
            self._pace += (time.perf_counter() - began - self._pace) / 16
            await self._unwritten.acquire()
            ends.create_task(self._end(one, change, why))

    async def _run(self, one: Taken, change: Transaction) -> str | None:
        """Run the script on a record; return why it failed, None if it did not."""
        record = one.kept.record
        bindings = {"input": record.full, "objectID": f"{record.type}/{record.id}"}
        try:
            value = await self._script(bindings, change)
        except ScriptFailed as error:
            # What it has written so far is half of something: none of it is done.
            change.drop()
            return str(error)
        return None if value is True else "the last expression of its script is not true"

    async def _end(self, one: Taken, change: Transaction, why: str | None) -> None:
        """Write what a script has written, with its verdict."""
        record = one.kept.record
        for _ in range(TRIES):
            try:
                if why is None:
                    # It may have to be read: others have changed it.
                    await patiently(lambda: self._stamp(change, record))
                counter = SUCCESSES if why is None else FAILURES
                ended = Settled(one.position, counter, record.id, change.writes())
                if await self._settler.settle(ended) != "changed":
                    break
                await patiently(change.again)
            except (RecordsError, NoSuchPlace) as error:
                why = f"what its script wrote cannot be done: {error}"
                change.drop()
        else:
            why = "others change what it writes all the time"
            await self._settler.settle(Settled(one.position, FAILURES, record.id))
        self._unwritten.release()
        self._claimed.discard(record.id)
        self._done += 1
        if why is not None:
            await self._say(record, why)

    async def _stamp(self, change: Transaction, record: Record) -> None:
        now = stamp(self._clock.now_ms())
        await change.stamp(record.type, record.id, self._scan.completed, now)

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
            until = self._until(self._clock.now_ms())
            await self._steps.renew(until, list(self._claimed))

    async def _tell(self) -> None:
        """Tell how far the run is, and hear whether it is still wanted."""
        while True:
            await self._clock.sleep(self._options.tell)
            await self._job.progress(self._done * 100 // max(1, self._total))
