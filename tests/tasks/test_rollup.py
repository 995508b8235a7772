"""A task with sub-tasks is what its sub-tasks are."""

from __future__ import annotations

import itertools

import pytest

from odimra.tasks import Change, Result, Task, TaskMessage, Tasks, states
from tests.tasks.conftest import a_task, events, read


async def family(tasks: Tasks, size: int) -> tuple[Task, list[str]]:
    parent = await tasks.create(a_task(subtasks=[a_task() for _ in range(size)]))
    return parent, await tasks.page(tasks.index(parent=parent.id), 0, size)


async def end(tasks: Tasks, task_id: str, state: str, status: int = 200) -> None:
    if state != states.CANCELLED:
        await tasks.change(task_id, Change(state=states.RUNNING))
    await tasks.change(task_id, Change(state=state, result=Result(status)))


ENDS = (states.COMPLETED, states.CANCELLED, states.EXCEPTION)


@pytest.mark.parametrize("ends", list(itertools.product(ENDS, repeat=3)))
async def test_a_parent_ends_when_all_have_and_as_the_worst(
    tasks: Tasks, ends: tuple[str, ...]
) -> None:
    parent, children = await family(tasks, 3)
    for child, state in list(zip(children, ends, strict=True))[:-1]:
        await end(tasks, child, state)
        assert not (await read(tasks, parent.id)).final
    await end(tasks, children[-1], ends[-1])
    ended = await read(tasks, parent.id)
    worst = next(
        state for state in (states.EXCEPTION, states.CANCELLED, states.COMPLETED) if state in ends
    )
    assert ended.task_state == worst
    assert ended.children == 3 and ended.children_failed == ends.count(states.EXCEPTION)


async def test_the_percentage_of_a_parent_is_the_mean(tasks: Tasks) -> None:
    parent, children = await family(tasks, 4)
    for child, percent, mean in zip(children, (40, 80, 100, 60), (10, 30, 55, 70), strict=True):
        await tasks.change(child, Change(state=states.RUNNING))
        await tasks.change(child, Change(percent=percent))
        assert (await read(tasks, parent.id)).percent_complete == mean


async def test_a_parent_runs_as_soon_as_one_does(tasks: Tasks) -> None:
    parent, children = await family(tasks, 2)
    await tasks.change(children[0], Change(state=states.PENDING))
    assert (await read(tasks, parent.id)).task_state == states.NEW
    await tasks.change(children[1], Change(state=states.STARTING))
    assert (await read(tasks, parent.id)).task_state == states.RUNNING
    assert await events(tasks, parent.id) == ["TaskStarted"]


async def test_a_failed_sub_task_is_named_and_its_status_kept(tasks: Tasks) -> None:
    parent, children = await family(tasks, 3)
    await end(tasks, children[0], states.EXCEPTION, 503)
    await end(tasks, children[1], states.EXCEPTION, 400)
    await end(tasks, children[2], states.COMPLETED)
    ended = await read(tasks, parent.id)
    assert ended.worst_status == 503
    named = [message.args[0] for message in ended.messages if message.severity == "Critical"]
    assert named == [children[0], children[1], parent.id]
    assert ended.task_status == "Critical"


async def test_why_a_sub_task_failed_is_told_by_its_parent(tasks: Tasks) -> None:
    parent, children = await family(tasks, 2)
    why = TaskMessage("Vendor.1.0.Broken", ("fan 3",), "Critical", "Fan 3 is broken.")
    aside = TaskMessage("Vendor.1.0.Warm", (), "Warning", "It is warm.")
    await tasks.change(children[0], Change(state=states.EXCEPTION, messages=[aside, why]))
    told = (await read(tasks, parent.id)).messages
    assert [message for message in told if message.message_id.startswith("Vendor")] == [why]


async def test_sub_tasks_are_listed_under_their_parent_only(tasks: Tasks) -> None:
    parent, children = await family(tasks, 3)
    assert await tasks.page(tasks.index(), 0, 10) == [parent.id]
    assert len(children) == 3
    assert [(await read(tasks, child)).parent for child in children] == [parent.id] * 3


async def test_cancelling_a_parent_cancels_what_has_not_ended(tasks: Tasks) -> None:
    parent, children = await family(tasks, 3)
    await end(tasks, children[0], states.COMPLETED)
    await tasks.change(children[1], Change(state=states.RUNNING))
    assert await tasks.cancel(parent.id) == "cancelling"
    assert [(await read(tasks, child)).task_state for child in children] == [
        states.COMPLETED,
        states.CANCELLING,
        states.CANCELLED,
    ]
    assert (await read(tasks, parent.id)).task_state == states.CANCELLING
    await tasks.change(children[1], Change(state=states.CANCELLED))
    assert (await read(tasks, parent.id)).task_state == states.CANCELLED


async def test_cancelling_a_parent_whose_work_has_not_begun_ends_it_at_once(tasks: Tasks) -> None:
    parent, children = await family(tasks, 3)
    assert await tasks.cancel(parent.id) == "ended"
    assert (await read(tasks, parent.id)).task_state == states.CANCELLED
    assert await events(tasks, parent.id) == ["TaskCancelled"]
    assert [(await read(tasks, child)).task_state for child in children] == [states.CANCELLED] * 3


async def test_deleting_a_parent_removes_its_sub_tasks(tasks: Tasks) -> None:
    parent, children = await family(tasks, 2)
    await tasks.change(children[0], Change(state=states.RUNNING))
    assert await tasks.delete(parent.id) == "cancelling"
    assert (await read(tasks, parent.id)).task_state == states.CANCELLING
    await tasks.change(children[0], Change(state=states.CANCELLED))
    for gone in (parent.id, *children):
        assert await tasks.get(gone) is None
        assert (await events(tasks, gone))[-1] == "TaskRemoved"
    assert await tasks.count(tasks.index(parent=parent.id)) == 0
