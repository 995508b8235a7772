"""The work of a bulk run by one worker: node by node, batch by batch, each batch one step.

Where the run is by then is in the same step, so that whoever goes on neither repeats nor leaves out
anything. Used by :mod:`.worker`.
"""

from __future__ import annotations

from collections.abc import Sequence

from odimra.engine.patience import patiently
from odimra.jobs.bulk.batches import Batches
from odimra.jobs.bulk.finding import Finder, in_order, meets
from odimra.jobs.bulk.items import Item
from odimra.jobs.bulk.language import Script
from odimra.jobs.bulk.plan import Chain, Each, Find, Loop, Plan
from odimra.jobs.bulk.state import NOWHERE, OUTPUT, Frame, State
from odimra.jobs.bulk.steps import BulkOptions, Commit, Steps
from odimra.jobs.bulk.turn import ActionFailed, Stopped, Tools, told
from odimra.records import rights
from odimra.records.errors import RecordsError

#: Items that an action which takes all at once may take.
MOST_WHOLE = 10_000
#: How often is told how far the run is, in ms.
TELL_MS = 1000


class Work:
    """A run in the hands of a worker."""

    def __init__(
        self, script: Script, tools: Tools, steps: Steps, options: BulkOptions, batches: Batches
    ) -> None:
        self._script = script
        self._plan = Plan(script.expression)
        self._tools = tools
        self._steps = steps
        self._options = options
        self._batches = batches
        self._finder: tuple[int, int, Finder] | None = None
        self._total = 0
        self._told = 0
        self._percent = tools.job.task.percent_complete or 0

    @property
    def state(self) -> State:
        """Where the run is."""
        return self._batches.state

    async def run(self) -> None:
        """Work until the script has ended.

        Raises what :class:`~odimra.engine.JobContext` raises.
        """
        if not self.state.frames and not self.state.begun:
            self.state.begun = True
            self.state.frames.append(Frame(self._plan.root.index))
        try:
            while self.state.frames:
                await self._tools.job.look()
                frame = self.state.frames[-1]
                match self._plan.nodes[frame.node]:
                    case Chain() as chain:
                        self._chain(chain, frame)
                    case Loop() as loop:
                        await self._loop(loop, frame)
                    case Each() as each:
                        await self._each(each, frame)
                    case Find() as find:
                        await self._find(find, frame)
        except Stopped as stopped:
            # Of the script as a whole: a search that cannot be done, or nobody may do anything.
            self.state.stop(str(stopped), stopped.element, stopped.status)
            self._batches.pending.lines.append(f"The script was stopped: {stopped}")
            self._batches.dirty = True
        await self._batches.flush()

    # Nodes that hand lists on

    def _chain(self, node: Chain, frame: Frame) -> None:
        if frame.at == len(node.children):
            self._pop()
            return
        child = node.children[frame.at]
        last = frame.at == len(node.children) - 1
        out = frame.out if last else NOWHERE if node.same else child.index
        inner = Frame(child.index, out=out)
        if node.same or frame.at == 0:
            inner.source, inner.items = frame.source, frame.items
            inner.shared = frame.shared or (node.same and not last)
        else:
            inner.source = node.children[frame.at - 1].index
        if out == child.index:
            self._batches.pending.resets.append(out)
        frame.at += 1
        self.state.frames.append(inner)

    async def _loop(self, node: Loop, frame: Frame) -> None:
        items = await self._take(frame, 1)
        if not items:
            self._pop()
            return
        frame.at += 1
        kept = [item.stored().decode() for item in items]
        out = frame.out if node.keep else NOWHERE
        self.state.frames.append(Frame(node.child.index, items=kept, out=out))

    def _pop(self) -> None:
        frame = self.state.frames.pop()
        self._finder = None
        self._ended(frame, self.state)
        # Else the end of the last node would not be written.
        self._batches.dirty = True

    def _ended(self, frame: Frame, state: State) -> None:
        """Count a part of the script that has ended; what is inside a loop is none of its own."""
        above = [self._plan.nodes[one.node] for one in state.frames]
        if all(isinstance(one, Chain) for one in (self._plan.nodes[frame.node], *above)):
            return
        if not any(isinstance(one, Loop) for one in above):
            state.parts += 1

    # Nodes that do something

    async def _each(self, node: Each, frame: Frame) -> None:
        out = frame.out if node.keep else NOWHERE
        if node.whole:
            items = await self._take(frame, MOST_WHOLE + 1)
            if len(items) > MOST_WHOLE:
                said = f"an action with forWholeInput takes at most {MOST_WHOLE} items"
                raise Stopped(ActionFailed(said), "")

            def ended(state: State, commit: Commit, count: int) -> None:
                self._ended(state.frames.pop(), state)

            await self._batches.whole(node.unit, items, out, ended)
            return
        items = await self._take(frame, self._options.flush_items)
        if not items:
            self._pop()
            return
        source = None if frame.shared or frame.items is not None else frame.source

        def taken(state: State, commit: Commit, count: int) -> None:
            state.frames[-1].looked += count
            if source is None:
                state.frames[-1].at += count
            else:
                commit.takes.append((source, count))

        await self._batches.do(node.unit, items, None, out, taken)
        await self._tell()

    async def _find(self, node: Find, frame: Frame) -> None:
        if frame.at >= await self._rounds(frame):
            self._pop()
            return
        if rights.READ not in (await self._batches.rights()).privileges:
            raise Stopped(ActionFailed(f"this needs the privilege {rights.READ}", 403), "search")
        try:
            if node.search.query.order:
                await self._ordered(node, frame)
            else:
                await self._by_id(node, frame)
        except RecordsError as error:
            raise Stopped(told(error), "search") from None

    async def _by_id(self, node: Find, frame: Frame) -> None:
        at = (len(self.state.frames), frame.at)
        if self._finder is None or self._finder[:2] != at:
            self._finder = (*at, Finder(self._tools.records, node.search, frame))
            self._total = await patiently(lambda: self._tools.records.count(node.search.type))
        finder = self._finder[2]
        found = await finder.next(self._options.flush_items)
        if not found:
            if finder.over:
                self._next_round(frame)
            else:
                frame.after, frame.looked = finder.place
                self._batches.dirty = True
                await self._tell()
            return
        skipped = min(len(found), max(0, node.search.query.offset - frame.met))
        if skipped:
            frame.met += skipped
            frame.after, frame.looked = found[skipped - 1].item.id, found[skipped - 1].looked
            found = found[skipped:]
            if not found:
                return

        def advanced(state: State, commit: Commit, count: int) -> None:
            frame, last = state.frames[-1], found[count - 1]
            frame.met += count
            frame.after, frame.looked = last.item.id, last.looked

        done = await self._batches.do(
            node.unit,
            [one.item for one in found],
            found,
            frame.out if node.keep else NOWHERE,
            advanced,
            still=lambda one: meets(node.search, one.kept.record),
        )
        finder.back(found[done:])
        await self._tell()

    async def _ordered(self, node: Find, frame: Frame) -> None:
        """Find all in order; nothing is done with them here, so they are handed on at once."""
        ids = await in_order(
            self._tools.records, node.search, self._options.max_sorted, look=self._tools.job.look
        )
        items = [Item(node.search.type, one) for one in ids]
        size = self._options.flush_items if frame.out == OUTPUT else max(1, len(items))
        for start in range(frame.met, len(items), size):
            part: Sequence[Item] = items[start : start + size]

            def advanced(state: State, commit: Commit, count: int) -> None:
                state.frames[-1].met += count

            while part:
                done = await self._batches.do(None, part, None, frame.out, advanced)
                part = part[done:]
        self._next_round(self.state.frames[-1])

    def _next_round(self, frame: Frame) -> None:
        if not frame.met:
            self._batches.pending.lines.append("Warning: no matching object found")
        frame.at += 1
        frame.after, frame.met, frame.looked = "", 0, 0
        self._finder = None
        self._batches.dirty = True

    # Taking items

    async def _rounds(self, frame: Frame) -> int:
        if frame.items is not None:
            return max(1, len(frame.items))
        if frame.source is None:
            return max(1, len(self._script.input))
        await self._batches.flush_resets()
        return max(1, await self._steps.length(frame.source))

    async def _take(self, frame: Frame, size: int) -> list[Item]:
        if frame.items is not None:
            kept = frame.items[frame.at : frame.at + size]
            return [Item.load(one.encode()) for one in kept]
        if frame.source is None:
            given = self._script.input[frame.at : frame.at + size]
            return [Item(value=value) for value in given]
        await self._batches.flush_resets()
        return [Item.load(one) for one in await self._steps.read(frame.source, frame.at, size)]

    # Telling

    def _due(self) -> bool:
        return self._tools.job.clock.now_ms() - self._told >= TELL_MS

    async def _tell(self) -> None:
        """Tell how far the run is, not too often."""
        if not self._due() or not self.state.frames:
            return
        self._told = self._tools.job.clock.now_ms()
        # Where a search is that finds little is not written by any step of its own.
        await self._batches.flush()
        part = next(one for one in self.state.frames if not self._chains(one))
        done = self.state.parts + min(1.0, await self._fraction(part))
        # Others add and remove objects meanwhile: it may be less than it was.
        self._percent = max(self._percent, min(99, int(done * 100 / self._plan.parts)))
        await self._tools.job.progress(self._percent)

    def _chains(self, frame: Frame) -> bool:
        return isinstance(self._plan.nodes[frame.node], Chain)

    async def _fraction(self, frame: Frame) -> float:
        """Return how much of what a node takes is done, 1 for all."""
        match self._plan.nodes[frame.node]:
            case Find():
                looked = min(1.0, frame.looked / max(1, self._total))
                return (frame.at + looked) / await self._rounds(frame)
            case Loop():
                return (frame.at - 1) / await self._rounds(frame)
        if frame.source is None or frame.items is not None or frame.shared:
            return frame.at / await self._rounds(frame)
        # What was taken is there no more.
        return frame.looked / max(1, frame.looked + await self._steps.length(frame.source))
