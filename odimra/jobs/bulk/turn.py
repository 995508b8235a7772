"""One turn of a script: what a unit makes of one item, written as a whole or not at all.

A turn stages writes of records and gathers outputs; :mod:`.worker` has them written. What it does
to machines is done at once, in a way that may be repeated. Knows the actions only by name.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from odimra.engine import JobContext
from odimra.jobs.bulk import language, pruning
from odimra.jobs.bulk.items import Item, named, object_data
from odimra.jobs.bulk.language import Action, Expression
from odimra.jobs.bulk.paths import values_at
from odimra.jobs.bulk.results import FATAL_ERROR, Note
from odimra.jobs.bulk.types import ObjectType, of_records
from odimra.records import rights
from odimra.records.errors import (
    ReadOnly,
    RecordExists,
    RecordMissing,
    RecordsError,
    RevisionMismatch,
    UnknownType,
)
from odimra.records.records import Records
from odimra.records.transaction import Transaction, Write
from odimra.tasks import Task

#: What each write costs besides, in bytes.
EACH = 256


class ActionFailed(Exception):
    """An action cannot be done with an item. ``status`` is what HTTP would answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Stopped(Exception):
    """The script ends here: an action has failed, and nobody said to go on."""

    def __init__(self, error: ActionFailed, element: str) -> None:
        super().__init__(str(error))
        self.status = error.status
        self.element = element


class Rights(Protocol):
    """Who a script runs for: see :class:`odimra.access.Principal`."""

    @property
    def account(self) -> str:
        """The account's name."""

    @property
    def privileges(self) -> frozenset[str]:
        """What it may do."""


class Nobody:
    """Who may do nothing."""

    account = ""
    privileges: frozenset[str] = frozenset()


class Fleet(Protocol):
    """The machines, as their Redfish resources. Both raise :class:`ActionFailed`."""

    async def modify(
        self, type_: str, id: str, body: Mapping[str, Any], rights: Any, *, check: bool
    ) -> None:
        """PATCH one; ``check`` only tells whether that could be done."""

    async def act(
        self,
        type_: str,
        id: str,
        action: str,
        body: Mapping[str, Any],
        rights: Any,
        *,
        task_id: str,
        check: bool,
    ) -> str | None:
        """Call an action; return the id of its task, which is ``task_id``, or None without one.

        One that was started under that id already is not started again.
        """


class RunScript(Protocol):
    """What runs the scripts in scripts; see :class:`odimra.jobs.script_host.ScriptHost`."""

    async def __call__(
        self,
        source: str,
        bindings: Mapping[str, Any],
        change: Transaction,
        full: Mapping[str, Any] | None,
    ) -> Any:
        """Return its value; what it writes is staged. Raises :class:`ActionFailed`.

        ``full`` is the object that it is run on, as the records show it.
        """


class FindTask(Protocol):
    """Reads tasks; see :class:`odimra.tasks.Tasks`."""

    async def get(self, task_id: str) -> Task | None:
        """Return a task, or None."""


