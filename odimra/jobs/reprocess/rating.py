"""Rates periods: from the usage that is kept to frames, by the rules that held when each began.

Each step replaces the frames of some periods and says how far that is; a period is never without
its frame, and never has two. Used by :mod:`.worker` and :mod:`.cycle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from odimra.engine.patience import patiently
from odimra.rating.book import Book
from odimra.rating.rules import Rules
from odimra.rating.scopes import Scopes
from odimra.rating.usage import Usage, Used, beside
from odimra.store import Script, Store

RATE = Script.from_package("odimra.jobs.reprocess", "lua/rate.lua")

OK, FENCED, ORDER, INACTIVE, CHANGED = "ok", "fenced", "order", "inactive", "changed"


#: Points that one step should rate: some 10 ms, in which others in this worker have no turn. A
#: period that has more is rated by one step all the same, beside the event loop.
MOST_POINTS = 5000


@dataclass(frozen=True, slots=True)
class Step:
    """Where a step is noted: the field of a hash that has to be ``before`` and will be ``after``.

    ``task`` and ``epoch`` are the worker's, empty where it works for no task.
    """

    key: str
    field: str
    before: str
    after: str
    task: str = ""
    epoch: int | None = None


class Rater:
    """Rates periods of scopes."""

    def __init__(self, store: Store, scopes: Scopes, usage: Usage, rules: Rules) -> None:
        self._store = store
        self._scopes = scopes
        self._usage = usage
        self._rules = rules

    async def rate(self, scope: str, begins: Sequence[int], step: Step, skipped: set[str]) -> str:
        """Rate periods again that follow each other; return what the step says.

        Names of attributes that rules need as numbers and that are none are added to ``skipped``.
        """
        while True:
            book = await patiently(self._rules.book)
            used = await patiently(lambda: self._usage.read_used(scope, begins))
            work = partial(self._frames, book, scope, used, skipped)
            args = await beside(sum(len(one.points) for one in used), work, MOST_POINTS)
            said = await patiently(lambda: self._step(scope, step, args))  # noqa: B023
            if said != CHANGED:
                return said

    async def fitting(self, scope: str, begins: range) -> range:
        """Return the first periods that one step should rate, one at least."""
        count = await patiently(lambda: self._usage.fitting(scope, begins, MOST_POINTS))
        return begins[:count]

    def _frames(
        self, book: Book, scope: str, used: Sequence[Used], skipped: set[str]
    ) -> list[str | bytes | int]:
        args: list[str | bytes | int] = []
        for period in used:
            frame: bytes = b""
            if period.points:
                frame = book.pricing(scope, period.begin).frame(period.points, skipped)
            args += (period.begin, period.mark, frame)
        return args

    async def _step(self, scope: str, step: Step, args: list[str | bytes | int]) -> str:
        keys = self._store.keys
        said: bytes = await self._store.script(
            RATE,
            keys=[
                keys.task(step.task or "none"),
                step.key,
                self._usage.frames(scope),
                self._scopes.key(scope),
            ],
            args=[
                "" if step.epoch is None else step.epoch,
                *(keys.root, scope, step.field, step.before, step.after),
                *args,
            ],
        )
        return said.decode()
