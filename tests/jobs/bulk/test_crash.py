"""Workers are killed while a script runs: nothing is done twice, left out, or told wrongly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from odimra.store import Store
from odimra.tasks import states
from tests.jobs.bulk.yard import Yard, action, name_of, search
from tests.jobs.killing import Workers

USERS = 3000
MACHINES = 12
MARK = {"itemDelta": {"modificationType": "add", "path": "marks", "value": "done"}}


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store, "tests.jobs.bulk.worker")
    yield running
    await running.end()


def one(*expressions: Any) -> dict[str, Any]:
    return {"@element": "pipeline", "@value": list(expressions)}


SCRIPT = {
    "sequence": [
        # Handed on through the store: every object once more, behind all of the first expression.
        one(
            search(),
            {"@element": "execute", "script": {"code": "bump"}, "quiet": True},
            {"@element": "modify", "delta": MARK},
        ),
        one(search("ComputerSystem"), action("ComputerSystem.Reset", ResetType="On")),
        one(search(), action("log", message="seen")),
    ]
}


async def test_killed_workers_leave_nothing_out_and_do_nothing_twice(
    store: Store, workers: Workers
) -> None:
    chance = random.Random(5)
    async with Yard(store, machines=MACHINES) as yard:
        await yard.fill(USERS, n=0)
        for _ in range(2):
            await workers.start()
        oid = await yard.start(SCRIPT)
        ended = asyncio.create_task(yard.ended(oid))
        kills, seen, lines = 0, 0, 0
        while not ended.done():
            # Chance is the point: in a search, a script, a step, while a machine is waited for.
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await workers.kill(0)
            await workers.start()
            kills += 1
            task = await yard.runs.find(oid)
            assert task is not None
            output = await yard.runs.output(task)
            assert (output.turns, len(output.console)) >= (seen, lines), "something was taken back"
            seen, lines = output.turns, len(output.console)
        output = ended.result()
        found = await yard.records.page("managed/user", "", 10 * USERS)
        resets = await yard.tasks.count(yard.tasks.index(kind="reset"))
        values = await yard.values(output)
    assert kills >= 3 and output.task.epoch >= 2, "nobody was disturbed"
    assert output.task.task_state == states.COMPLETED, output.result
    assert len(found) == USERS
    assert [one.id for one in found if one.content["n"] != 1] == []
    assert [one.id for one in found if one.content["marks"] not in ("done", ["done"])] == []
    # Read, bumped, marked: nobody else has written them.
    assert {one.rev for one in found} == {"3"}
    assert resets == MACHINES
    counts = {one["operation"]: one["count"] for one in output.result["partialResults"]}
    assert counts == {
        "execute-script": USERS,
        "modify": USERS,
        "ComputerSystem.Reset": MACHINES,
        "log": USERS,
    }
    names = [name_of(number) for number in range(USERS)]
    assert [value["oid"] for value in values] == names
    said = output.console.splitlines()
    assert said == [
        *(f"Modified user:{name}({name})" for name in names),
        *(f"Called ComputerSystem.Reset of computerSystem:{name}(System {name})"
          for name in sorted(yard.machines.systems)),
        *(f"INFO: seen user:{name}({name})" for name in names),
    ]  # fmt: skip
