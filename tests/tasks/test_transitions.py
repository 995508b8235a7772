"""The table of states, enforced by the store's own step."""

from __future__ import annotations

import itertools

import pytest

from odimra.tasks import (
    Change,
    Fenced,
    Result,
    TaskMessage,
    TaskMissing,
    TaskOptions,
    Tasks,
    TaskVersionMismatch,
    TransitionRefused,
    states,
)
from tests.tasks.conftest import bring, events, read

ALL = tuple(states.TRANSITIONS)


@pytest.mark.parametrize(
    ("old", "new"), [pair for pair in itertools.product(ALL, ALL) if pair[0] != pair[1]]
)
async def test_only_moves_of_the_table_are_made(tasks: Tasks, old: str, new: str) -> None:
    before = await bring(tasks, old)
    if new in states.TRANSITIONS[old]:
        await tasks.change(before.id, Change(state=new))
        assert (await read(tasks, before.id)).task_state == new
    else:
        told = await events(tasks)
        with pytest.raises(TransitionRefused):
            await tasks.change(before.id, Change(state=new))
        assert await read(tasks, before.id) == before
        assert await events(tasks) == told


@pytest.mark.parametrize("final", sorted(states.FINAL))
async def test_a_final_task_takes_no_change_of_any_sort(tasks: Tasks, final: str) -> None:
    task = await bring(tasks, final)
    for change in (
        Change(percent=99),
        Change(messages=[TaskMessage("Base.1.22.Success")]),
        Change(result=Result(204)),
        Change(checkpoint={"a": 1}),
    ):
        with pytest.raises(TransitionRefused):
            await tasks.change(task.id, change)
    assert await read(tasks, task.id) == task


async def test_percent_never_falls_and_stays_within_bounds(tasks: Tasks) -> None:
    task = await bring(tasks, states.RUNNING)
    for given, shown in ((40, 40), (10, 40), (170, 100), (-5, 100)):
        await tasks.change(task.id, Change(percent=given))
        assert (await read(tasks, task.id)).percent_complete == shown


@pytest.mark.parametrize("state", ALL)
async def test_end_time_and_status_appear_only_at_the_end(tasks: Tasks, state: str) -> None:
    task = await bring(tasks, state)
    assert (task.end_time is not None) == (state in states.FINAL)
    assert (task.task_status is not None) == (state in states.FINAL)


async def test_completed_is_100_percent(tasks: Tasks) -> None:
    assert (await bring(tasks, states.COMPLETED)).percent_complete == 100


@pytest.mark.parametrize(
    ("final", "severity", "status", "event"),
    [
        (states.COMPLETED, None, "OK", "TaskCompletedOK"),
        (states.COMPLETED, "Warning", "Warning", "TaskCompletedWarning"),
        (states.COMPLETED, "Critical", "Critical", "TaskCompletedWarning"),
        (states.EXCEPTION, None, "Critical", "TaskAborted"),
        (states.CANCELLED, None, "Warning", "TaskCancelled"),
        (states.CANCELLED, "Critical", "Critical", "TaskCancelled"),
    ],
)
async def test_status_is_the_worst_severity_of_the_messages(
    tasks: Tasks, final: str, severity: str | None, status: str, event: str
) -> None:
    task = await bring(tasks, states.RUNNING)
    said = [TaskMessage("Vendor.1.0.Said", severity=severity)] if severity else []
    await tasks.change(task.id, Change(state=final, messages=said))
    ended = await read(tasks, task.id)
    assert ended.task_status == status
    assert ended.messages[-1].message_id == f"TaskEvent.1.0.{event}"
    assert ended.messages[-1].args == (task.id,)
    assert (await events(tasks, task.id))[-1] == event


async def test_a_pause_that_was_resumed_does_not_mark_the_outcome(tasks: Tasks) -> None:
    task = await bring(tasks, states.INTERRUPTED)
    await tasks.change(task.id, Change(state=states.RUNNING))
    await tasks.change(task.id, Change(state=states.COMPLETED))
    assert (await read(tasks, task.id)).task_status == "OK"
    assert await events(tasks, task.id) == [
        "TaskStarted",
        "TaskPaused",
        "TaskResumed",
        "TaskProgressChanged",
        "TaskCompletedOK",
    ]


async def test_each_change_is_a_version_and_a_stale_one_is_refused(tasks: Tasks) -> None:
    task = await bring(tasks, states.RUNNING)
    await tasks.change(task.id, Change(percent=10, version=task.version))
    with pytest.raises(TaskVersionMismatch):
        await tasks.change(task.id, Change(percent=20, version=task.version))
    assert (await read(tasks, task.id)).percent_complete == 10


async def test_the_writes_of_an_earlier_worker_are_fenced(tasks: Tasks) -> None:
    task = await bring(tasks, states.NEW)
    for epoch in (1, 2):
        outcome, claimed = await tasks.claim(
            task.id, 0, state=states.RUNNING, kind_limit=0, target_limit=0
        )
        assert outcome == "ok" and claimed is not None and claimed.epoch == epoch
    with pytest.raises(Fenced):
        await tasks.change(task.id, Change(percent=50, epoch=1))
    await tasks.change(task.id, Change(percent=60, epoch=2))
    assert (await read(tasks, task.id)).percent_complete == 60


async def test_a_numbered_step_that_is_sent_twice_is_done_once(tasks: Tasks) -> None:
    task = await bring(tasks, states.NEW)
    await tasks.claim(task.id, 0, state=states.RUNNING, kind_limit=0, target_limit=0)
    said = Change(messages=[TaskMessage("Vendor.1.0.Said")], epoch=1, sequence=1)
    await tasks.change(task.id, said)
    await tasks.change(task.id, said)
    told = [message.message_id for message in (await read(tasks, task.id)).messages]
    assert told.count("Vendor.1.0.Said") == 1


async def test_the_oldest_messages_leave_when_there_are_too_many(
    store: object, tasks: Tasks
) -> None:
    few = Tasks(tasks.store, TaskOptions(max_messages=5), tasks.clock)
    task = await bring(few, states.RUNNING)
    for number in range(9):
        await few.change(task.id, Change(messages=[TaskMessage("Vendor.1.0.Said", (str(number),))]))
    shown = (await read(few, task.id)).messages
    assert [message.args for message in shown] == [(str(number),) for number in range(4, 9)]


async def test_what_is_not_there_cannot_change(tasks: Tasks) -> None:
    with pytest.raises(TaskMissing):
        await tasks.change("taskx", Change(percent=1))
    with pytest.raises(TaskMissing):
        await tasks.cancel("taskx")
    with pytest.raises(TaskMissing):
        await tasks.delete("taskx")
