"""The job kind ``scanner``: selects records, then has the script run on each.

Run by the engine's workers; a worker may die at any instant, the next one goes on with what is not
settled. Must never import a face.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from odimra.engine import JobContext, JobStopped, Outcome
from odimra.jobs.scanner.definition import BadScan, Scan
from odimra.jobs.scanner.runs import KIND, TASK, Runs
from odimra.jobs.scanner.selection import Judge, select
from odimra.jobs.scanner.steps import Steps
from odimra.jobs.scanner.work import Work, WorkOptions
from odimra.jobs.scripts import ScriptRefused
from odimra.records.errors import RecordsError
from odimra.records.filter import BadFilter, compile_filter
from odimra.records.macros import BadDuration
from odimra.records.records import Records
from odimra.records.transaction import Transaction
from odimra.store import Store
from odimra.tasks import Fenced, Result, TaskMessage, states

log = logging.getLogger(__name__)

CANNOT_RUN = "Odimra.1.0.ScanCannotRun"


class Scripts(Protocol):
    """What runs the scripts of scans."""

    async def check(self, source: str, account: str) -> None:
        """Raise :class:`ScriptRefused` unless ``account`` may run ``source``, and it compiles."""

    async def run(
        self, source: str, bindings: Mapping[str, Any], change: Transaction, account: str
    ) -> Any:
        """Return the value of the last expression.

        What the script writes is staged in ``change``. Raises
        :class:`~odimra.jobs.scripts.ScriptFailed`.
        """


@dataclass(frozen=True, slots=True)
class ScannerOptions:
    """How scans are run; ``lenient`` reads a filter whose outermost parentheses were lost."""

    work: WorkOptions = field(default_factory=WorkOptions)
    lenient: bool = True


class Scanner:
    """The job kind."""

    name = KIND

    def __init__(
        self,
        store: Store,
        records: Records,
        runs: Runs,
        scripts: Scripts,
        options: ScannerOptions | None = None,
    ) -> None:
        self._store = store
        self._records = records
        self._runs = runs
        self._scripts = scripts
        self._options = options or ScannerOptions()

    async def run(self, job: JobContext) -> Outcome:
        """Do a run, or what is left of it."""
        await self._runs.trim()
        try:
            return await self._run(job)
        except (BadScan, BadFilter, BadDuration, RecordsError, ScriptRefused) as error:
            message = TaskMessage(CANNOT_RUN, (str(error),), "Critical")
            return Outcome(states.EXCEPTION, Result(400), (message,))
        except BaseExceptionGroup as group:
            # What counts is why the work ended, not where in it that was noticed.
            for kinds in (JobStopped, Fenced, Exception):
                found = group.subgroup(kinds)
                if found is not None:
                    raise _first(found) from None
            raise

    async def _run(self, job: JobContext) -> Outcome:
        account = job.task.owner
        scan = Scan.load(job.args["context"])
        steps = Steps(self._store, job.task.id, job.task.epoch, scan.object)
        begun = await steps.begin(job.clock.now_ms())
        test = compile_filter(scan.filter_at(begun.since), lenient=self._options.lenient)
        if test.mended:
            log.warning("%s: the filter was understood in parentheses only", job.task.id)
        await self._scripts.check(scan.script.source, account)
        if not begun.selected:
            await select(self._records, scan, test, begun, steps, job.look)
            begun = await steps.begin(begun.since)

        async def script(bindings: Mapping[str, Any], change: Transaction) -> Any:
            return await self._scripts.run(scan.script.source, bindings, change, account)

        judge = Judge(scan, test, begun.since)
        await Work(self._records, steps, judge, script, job, begun, self._options.work).run()
        return Outcome(states.COMPLETED, Result(200, {"_id": job.task.id.removeprefix(TASK)}))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
