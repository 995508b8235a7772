"""The job kind ``bulk-script``.

Run by the engine's workers; a worker may die at any instant, the next one goes on behind the last
step. Must never import a face.
"""

from __future__ import annotations

from typing import Any, Protocol

from odimra.access import Principal
from odimra.engine import JobContext, Outcome
from odimra.jobs.bulk.actions import ACTIONS
from odimra.jobs.bulk.batches import Batches
from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.parsing import parse_script
from odimra.jobs.bulk.results import FATAL_ERROR
from odimra.jobs.bulk.runs import KIND
from odimra.jobs.bulk.state import State
from odimra.jobs.bulk.steps import BulkOptions, Steps
from odimra.jobs.bulk.turn import ActionFailed, Fleet, Rights, Stopped, Tools
from odimra.jobs.bulk.work import Work
from odimra.jobs.scripts import ScriptFailed
from odimra.records.records import Records
from odimra.records.transaction import Transaction
from odimra.store import Store
from odimra.tasks import Result, TaskMessage, Tasks, states

CANNOT_RUN = "Odimra.1.0.ScriptCannotRun"
STOPPED = "Odimra.1.0.ScriptStopped"


class Accounts(Protocol):
    """Who knows what an account may; see :class:`odimra.access.Access`."""

    async def principal(self, name: str) -> Principal | None:
        """Return what the account ``name`` may do now; None when it is gone or disabled."""


class Scripts(Protocol):
    """What runs scripts within scripts; see :class:`odimra.jobs.script_host.ScriptHost`."""

    async def run(
        self, source: str, bindings: Any, change: Transaction, account: str, full: Any
    ) -> Any:
        """Return the value of the last expression. Raises ScriptFailed."""


class BulkScript:
    """The job kind."""

    name = KIND

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        records: Records,
        accounts: Accounts,
        fleet: Fleet,
        scripts: Scripts,
        options: BulkOptions | None = None,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._records = records
        self._accounts = accounts
        self._fleet = fleet
        self._scripts = scripts
        self._options = options or BulkOptions()

    async def run(self, job: JobContext) -> Outcome:
        """Do a run, or what is left of it."""
        account = job.task.owner
        try:
            script = parse_script(job.args["name"], job.args["script"])
        except BadScript as error:
            # It was accepted by another version of this service.
            message = TaskMessage(CANNOT_RUN, (str(error),), "Critical")
            return Outcome(states.EXCEPTION, Result(400), (message,))

        async def ask_rights() -> Rights:
            principal = await self._accounts.principal(account)
            if principal is None or principal.password_change_required:
                said = f"the account {account} may not run anything (any more)"
                raise Stopped(ActionFailed(said, 403), "")
            return principal

        async def inner(source: str, bindings: Any, change: Transaction, full: Any) -> Any:
            try:
                return await self._scripts.run(source, bindings, change, account, full)
            except ScriptFailed as error:
                raise ActionFailed(str(error)) from None

        tools = Tools(
            self._records,
            self._fleet,
            self._tasks,
            job,
            inner,
            ACTIONS,
            script.continue_on_error,
        )
        steps = Steps(self._store, job.task.id, job.task.epoch, self._options)
        begun = await steps.begin(job.clock.now_ms())
        state = State.load(begun.state) if begun.state else State()
        batches = Batches(
            tools,
            steps,
            self._options,
            ask_rights,
            state,
            begun.step,
            with_results=not script.hide_results,
        )
        work = Work(script, tools, steps, self._options, batches)
        await work.run()
        return outcome(work.state, job.task.id)


def outcome(state: State, task_id: str) -> Outcome:
    """Return how a run ends that has come to ``state``."""
    body = {"oid": task_id.removeprefix("task"), "status": state.summary.status}
    if state.stopped is not None:
        why, element, status = state.stopped
        said = f"{element}: {why}" if element else why
        message = TaskMessage(STOPPED, (said[:300],), "Critical")
        return Outcome(
            states.EXCEPTION, Result(status, {**body, "status": FATAL_ERROR}), (message,)
        )
    if state.summary.status == FATAL_ERROR:
        message = TaskMessage(
            STOPPED, (f"{state.failures} of {state.done} items failed",), "Critical"
        )
        return Outcome(states.EXCEPTION, Result(200, body), (message,))
    return Outcome(states.COMPLETED, Result(200, body))
