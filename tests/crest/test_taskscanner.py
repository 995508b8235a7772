"""Runs of scans over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from odimra.tasks import Change, TaskMessage, states
from tests.crest.conftest import Desk
from tests.fakes import FakeClock
from tests.jobs.yard import context

EXECUTE = "taskscanner?_action=execute&name="


@pytest.fixture
async def due(desk: Desk) -> Desk:
    job = {
        "type": "simple",
        "enabled": False,
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
    }
    for name, values in (("due", {}), ("waited", {"waitForCompletion": True})):
        given = {**job, "invokeContext": context("true", **values)}
        assert (await desk.put(f"scheduler/job/{name}", given)).status == 201
    return desk


async def bring(desk: Desk, run_id: str, *names: str, **values: Any) -> None:
    for name in names:
        await desk.tasks.change(f"task{run_id}", Change(state=name, **values))


async def test_a_run_from_its_start_to_its_end(due: Desk, clock: FakeClock) -> None:
    started = await due.post(EXECUTE + "due")
    assert started.status == 200 and list(started.body) == ["_id"]
    run_id = started.body["_id"]
    first = (await due.get(f"taskscanner/{run_id}")).body
    assert first == {
        "_id": run_id,
        "name": "due",
        "progress": {
            "state": "INITIALIZED", "processed": 0, "total": 0, "successes": 0, "failures": 0,
        },
        "started": "2027-01-15T08:00:00.000Z",
        "ended": None,
    }  # fmt: skip
    task = await due.tasks.get(f"task{run_id}")
    assert task is not None and task.owner == "admin" and task.payload is not None
    assert task.payload.target_uri == "/openidm/taskscanner?_action=execute&name=due"

    for name, shown in ((states.RUNNING, "ACTIVE"), (states.COMPLETED, "COMPLETED")):
        await bring(due, run_id, name)
        run = (await due.get(f"taskscanner/{run_id}")).body
        assert run["progress"]["state"] == shown
    assert run["ended"] == "2027-01-15T08:00:00.000Z"


async def test_names(due: Desk) -> None:
    started = await due.post(EXECUTE + "schedule/due")
    run = (await due.get(f"taskscanner/{started.body['_id']}")).body
    assert run["name"] == "schedule/due", "as it was sent"
    assert (await due.post("taskscanner?_action=execute")).said == (
        400, "Error obtaining named config: 'null'",
    )  # fmt: skip
    for name in ("none", "schedule/none", ""):
        assert (await due.post(EXECUTE + name)).said == (
            400, f"Error obtaining named config: '{name}'",
        )  # fmt: skip
    assert (await due.post("taskscanner?_action=EXECUTE&name=due")).status == 200
    assert (await due.post("taskscanner?_action=run&name=due")).said == (
        400, "Unknown action: run",
    )  # fmt: skip


async def test_cancelling(due: Desk) -> None:
    run_id = (await due.post(EXECUTE + "due")).body["_id"]
    cancel = f"taskscanner/{run_id}?_action=cancel"
    for _ in range(2):
        answer = await due.post(cancel)
        assert answer.status == 200
        assert list(answer.body.items()) == [("_id", run_id), ("status", "SUCCESS")]
    assert (await due.get(f"taskscanner/{run_id}")).body["progress"]["state"] == "CANCELLED"
    done = (await due.post(EXECUTE + "due")).body["_id"]
    await bring(due, done, states.RUNNING, states.COMPLETED)
    answer = await due.post(f"taskscanner/{done}?_action=cancel")
    assert answer.body == {"_id": done, "status": "FAILURE"}
    assert (await due.post(f"taskscanner/{done}?_action=turn")).said[0] == 400
    for method, path in (("GET", "none"), ("POST", "none?_action=cancel")):
        answer = await due.ask(method, f"taskscanner/{path}")
        assert answer.said == (404, "Task with id 'none' not found.")


async def test_lists(due: Desk, clock: FakeClock) -> None:
    ids = []
    for _ in range(3):
        ids.append((await due.post(EXECUTE + "due")).body["_id"])
        clock.advance(1)
    await bring(due, ids[0], states.RUNNING, states.COMPLETED)
    listed = (await due.get("taskscanner?_queryFilter=true")).body
    assert {one["_id"] for one in listed["result"]} == set(ids)
    assert (listed["resultCount"], listed["totalPagedResults"]) == (3, 3)
    old = (await due.get("taskscanner")).body
    assert [one["_id"] for one in old["tasks"]] == ids
    filtered = "taskscanner?_queryFilter=progress/state+eq+%22COMPLETED%22"
    assert [one["_id"] for one in (await due.get(filtered)).body["result"]] == [ids[0]]


async def test_runs_are_their_owner_s(due: Desk) -> None:
    mine = (await due.post(EXECUTE + "due", who="op")).body["_id"]
    theirs = (await due.post(EXECUTE + "due")).body["_id"]
    listed = (await due.get("taskscanner?_queryFilter=true", who="op")).body["result"]
    assert [one["_id"] for one in listed] == [mine]
    assert (await due.get(f"taskscanner/{theirs}", who="op")).said[0] == 403
    assert (await due.post(f"taskscanner/{theirs}?_action=cancel", who="op")).said[0] == 403
    assert (await due.get(f"taskscanner/{mine}")).status == 200
    assert (await due.post(f"taskscanner/{mine}?_action=cancel")).body["status"] == "SUCCESS"


async def until_there(desk: Desk, clock: FakeClock) -> str:
    """Return the id of the one run as soon as somebody waits for its end."""
    async with asyncio.timeout(30):
        while not (await desk.runs.page(0, 1) and clock.sleeping):
            await asyncio.sleep(0.01)
    return (await desk.runs.page(0, 1))[0].id


async def test_a_run_that_is_waited_for(due: Desk, clock: FakeClock) -> None:
    asked = asyncio.create_task(due.post(EXECUTE + "waited"))
    run_id = await until_there(due, clock)
    assert not asked.done()
    await bring(due, run_id, states.RUNNING, states.COMPLETED)
    clock.advance(1)
    assert (await asked).body == {"_id": run_id}


async def test_a_run_that_is_waited_for_and_fails(due: Desk, clock: FakeClock) -> None:
    asked = asyncio.create_task(due.post(EXECUTE + "waited"))
    run_id = await until_there(due, clock)
    why = TaskMessage("Odimra.1.0.ScanCannotRun", ("the filter is none",), "Critical")
    await bring(due, run_id, states.RUNNING)
    await bring(due, run_id, states.EXCEPTION, messages=[why])
    clock.advance(1)
    answer = await asked
    assert answer.said == (400, "Error during query")
    assert answer.body["detail"] == "the filter is none"
