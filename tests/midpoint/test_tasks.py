"""Tasks as midPoint's clients know them: what they show, and what can be done with them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from odimra.midpoint.media import Form, read, render
from odimra.tasks import NewTask
from tests.jobs.bulk.yard import action, search
from tests.midpoint.conftest import Face


class Gate:
    """A script that lets as many objects pass as it is told to."""

    def __init__(self, face: Face) -> None:
        self.waiting = asyncio.Event()
        self.passed: list[str] = []
        self._free = asyncio.Semaphore(0)
        face.yard.scripts.named["gate"] = self

    def let(self, count: int) -> None:
        for _ in range(count):
            self._free.release()

    async def __call__(self, bindings: Any, change: Any) -> None:
        self.waiting.set()
        await self._free.acquire()
        self.passed.append(bindings["objectID"])


def through() -> dict[str, Any]:
    return {"@element": "execute", "script": {"code": "gate"}}


# What is shown


async def test_a_task_that_waits_for_a_worker(still: Face) -> None:
    oid = await still.start(search(), who="ann")
    shown = (await still.get(f"tasks/{oid}", "ann")).content
    assert shown["oid"] == oid
    assert shown["name"] == f"Bulk script {oid}"
    assert shown["taskIdentifier"] == f"task{oid}"
    assert shown["category"] == "bulk-script"
    assert shown["ownerRef"] == {"oid": "ann", "type": "UserType"}
    assert (shown["executionState"], shown["schedulingState"]) == ("runnable", "ready")
    assert shown["resultStatus"] == shown["result"]["status"] == "in_progress"
    assert shown["progress"] == 0
    assert shown["activityState"]["activity"]["realizationState"] == "inProgressLocal"
    assert "completionTimestamp" not in shown and "lastRunFinishTimestamp" not in shown


@pytest.mark.parametrize("form", Form)
async def test_a_task_that_has_ended(face: Face, form: Form) -> None:
    await face.yard.fill(3)
    oid = await face.start(search(), action("recompute"))
    await face.ended(oid)
    answer = await face.get(f"tasks/{oid}", Accept=form.value)
    document = read(answer.raw, form)
    assert answer.form is form and document.name == "task"
    shown = document.content
    assert shown["executionState"] == shown["schedulingState"] == "closed"
    assert shown["resultStatus"] == "success"
    assert int(shown["progress"]) == 3
    assert shown["lastRunStartTimestamp"] <= shown["completionTimestamp"]
    activity = shown["activityState"]["activity"]
    assert activity["realizationState"] == "complete"
    entry = activity["statistics"]["actionsExecuted"]["objectActionsEntry"]
    (entry,) = entry if isinstance(entry, list) else [entry]
    assert entry["operation"] == "recompute"
    assert (int(entry["totalSuccessCount"]), int(entry["totalFailureCount"])) == (3, 0)
    assert shown["extension"]["redfishTask"] == f"/redfish/v1/TaskService/Tasks/task{oid}"


async def test_a_task_that_failed(face: Face) -> None:
    await face.yard.fill(1)
    oid = await face.start(search(), {"@element": "execute", "script": {"code": "gone"}})
    shown = await face.ended(oid)
    assert shown["executionState"] == "closed" and shown["resultStatus"] == "fatal_error"
    assert shown["activityState"]["activity"]["realizationState"] == "aborted"
    (entry,) = shown["activityState"]["activity"]["statistics"]["actionsExecuted"][
        "objectActionsEntry"
    ]
    assert entry["totalFailureCount"] == 1


async def test_a_task_whose_items_failed(face: Face) -> None:
    await face.yard.fill(1)
    oid = await face.start(
        search(),
        {"@element": "execute", "script": {"code": "gone"}},
        options={"continueOnAnyError": True},
    )
    task = await face.ended(oid)
    result = (await face.get(f"scriptExecutionResults/{oid}")).content["result"]
    # Whoever asks the task and whoever asks for the results hear the same.
    assert task["resultStatus"] == result["status"] == "fatal_error"


async def test_tasks_of_other_kinds(still: Face) -> None:
    task = await still.yard.tasks.create(NewTask("reset", "ann", name="Reset"), task_id="task77")
    assert task.id == "task77"
    shown = (await still.get("tasks/77", "ann")).content
    assert (shown["oid"], shown["name"], shown["category"]) == ("77", "Reset 77", "reset")
    assert (shown["progress"], shown["expectedTotal"]) == (0, 100)


# Lists


async def test_whose_tasks_are_listed(still: Face) -> None:
    oids = {who: await still.start(search(), who=who) for who in ("ann", "bob", "guest")}
    for who, seen in {
        "ann": {"ann"},
        "guest": {"guest"},
        "eve": {"ann", "bob", "guest"},
        "admin": {"ann", "bob", "guest"},
    }.items():
        answer = await still.get("tasks", who)
        assert {one["oid"] for one in answer.objects} == {oids[name] for name in seen}
        assert answer.headers["X-Total-Count"] == str(len(seen))
        for name, oid in oids.items():
            expected = 200 if name in seen else 404
            assert (await still.get(f"tasks/{oid}", who)).status == expected


@pytest.mark.parametrize("form", Form)
async def test_the_latest_tasks_come_first(still: Face, form: Form) -> None:
    oids = [await still.start(search()) for _ in range(5)]
    answer = await still.get("tasks", Accept=form.value)
    assert answer.form is form
    assert [one["oid"] for one in answer.objects] == oids[::-1]
    assert all(one["@type"] == "TaskType" for one in answer.objects)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"filter": {"text": 'category = "bulk-script"'}}, [4, 3, 2, 1, 0]),
        ({"filter": {"equal": {"path": "executionState", "value": "closed"}}}, []),
        ({"paging": {"offset": 1, "maxSize": 2}}, [3, 2]),
        ({"paging": {"orderBy": "ownerRef/oid", "maxSize": 1}}, None),
        ({"paging": {"offset": 9}}, []),
    ],
)
@pytest.mark.parametrize("form", Form)
async def test_tasks_that_a_query_means(
    still: Face, query: Any, found: list[int] | None, form: Form
) -> None:
    oids = [await still.start(search()) for _ in range(5)]
    answer = await still.post("tasks/search", render(form, "query", query), Content_Type=form.value)
    assert answer.status == 200
    if found is not None:
        assert [one["oid"] for one in answer.objects] == [oids[number] for number in found]
    else:
        assert len(answer.objects) == 1


async def test_queries_that_cannot_be(still: Face) -> None:
    answer = await still.post("tasks/search", {"query": {"filter": {"text": "a ="}}})
    assert answer.error[0] == 400
    answer = await still.post("tasks/search", {"task": {}})
    assert answer.error == (400, "task: the body has to be a query")


# Changing


async def test_a_run_rests_and_goes_on(face: Face) -> None:
    gate = Gate(face)
    await face.yard.fill(300)
    oid = await face.start(search(), through())
    await asyncio.wait_for(gate.waiting.wait(), 30)
    running = (await face.get(f"tasks/{oid}")).content
    assert (running["executionState"], running["resultStatus"]) == ("running", "in_progress")
    suspending = asyncio.create_task(face.post(f"tasks/{oid}/suspend"))
    async with asyncio.timeout(30):
        while not suspending.done():
            # It comes to rest when it has done with the objects that it has in hand.
            gate.let(1)
            await face.get(f"tasks/{oid}")
    assert ((await suspending).status, (await suspending).raw) == (204, b"")
    resting = (await face.get(f"tasks/{oid}")).content
    assert resting["executionState"] == resting["schedulingState"] == "suspended"
    assert resting["resultStatus"] == "in_progress"
    assert 0 < len(gate.passed) < 300
    assert len((await face.get(f"scriptExecutionResults/{oid}")).values) == len(gate.passed)
    assert (await face.post(f"tasks/{oid}/suspend")).status == 204, "it rests already"
    assert (await face.post(f"tasks/{oid}/resume")).status == 202
    gate.let(300)
    assert (await face.ended(oid))["resultStatus"] == "success"
    assert sorted(gate.passed) == [f"managed/user/u{number:05d}" for number in range(300)]


async def test_a_run_that_nobody_has_begun_rests_at_once(still: Face) -> None:
    oid = await still.start(search())
    assert (await still.post(f"tasks/{oid}/suspend")).status == 204
    shown = (await still.get(f"tasks/{oid}")).content
    assert shown["executionState"] == shown["schedulingState"] == "suspended"
    assert (await still.post(f"tasks/{oid}/resume")).status == 202
    shown = (await still.get(f"tasks/{oid}")).content
    assert (shown["executionState"], shown["schedulingState"]) == ("runnable", "ready")


async def test_what_is_not_suspended_does_not_go_on(face: Face) -> None:
    oid = await face.start(search())
    await face.ended(oid)
    answer = await face.post(f"tasks/{oid}/resume")
    assert answer.error == (409, f"The task {oid} is not suspended")
    answer = await face.post(f"tasks/{oid}/suspend")
    assert answer.error == (409, "The task has ended, or is about to")


async def test_a_run_runs_again(face: Face) -> None:
    gate = Gate(face)
    gate.let(2)
    await face.yard.fill(2)
    oid = await face.start(search(), through())
    await face.ended(oid)
    answer = await face.post(f"tasks/{oid}/run")
    assert (answer.status, answer.raw) == (204, b"")
    # It shows at once that it is on its way: clients wait until it is not.
    again = (await face.get(f"tasks/{oid}")).content
    assert again["resultStatus"] == "in_progress" and "completionTimestamp" not in again
    assert (await face.get(f"scriptExecutionResults/{oid}")).values == []
    gate.let(2)
    await face.ended(oid)
    answer = await face.get(f"scriptExecutionResults/{oid}")
    assert len(answer.values) == 2, "what it had put out before is gone"
    assert len(gate.passed) == 4


async def test_a_run_that_rests_has_not_ended(still: Face) -> None:
    oid = await still.start(search())
    await still.post(f"tasks/{oid}/suspend")
    answer = await still.post(f"tasks/{oid}/run")
    assert answer.error == (409, "the task has not ended")


async def test_a_run_that_has_not_begun_is_about_to(still: Face) -> None:
    oid = await still.start(search())
    assert (await still.post(f"tasks/{oid}/run")).status == 204
    assert len((await still.get("tasks")).objects) == 1


async def test_tasks_of_other_kinds_cannot_be_had_so(still: Face) -> None:
    await still.yard.tasks.create(NewTask("reset", "ann"), task_id="task77")
    for what, said in (
        ("suspend", "A task of the kind reset cannot be suspended"),
        ("run", "a task of the kind reset cannot be run again"),
        ("resume", "The task 77 is not suspended"),
    ):
        assert (await still.post(f"tasks/77/{what}", who="ann")).error == (409, said)


async def test_a_run_is_removed(face: Face) -> None:
    await face.yard.fill(2)
    oid = await face.start(search(), action("recompute"))
    await face.ended(oid)
    answer = await face.delete(f"tasks/{oid}")
    assert (answer.status, answer.raw) == (204, b"")
    assert (await face.get(f"tasks/{oid}")).error == (404, f"There is no task {oid}")
    assert (await face.get("tasks")).objects == []


async def test_a_run_is_removed_in_its_midst(face: Face) -> None:
    gate = Gate(face)
    await face.yard.fill(300)
    oid = await face.start(search(), through())
    await asyncio.wait_for(gate.waiting.wait(), 30)
    removing = asyncio.create_task(face.delete(f"tasks/{oid}"))
    async with asyncio.timeout(30):
        while (await face.get(f"tasks/{oid}")).status != 404:
            gate.let(1)
    assert (await removing).status in (202, 204)
    assert len(gate.passed) < 300


@pytest.mark.parametrize("what", ["run", "suspend", "resume"])
async def test_a_task_that_is_not_there(still: Face, what: str) -> None:
    assert (await still.post(f"tasks/none/{what}")).error == (404, "There is no task none")


@pytest.mark.parametrize("what", ["run", "suspend", "resume", ""])
async def test_who_may_change_which_task(still: Face, what: str) -> None:
    method = "POST" if what else "DELETE"
    oids = {who: await still.start(search(), who=who) for who in ("ann", "guest")}

    async def ask(owner: str, who: str) -> tuple[int, str]:
        path = f"tasks/{oids[owner]}/{what}".rstrip("/")
        return (await still.ask(method, path, who=who)).error

    # Others' tasks are not there for them; those who see all do not thereby change all.
    assert (await ask("ann", "bob"))[0] == 404
    assert await ask("ann", "eve") == (403, "This needs the privilege ConfigureManager")
    assert await ask("guest", "guest") == (403, "This needs the privilege ConfigureComponents")
    for owner, who in (("ann", "ann"), ("guest", "admin")):
        path = f"tasks/{oids[owner]}/{what}".rstrip("/")
        answer = await still.ask(method, path, who=who)
        assert answer.status < 400 or answer.error == (
            409,
            f"The task {oids[owner]} is not suspended",
        )
