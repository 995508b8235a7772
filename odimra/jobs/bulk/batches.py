"""Batches: the turns of some items, done and then written by one step together with the state.

A step writes all of that or nothing. When it finds that others have changed a record meanwhile, the
turns before that are written, and the one that is concerned is done anew on what is there now.
Used by :mod:`.work`.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence

from odimra.engine.patience import patiently
from odimra.jobs.bulk.finding import Found
from odimra.jobs.bulk.items import Item, output
from odimra.jobs.bulk.language import Expression
from odimra.jobs.bulk.plan import patient
from odimra.jobs.bulk.results import WARNING
from odimra.jobs.bulk.state import NOWHERE, OUTPUT, State
from odimra.jobs.bulk.steps import BulkOptions, Commit, Steps
from odimra.jobs.bulk.turn import ActionFailed, Rights, Stopped, Tools, Turn
from odimra.jobs.bulk.types import of_records
from odimra.records import claims
from odimra.records.transaction import Transaction
from odimra.tasks import TaskMessage

#: How often an item is done anew whose records others have changed meanwhile; and how long is
#: waited before that, at most (seconds): ever longer, and not as long as others who are in the way.
TRIES = 30
WAIT = 0.05
#: Bytes of records that one step should read and write: the store does nothing else meanwhile.
STEP_BYTES = 4 * 1024 * 1024
#: How often is asked what the script's account may do, in ms.
RIGHTS_MS = 1000
#: Failures that are told one by one in a task's messages.
TOLD = 20
LONGEST = 300
FAILED = "Odimra.1.0.ObjectFailed"

#: Changes where a run is, by how many items a batch has done, and what its step writes.
Advance = Callable[[State, Commit, int], None]
#: Tells who the script runs for, and what they may do; raises Stopped when that is nobody.
AskRights = Callable[[], Awaitable[Rights]]


class Batches:
    """Does and writes the batches of one run by one worker."""

    def __init__(
        self,
        tools: Tools,
        steps: Steps,
        options: BulkOptions,
        ask_rights: AskRights,
        state: State,
        step: int,
        *,
        with_results: bool,
    ) -> None:
        self.state = state
        #: What the next step writes besides, and whether there has to be one in any case.
        self.pending = Commit()
        self.dirty = not step
        self._tools = tools
        self._steps = steps
        self._options = options
        self._ask_rights = ask_rights
        self._number = step
        self._with_results = with_results
        self._rights: Rights | None = None
        self._asked = 0
        self._told = state.failures
        #: How many items are done together: fewer where they are large, or others are in the way.
        self._size = options.flush_items

    async def rights(self) -> Rights:
        """Return what the script may do now. Raises :class:`~odimra.jobs.bulk.turn.Stopped`."""
        now = self._tools.job.clock.now_ms()
        if self._rights is None or now - self._asked >= RIGHTS_MS:
            self._rights = await patiently(self._ask_rights)
            self._asked = now
        return self._rights

    async def do(
        self,
        unit: Expression | None,
        items: Sequence[Item],
        found: Sequence[Found | None] | None,
        out: int,
        advance: Advance,
        *,
        still: Callable[[Found], bool] = lambda found: True,
    ) -> int:
        """Do the unit for the first of the items, as many as fit; return how many were done.

        ``found`` are the objects as they were read just now; ``still`` tells of one that had to be
        read again whether it is meant after all. The script has ended when it is stopped.
        """
        tries, refused = 0, None
        items = items[: self._size]
        while True:
            again = found is None or tries > 0
            adopted = await self._prefetched(items) if again else found
            assert adopted is not None
            # What a search has found is meant as long as it is there, and as it was searched for.
            left = [one is None or not still(one) for one in adopted] if found and tries else []
            # Should the store go away in the middle, all is done again: nothing is written yet.
            turns = await patiently(
                lambda: self._turns(unit, items, adopted, refused, left, show=self._shows(out))  # noqa: B023
            )
            said, turns = await self._written_first(turns, out, advance, passing=unit is None)
            if said == "ok":
                # As many as may fit next time: those that do not are read in vain.
                few = len(turns) < len(items)
                size = 2 * (len(turns) if few else self._size)
                self._size = min(max(size, 2), self._options.flush_items)
                await self._tell(turns)
                return len(turns)
            # Who is in the way is done alone, and who comes behind may be as well.
            tries += 1
            items = items[:1]
            if said == "limit":
                refused = self._too_many()
            elif tries > TRIES:
                refused = ActionFailed("others change it all the time", 409)
            if tries > 1 or refused is not None:
                self._size = 1
                await self._wait(tries)

    def _too_many(self) -> ActionFailed:
        most = self._options.max_records
        return ActionFailed(f"there are as many records of the type as may be, {most}", 409)

    async def _wait(self, tries: int) -> None:
        """Wait a little for others, not all as long who are in each other's way."""
        who = f"{self._tools.job.task.id}/{self.state.turns}/{tries}"
        part = zlib.crc32(who.encode()) / 2**32
        # Real time on purpose: the others take it.
        await asyncio.sleep(part * min(WAIT, 0.001 * 2**tries))

    # Turns

    async def _turns(
        self,
        unit: Expression | None,
        items: Sequence[Item],
        adopted: Sequence[Found | None],
        refused: ActionFailed | None,
        left: Sequence[bool],
        *,
        show: bool,
    ) -> list[Turn]:
        quiet = self.state.console >= self._options.max_console

        async def turn(at: int) -> Turn:
            change = Transaction(self._tools.records)
            one = adopted[at]
            if one is not None:
                change.adopt(one.kept)
            number = self.state.turns + at + 1
            try:
                made = Turn(self._tools, await self.rights(), number, change)
            except Stopped as stopped:
                # What was done before that is told all the same.
                return Turn.refused(self._tools, number, change, stopped)
            made.quiet = quiet
            made.read = one.kept.record.size if one is not None else 0
            gone = unit is None and one is None
            if gone or (left and left[at]):
                return made  # it is not meant any more
            await made.run(unit, [items[at]], refused, show=show)
            return made

        machines = any(one.type and of_records(one.type).machine for one in items)
        if unit is not None and patient(unit, machines=machines):
            turns = await self._side_by_side(turn, len(items))
        else:
            turns, weight = [], 0
            for at in range(len(items)):
                turns.append(await turn(at))
                weight += turns[-1].weight
                if turns[-1].stopped or weight >= STEP_BYTES:
                    break
        return _apart(turns)

    async def _side_by_side(self, turn: Callable[[int], Awaitable[Turn]], count: int) -> list[Turn]:
        """Have several items in hand at a time, for as long as a step should take."""
        done: dict[int, Turn] = {}
        places = iter(range(count))
        until = time.monotonic() + self._options.flush_seconds
        over, weight = False, 0

        async def hand() -> None:
            nonlocal over, weight
            for at in places:
                done[at] = await turn(at)
                weight += done[at].weight
                over = over or done[at].stopped is not None
                if over or weight >= STEP_BYTES or time.monotonic() >= until:
                    return

        hands = [asyncio.create_task(hand()) for _ in range(self._options.workers)]
        try:
            await asyncio.gather(*hands)
        finally:
            # One that has failed, or the whole that is cancelled, leaves no other behind.
            for one in hands:
                one.cancel()
            await asyncio.gather(*hands, return_exceptions=True)
        turns: list[Turn] = []
        for at in sorted(done):
            turns.append(done[at])
            if done[at].stopped:
                break
        return turns

    async def whole(
        self, unit: Expression, items: Sequence[Item], out: int, advance: Advance
    ) -> None:
        """Do a unit once, for all items together."""
        refused: ActionFailed | None = None

        async def done() -> Turn:
            change = Transaction(self._tools.records)
            turn = Turn(self._tools, await self.rights(), self.state.turns + 1, change)
            await turn.run(unit, items, refused, show=self._shows(out))
            return turn

        for tries in range(TRIES):
            turn = await patiently(done)
            said, _ = await self._written([turn], out, advance)
            if said == "ok":
                await self._tell([turn])
                return
            if said == "limit":
                refused = self._too_many()
            else:
                await self._wait(tries)
        raise Stopped(ActionFailed("others change what it writes all the time", 409), "")

    async def _prefetched(self, items: Sequence[Item]) -> list[Found | None]:
        """Read the objects among items, those of a type together."""
        wanted: dict[str, list[int]] = {}
        for at, item in enumerate(items):
            if item.type and item.gone is None:
                wanted.setdefault(item.type, []).append(at)
        found: list[Found | None] = [None] * len(items)
        for type_, places in wanted.items():
            ids = [items[at].id for at in places]
            kept = await patiently(lambda: claims.read(self._tools.records, type_, ids))  # noqa: B023
            for at, one in zip(places, kept, strict=True):
                if one is not None:
                    found[at] = Found(items[at], one)
        return found

    def _shows(self, out: int) -> bool:
        """Tell whether what comes of a turn will be seen."""
        return out == OUTPUT and self.state.items < self._options.max_items

    # Steps

    async def flush(self) -> None:
        """Write where the run is, and what is left to be written."""
        if not self.pending.empty or self.dirty:
            await self._written([], NOWHERE, lambda state, commit, count: None)

    async def flush_resets(self) -> None:
        """Begin lists anew that are about to be read: nobody may have put anything into them."""
        if self.pending.resets:
            await self.flush()

    async def _written_first(
        self, turns: list[Turn], out: int, advance: Advance, *, passing: bool
    ) -> tuple[str, list[Turn]]:
        """Write as many turns as can be, from the first on; say why if even that cannot be."""
        while True:
            said, which = await self._written(turns, out, advance, passing=passing)
            at = 0 if said == "ok" else _turn_of(turns, which)
            if not at:
                return said, turns
            turns = turns[:at]

    async def _written(
        self, turns: Sequence[Turn], out: int, advance: Advance, *, passing: bool = False
    ) -> tuple[str, int]:
        after = State.load(self.state.stored())
        commit = self.pending.copy()
        for turn in turns:
            self._gather(turn, out, commit, after)
        count = len(turns)
        after.turns += count
        after.passed += count if passing else 0
        advance(after, commit, count)
        stopped = turns[-1].stopped if turns else None
        if stopped is not None:
            after.stop(str(stopped), stopped.element, stopped.status)
        now = self._tools.job.clock.now_ms()
        said, which = await self._steps.commit(self._number + 1, after.stored(), now, commit)
        if said == "ok":
            self.state, self.pending, self.dirty = after, Commit(), False
            self._number += 1
        return said, which

    def _gather(self, turn: Turn, out: int, commit: Commit, after: State) -> None:
        commit.writes += turn.writes
        if turn.quiet:
            commit.unsaid += len(turn.lines)
        else:
            commit.lines += turn.lines
            after.console += sum(len(line.encode()) + 1 for line in turn.lines)
        commit.events += turn.events
        for note in turn.notes:
            after.summary.add(note)
        if turn.failed:
            after.failures += 1
        if out == NOWHERE or turn.stopped is not None:
            return
        if out != OUTPUT:
            commit.pushes += ((out, item.stored()) for item in turn.items)
            return
        # The rest is only counted: nobody will ever see it.
        room = max(0, self._options.max_items - after.items)
        for data, failed in turn.shown[:room]:
            commit.items.append(output(data, failed, with_result=self._with_results))
        after.items += len(turn.shown[:room])
        commit.hidden += len(turn.items) - len(turn.shown[:room])

    async def _tell(self, turns: Sequence[Turn]) -> None:
        messages: list[TaskMessage] = []
        for turn in turns:
            for note in turn.notes:
                if note.status in ("success", WARNING) or self._told >= TOLD:
                    continue
                self._told += 1
                args = (note.about or note.operation, note.message[:LONGEST])
                messages.append(TaskMessage(FAILED, args, "Warning"))
        if messages:
            await self._tools.job.message(*messages)


def _turn_of(turns: Sequence[Turn], write: int) -> int:
    """Return which turn a write of a step was of."""
    for at, turn in enumerate(turns):
        if write < len(turn.writes):
            return at
        write -= len(turn.writes)
    raise AssertionError("the step speaks of a write that it was not given")


def _apart(turns: list[Turn]) -> list[Turn]:
    """Return the first turns that have nothing to do with each other's records.

    One that has read what another before it writes has to be done after that.
    """
    written: set[tuple[str, str]] = set()
    for at, turn in enumerate(turns):
        if written and not written.isdisjoint(turn.change.seen):
            return turns[:at]
        written.update((write.type, write.id) for write in turn.writes)
    return turns
