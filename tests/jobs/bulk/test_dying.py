"""Workers that die at a known instant: whichever it is, the run comes to the same.

A script with a bit of everything is run once undisturbed. Then again with workers of which each
dies just before a certain step is written, or just after it. All that is left behind has to be the
same, to the byte. Chance is left to :mod:`.test_crash`.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from odimra.engine import JobContext
from odimra.jobs.bulk.runs import RunKeys
from odimra.jobs.bulk.steps import BulkOptions, Commit, Steps
from odimra.jobs.scripts import ScriptFailed
from odimra.records.transaction import Transaction
from odimra.store import Store, StoreOptions
from odimra.tasks import Change, Task, states
from tests.fakes import FakeClock
from tests.jobs.bulk.yard import TYPE, Yard, action, replace, search

USERS, MACHINES = 7, 3


class Died(BaseException):
    """The worker is gone."""


class Death:
    """Comes once to each worker that would write, or has ``written``, every so manieth step."""

    def __init__(self) -> None:
        self.every = 0
        self.written = False
        self._came: set[int] = set()

    def __call__(self, every: int, *, written: bool) -> set[int]:
        """Come from now on; return the steps at which it comes."""
        self.every, self.written, self._came = every, written, set()
        return self._came

    def at(self, number: int, *, written: bool) -> None:
        """Tell where a worker is."""
        if not self.every or number % self.every or written != self.written:
            return
        if number not in self._came:
            self._came.add(number)
            raise Died


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch) -> Death:
    """Nobody dies unless the test says so."""
    comes = Death()
    commit = Steps.commit

    async def committed(
        self: Steps, number: int, state: bytes, now: int, given: Commit
    ) -> tuple[str, int]:
        comes.at(number, written=False)
        said = await commit(self, number, state, now, given)
        if said[0] == "ok":
            comes.at(number, written=True)
        return said

    monkeypatch.setattr(Steps, "commit", committed)
    return comes


def users(equal: str, value: Any) -> dict[str, Any]:
    return search(query={"filter": {"equal": {"path": equal, "value": value}}})


def one(*expressions: Any) -> dict[str, Any]:
    return {"@element": "pipeline", "@value": list(expressions)}


UNTOUCHED = {"filter": {"equal": {"path": "AssetTag", "value": ""}}}
FRIEND = {"@type": "RoleType", "name": "friend"}
SCRIPT = {
    "sequence": [
        one(
            search(),
            action("execute-script", script="bump", quiet=True),
            action("modify", delta={"itemDelta": {
                "modificationType": "add", "path": "marks", "value": "done",
            }}),
        ),
        # Once it is touched, the search would not find it any more.
        one(
            search("ComputerSystem", query=UNTOUCHED),
            action("modify", delta=replace("AssetTag", "x")),
            action("ComputerSystem.Reset", ResetType="On"),
            action("log", message="reset"),
        ),
        # Roles whose ids nobody has given.
        one(search(), {"@element": "select", "path": "friend"}, action("add")),
        one(
            search("RoleType"),
            {"@element": "foreach", "scriptingExpression": one(
                users("odd", True), action("execute-script", script="bump"), action("notify"),
            )},
        ),
        one(users("odd", False), action("execute-script", script="fails", quiet=True)),
        one(search("RoleType"), action("execute-script", script="all", forWholeInput=True)),
        one(users("odd", False), action("delete")),
        one(search(query={"paging": {"orderBy": "name", "orderDirection": "descending"}}),
            action("execute-script", script="bump")),
    ],
    "options": {"continueOnAnyError": True},
}  # fmt: skip


async def bump(bindings: Mapping[str, Any], change: Transaction) -> Any:
    """Count one more on the object, and on one that all have in common."""
    for id in (bindings["input"]["oid"], "u00000"):
        await change.patch(TYPE, id, [{"operation": "increment", "field": "/n", "value": 1}], None)


async def fails(bindings: Mapping[str, Any], change: Transaction) -> Any:
    """Fail for some, having written something."""
    await bump(bindings, change)
    if bindings["input"]["oid"] in ("u00002", "u00006"):
        raise ScriptFailed("no")


async def all_(bindings: Mapping[str, Any], change: Transaction) -> Any:
    """Write of all together."""
    await change.create(TYPE, {"name": "sum", "of": len(bindings["input"]), "odd": None}, "z")


class Ward:
    """A run with its own records, and the workers that work on it one after the other."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._clock = yard.clock

    async def run(self, script: Any) -> dict[str, Any]:
        """Run a script, with as many workers as it takes; return all that is left behind."""
        yard = self._yard
        oid = await yard.start(script)
        while True:
            task = await self._taken(f"task{oid}")
            try:
                outcome = await yard.kind.run(JobContext(yard.tasks, task, yard.clock))
            except Died:
                continue
            break
        change = Change(state=outcome.state, messages=outcome.messages, result=outcome.result)
        await yard.tasks.change(task.id, change)
        return await self.left(oid)

    async def _taken(self, task_id: str) -> Task:
        said, task = await self._yard.tasks.claim(
            task_id, 0, state=states.RUNNING, kind_limit=0, target_limit=0
        )
        assert said == "ok" and task is not None
        return task

    async def left(self, oid: str) -> dict[str, Any]:
        """Return all that a run has left behind."""
        yard, store = self._yard, self._yard.store
        yard.tasks.forget(f"task{oid}")
        task = await yard.runs.find(oid)
        assert task is not None
        output = await yard.runs.output(task)
        events = await store.call("XRANGE", store.keys.events, "-", "+")
        return {
            "task": (task.task_state, task.result),
            "result": re.sub(r"'microseconds': \d+", "", repr(output.result)),
            "console": output.console.splitlines(),
            "turns": output.turns,
            "data": await yard.runs.data(task, 0, 1000),
            "events": [
                re.sub("^.*?, ", "", repr(entry)) for entry in events
                if "ScriptNotification" in repr(entry)
            ],
            "records": [
                (one.type, one.id, one.rev, one.content)
                for type_ in (TYPE, "managed/role")
                for one in await yard.records.page(type_, "", 1000)
            ],
            "machines": yard.machines.systems,
            "started": yard.machines.started,
            "lists": await store.call("EXISTS", *(
                RunKeys.of(store, task.id).list(number) for number in range(30)
            )),
        }  # fmt: skip


