"""Batches: the turns of some items, done and then written by one step together with the state.

A step writes all of that or nothing. When it finds that others have changed a record meanwhile, the
batch is done anew on what is there now. Used by :mod:`.work`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

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

#: How often a batch is done anew whose records others have changed meanwhile, before it is done
#: item by item; and how often an item is then.
TRIES = 10
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
        tries, refused = 0, dict[int, ActionFailed]()
        while True:
            again = found is None or tries > 0
            adopted = await self._prefetched(items) if again else found
            assert adopted is not None
            left = [one is not None and not still(one) for one in adopted] if tries else []
            # Should the store go away in the middle, all is done again: nothing is written yet.
            turns = await patiently(lambda: self._turns(unit, items, adopted, refused, left))  # noqa: B023
            said, which = await self._written(turns, out, advance, passing=unit is None)
            if said == "ok":
                await self._tell(turns)
                return len(turns)
            tries += 1
            if said == "limit":
                refused[_turn_of(turns, which)] = ActionFailed(
                    f"there are as many records of the type as may be, {self._options.max_records}",
                    409,
                )
            elif tries >= TRIES:
                items = items[:1]
                if tries >= 2 * TRIES:
                    refused[0] = ActionFailed("others change it all the time", 409)

    # Turns

    async def _turns(
        self,
        unit: Expression | None,
        items: Sequence[Item],
        adopted: Sequence[Found | None],
        refused: Mapping[int, ActionFailed],
        left: Sequence[bool],
    ) -> list[Turn]:
        quiet = self.state.console >= self._options.max_console

        async def turn(at: int) -> Turn:
            change = Transaction(self._tools.records)
            one = adopted[at]
            if one is not None:
                change.adopt(one.kept)
            made = Turn(self._tools, await self.rights(), self.state.turns + at + 1, change)
            made.quiet = quiet
            gone = unit is None and one is None
            if gone or (left and left[at]):
                return made  # it is not meant any more
            await made.run(unit, [items[at]], refused.get(at))
            return made

        machines = any(one.type and of_records(one.type).machine for one in items)
        if unit is not None and patient(unit, machines=machines):
            turns = await self._side_by_side(turn, len(items))
        else:
            turns = []
            for at in range(len(items)):
                turns.append(await turn(at))
                if turns[-1].stopped:
                    break
        return _apart(turns)

    async def _side_by_side(self, turn: Callable[[int], Awaitable[Turn]], count: int) -> list[Turn]:
        """Have several items in hand at a time, for as long as a step should take."""
        done: dict[int, Turn] = {}
        places = iter(range(count))
        until = time.monotonic() + self._options.flush_seconds
        over = False

        async def hand() -> None:
            nonlocal over
            for at in places:
                done[at] = await turn(at)
                over = over or done[at].stopped is not None or time.monotonic() >= until
                if over:
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
            await turn.run(unit, items, refused)
            return turn

        for _ in range(TRIES):
            turn = await patiently(done)
            said, _ = await self._written([turn], out, advance)
            if said == "ok":
                await self._tell([turn])
                return
            if said == "limit":
                refused = ActionFailed("there are as many records of the type as may be", 409)
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

    # Steps

    async def flush(self) -> None:
        """Write where the run is, and what is left to be written."""
        if not self.pending.empty or self.dirty:
            await self._written([], NOWHERE, lambda state, commit, count: None)

    async def flush_resets(self) -> None:
        """Begin lists anew that are about to be read: nobody may have put anything into them."""
        if self.pending.resets:
            await self.flush()

    async def _written(
        self, turns: Sequence[Turn], out: int, advance: Advance, *, passing: bool = False
    ) -> tuple[str, int]:
        after = State.load(self.state.stored())
        commit = self.pending.copy()
        for turn in turns:
            await self._gather(turn, out, commit, after)
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

    async def _gather(self, turn: Turn, out: int, commit: Commit, after: State) -> None:
        commit.writes += turn.writes
        commit.lines += turn.lines
        commit.unsaid += turn.unsaid
        after.console += sum(len(line.encode()) + 1 for line in turn.lines)
        commit.events += turn.events
        for note in turn.notes:
            after.summary.add(note)
        if any(item.failed for item in turn.items):
            after.failures += 1
        if out == NOWHERE or turn.stopped is not None:
            return
        for item in turn.items:
            if out == OUTPUT and after.items >= self._options.max_items:
                # It is only counted: nobody will ever see it.
                commit.hidden += 1
            elif out == OUTPUT:
                after.items += 1
                data = await patiently(lambda: turn.data(item))  # noqa: B023
                commit.items.append(output(data, item.failed, with_result=self._with_results))
            else:
                commit.pushes.append((out, item.stored()))

    async def _tell(self, turns: Sequence[Turn]) -> None:
        for turn in turns:
            for note in turn.notes:
                if note.status in ("success", WARNING) or self._told >= TOLD:
                    continue
                self._told += 1
                args = (note.about or note.operation, note.message[:LONGEST])
                await self._tools.job.message(TaskMessage(FAILED, args, "Warning"))


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