class Perform(Protocol):
    """Does an action on one item (or on all at once) and returns the items that come of it."""

    async def __call__(self, action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
        """Raises :class:`ActionFailed`."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What turns of a run work with."""

    records: Records
    fleet: Fleet
    tasks: FindTask
    job: JobContext
    script: RunScript
    #: What actions there are, by name; "." stands for those of machines.
    actions: Mapping[str, Perform]
    continue_on_error: bool = False


def told(error: RecordsError) -> ActionFailed:
    """Return what a failure of the records is to a script."""
    status = 400
    if isinstance(error, RecordMissing | UnknownType):
        status = 404
    elif isinstance(error, RecordExists | RevisionMismatch):
        status = 409
    elif isinstance(error, ReadOnly):
        status = 403
    return ActionFailed(str(error), status)


@dataclass(slots=True)
class Turn:
    """A turn; ``number`` is its own in the run, by which what it starts is known again."""

    tools: Tools
    rights: Rights
    number: int
    change: Transaction
    lines: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    events: list[tuple[str, bytes]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    #: The items as they are put out, each with why something has failed ("" for nothing).
    shown: list[tuple[Any, str]] = field(default_factory=list)
    #: Whether something has failed that did not end the script.
    failed: bool = False
    #: Whether the console output is full: then lines are only counted.
    quiet: bool = False
    stopped: Stopped | None = None
    #: About how many bytes the object has that it begins with.
    read: int = 0
    _ordinal: int = 0
    #: Notes and lines of what was done for good, whatever becomes of the turn.
    _lasting: tuple[list[Note], list[str]] = field(default_factory=lambda: ([], []))
    _last: bool = False

    @classmethod
    def refused(cls, tools: Tools, number: int, change: Transaction, stopped: Stopped) -> Turn:
        """Return the turn that is not begun: nobody may do anything any more."""
        turn = cls(tools, Nobody(), number, change, stopped=stopped)
        turn.say(f"The script was stopped: {stopped}")
        return turn

    async def run(
        self,
        unit: Expression | None,
        items: Sequence[Item],
        refused: ActionFailed | None = None,
        *,
        show: bool = False,
    ) -> None:
        """Do the unit (None: nothing) unless it is refused; what comes of it is here then.

        ``show`` says whether the items are put out.
        """
        try:
            self.items = await self._done(unit, items, refused)
            if show:
                self.shown = [await self._output(item) for item in self.items]
        except Stopped as stopped:
            # Nothing of it is done: only that it failed is told, and what cannot be taken back.
            self.stopped = stopped
            self.change.drop()
            self.events.clear()
            self.notes = [*self._lasting[0], *self.notes[-1:]]
            self.lines = [*self._lasting[1], *self.lines[-1:]]
            self.items, self.writes, self.shown = [], [], []

    async def _done(
        self, unit: Expression | None, items: Sequence[Item], refused: ActionFailed | None
    ) -> list[Item]:
        if refused is not None:
            return await self._failed(unit, items, refused)
        found = await self._evaluate(unit, items) if unit is not None else list(items)
        try:
            self.writes = self.change.writes()
        except RecordsError as error:
            self.change.drop()
            return await self._failed(unit, items, told(error))
        return found

    async def _failed(
        self, unit: Expression | None, items: Sequence[Item], error: ActionFailed
    ) -> list[Item]:
        """Tell that what the unit would write cannot be written."""
        action = unit if isinstance(unit, Action) else Action("write")
        self.notes, self.lines = list(self._lasting[0]), list(self._lasting[1])
        return await self._fail(action, items, error, time.perf_counter())

    @property
    def weight(self) -> int:
        """About how many bytes it has read and writes."""
        return self.read + sum(len(write.doc) + EACH for write in self.writes)

    def lasting(self) -> None:
        """Say that what is being done is done for good, even if the turn fails."""
        self._last = True

    def new_uuid(self, about: str) -> uuid.UUID:
        """Return a fresh id for something that the turn makes or starts of ``about``.

        When the turn has to be done again, it is the same: so the thing is known, and made once.
        """
        self._ordinal += 1
        run = self.tools.job.task
        name = f"{run.id}/{run.start_time}/{self.number}/{self._ordinal}/{about}"
        return uuid.uuid5(uuid.NAMESPACE_URL, name)

    # Expressions

    async def _evaluate(self, unit: Expression, items: Sequence[Item]) -> list[Item]:
        match unit:
            case Action():
                return await self._act(unit, items)
            case language.Pipeline(children):
                passed = list(items)
                for child in children:
                    passed = await self._evaluate(child, passed)
                return passed
            case language.Sequence(children):
                last: list[Item] = []
                for child in children:
                    last = await self._evaluate(child, items)
                return last
            case language.Foreach(child, keep):
                found = [one for item in items for one in await self._evaluate(child, [item])]
                return found if keep else []
            case language.Select() | language.Filter() | language.FilterContent():
                return [one for item in items for one in await self._look(unit, item)]
        raise AssertionError("a search is no part of a unit")

    async def _look(
        self, unit: language.Select | language.Filter | language.FilterContent, item: Item
    ) -> list[Item]:
        """Return what an expression makes of an item that only looks at it."""
        data, failed = await self._output(item)
        match unit:
            case language.Select(path):
                return [Item(value=value, failed=failed) for value in values_at(data, path)]
            case language.Filter(query):
                assert query.test is not None
                return [item.failing(failed)] if query.test(data) else []
            case language.FilterContent(keep, remove):
                part = pruning.kept(data, keep) if keep else pruning.removed(data, remove)
                return [Item(value=part, failed=failed)]

    async def _act(self, action: Action, items: Sequence[Item]) -> list[Item]:
        perform = self.tools.actions["." if action.redfish else action.name]
        if action.parameters.get("whole"):
            return await self._perform(perform, action, items)
        found: list[Item] = []
        for item in items:
            made = await self._perform(perform, action, (item,))
            # What comes of an item that has failed is not as it should be either.
            found += [one.failing(item.failed) for one in made] if item.failed else made
        return found

    async def _perform(self, perform: Perform, action: Action, items: Sequence[Item]) -> list[Item]:
        began, said = time.perf_counter(), len(self.lines)
        self._last = False
        try:
            try:
                found = await perform(action, items, self)
            except RecordsError as error:
                raise told(error) from None
        except ActionFailed as error:
            return await self._fail(action, items, error, began)
        self.note(action, began)
        if self._last:
            self._lasting[0].append(self.notes[-1])
            self._lasting[1].extend(self.lines[said:])
        return found

    async def _fail(
        self, action: Action, items: Sequence[Item], error: ActionFailed, began: float
    ) -> list[Item]:
        about = await self._about(items)
        self.say(f"Failed to {WORDS.get(action.name, action.name)} {about} (error: {error})")
        self.note(action, began, str(error), about)
        if not self.tools.continue_on_error:
            raise Stopped(error, action.element) from None
        self.failed = True
        return [item.failing(str(error)) for item in items]

    def note(self, action: Action, began: float, failed: str = "", about: str = "") -> None:
        """Remember how an action ended that began at ``began`` (perf_counter)."""
        micros = round((time.perf_counter() - began) * 1e6)
        if failed:
            self.notes.append(Note(action.name, FATAL_ERROR, failed, about, micros))
        else:
            self.notes.append(Note(action.name, micros=micros))

    def say(self, line: str) -> None:
        """Add a line to the console output."""
        # Nobody will see one that is only counted.
        self.lines.append("" if self.quiet else " ".join(line.split())[:1000])

    async def _about(self, items: Sequence[Item]) -> str:
        if len(items) != 1:
            return f"{len(items)} items"
        (item,) = items
        if not item.type:
            return "a value"
        try:
            kind, content = await self.object(item)
        except (ActionFailed, RecordsError):
            return f"{of_records(item.type).element}:{item.id}"
        return named(kind, item.id, content)

    # Objects

    def may(self, privilege: str) -> None:
        """Raise :class:`ActionFailed` unless the script's owner has a privilege."""
        if privilege not in self.rights.privileges:
            raise ActionFailed(f"this needs the privilege {privilege}", 403)

    def may_write(self) -> None:
        """Raise :class:`ActionFailed` unless the script's owner may change records."""
        self.may(rights.WRITE)

    async def object(self, item: Item) -> tuple[ObjectType, dict[str, Any]]:
        """Return an object as it is now, or was before it was deleted.

        Raises :class:`ActionFailed`, and what reading records does.
        """
        if not item.type:
            raise ActionFailed("the item is no object, resolve it first if it is a reference")
        kind = of_records(item.type)
        if item.gone is not None:
            return kind, dict(item.gone)
        return kind, await self.change.content(item.type, item.id)

    async def data(self, item: Item) -> Any:
        """Return an item as plain data, an object with its type, oid and version."""
        return (await self._output(item))[0]

    async def _output(self, item: Item) -> tuple[Any, str]:
        """Return an item as plain data, and why something has failed with it."""
        if not item.type:
            return item.value, item.failed
        if item.gone is not None:
            return object_data(item.type, item.id, "0", item.gone), item.failed
        try:
            record = await self.change.read(item.type, item.id)
        except RecordMissing as error:
            if not item.failed:
                reading = Action("read")
                (item,) = await self._fail(reading, [item], told(error), time.perf_counter())
            return {"@type": of_records(item.type).name, "oid": item.id}, item.failed
        data = object_data(item.type, item.id, revision(record.rev), record.content)
        return data, item.failed


def revision(rev: str) -> str:
    """Return the revision that a record will have when what is staged is written ("" if unknown).

    However many writes are staged, they are one step. What is new is told its first by the store.
    """
    last, _, staged = rev.partition(".")
    if not staged:
        return rev
    return str(int(last) + 1) if last.isdigit() and last != "0" else ""


#: What is said of actions that failed.
WORDS: Mapping[str, str] = {
    "assign": "assign to",
    "unassign": "unassign from",
    "execute-script": "execute script on",
    "notify": "notify of",
}