async def a_run(
    valkey: str, script: Any, options: BulkOptions, **fill: Any
) -> tuple[dict[str, Any], Yard]:
    """Run a script in a store of its own, in which all is as in all the others."""
    store = await Store.open(StoreOptions(valkey, namespace=f"t{uuid.uuid4().hex[:12]}"))
    try:
        yard = Yard(store, options, FakeClock(), machines=MACHINES)
        numbers = itertools.count()
        yard.runs._new_uuid = lambda: uuid.UUID(int=next(numbers))
        yard.machines.at_once = True
        yard.scripts.named |= {"bump": bump, "fails": fails, "all": all_}
        await yard.fill(USERS, n=0, odd=lambda n: n % 2 == 1, friend=FRIEND, **fill)
        return await Ward(yard).run(script), yard
    finally:
        await store.close()


OPTIONS = BulkOptions(flush_items=3, workers=2)


async def test_whenever_a_worker_dies_the_run_comes_to_the_same(valkey: str, death: Death) -> None:
    meant, yard = await a_run(valkey, SCRIPT, OPTIONS)
    # What was meant is what happened, or else the rest says nothing.
    assert meant["started"] == sorted(yard.machines.systems)
    assert len(meant["records"]) == 3 + 1 + USERS and len(meant["data"]) == 4
    assert len(meant["events"]) == 3 * USERS and not meant["lists"]
    assert "fatal_error" in meant["result"]
    for every, written in itertools.product((1, 2, 3, 7), (False, True)):
        came = death(every, written=written)
        found, _ = await a_run(valkey, SCRIPT, OPTIONS)
        assert len(came) > 50 / every, "hardly anybody has died"
        for what in meant:
            assert found[what] == meant[what], (what, every, written)
