"""Progress is told in steps and not too often, and its last value always."""

from __future__ import annotations

import pytest

from odimra.store import Store
from odimra.tasks import Change, TaskOptions, Tasks, states
from tests.fakes import FakeClock
from tests.tasks.conftest import a_task


@pytest.fixture
def throttled(store: Store, clock: FakeClock) -> Tasks:
    return Tasks(store, TaskOptions(progress_step=5, progress_ms=1000), clock)


async def told(tasks: Tasks) -> list[str]:
    """Return all events so far, progress as its value."""
    entries = await tasks.store.call("XRANGE", tasks.store.keys.events, "-", "+")
    found = []
    for _, flat in entries:
        pairs = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        found.append((pairs[b"percent"] or pairs[b"message"]).decode())
    return found


async def running(tasks: Tasks) -> str:
    task = await tasks.create(a_task())
    await tasks.change(task.id, Change(state=states.RUNNING))
    return task.id


async def test_small_steps_are_not_told_one_by_one(throttled: Tasks, clock: FakeClock) -> None:
    task = await running(throttled)
    for percent in range(1, 13):
        clock.advance(2)
        await throttled.change(task, Change(percent=percent))
    assert await told(throttled) == ["TaskStarted", "5", "10"]


async def test_quick_progress_is_told_once_in_an_interval(
    throttled: Tasks, clock: FakeClock
) -> None:
    task = await running(throttled)
    for percent in (10, 20, 30, 40):
        await throttled.change(task, Change(percent=percent))
    assert await told(throttled) == ["TaskStarted", "10"]
    await throttled.sweep()
    assert await told(throttled) == ["TaskStarted", "10"]
    clock.advance(1)
    await throttled.sweep()
    assert await told(throttled) == ["TaskStarted", "10", "40"]
    await throttled.sweep()
    assert await told(throttled) == ["TaskStarted", "10", "40"]


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (states.COMPLETED, ["100", "TaskCompletedOK"]),
        (states.EXCEPTION, ["13", "TaskAborted"]),
        (states.CANCELLED, ["13", "TaskCancelled"]),
        (states.SUSPENDED, ["13", "TaskPaused"]),
        (states.INTERRUPTED, ["13", "TaskPaused"]),
    ],
)
async def test_the_last_value_is_told_before_the_task_pauses_or_ends(
    throttled: Tasks, end: str, last: list[str]
) -> None:
    task = await running(throttled)
    await throttled.change(task, Change(percent=10))
    await throttled.change(task, Change(percent=13))
    await throttled.change(task, Change(state=end))
    assert await told(throttled) == ["TaskStarted", "10", *last]


async def test_what_was_told_is_not_told_again(throttled: Tasks) -> None:
    task = await running(throttled)
    await throttled.change(task, Change(percent=10))
    await throttled.change(task, Change(state=states.CANCELLED))
    assert await told(throttled) == ["TaskStarted", "10", "TaskCancelled"]


async def test_nothing_of_it_is_left_behind(throttled: Tasks) -> None:
    store = throttled.store
    for remove in (False, True):
        task = await running(throttled)
        await throttled.change(task, Change(percent=10))
        await throttled.change(task, Change(percent=20))
        assert await store.call("ZCARD", store.keys.of("queue", "progress")) == 1
        if remove:
            await throttled.delete(task)
        await throttled.change(task, Change(state=states.COMPLETED))
        assert await store.call("ZCARD", store.keys.of("queue", "progress")) == 0
    kept = await store.call("HKEYS", store.keys.task(task))
    assert not {b"told", b"told_at"} & set(kept)


async def test_a_parent_is_throttled_as_a_whole(throttled: Tasks) -> None:
    parent = await throttled.create(a_task(subtasks=[a_task() for _ in range(20)]))
    children = await throttled.page(throttled.index(parent=parent.id), 0, 20)
    for child in children:
        await throttled.change(child, Change(state=states.RUNNING))
        await throttled.change(child, Change(state=states.COMPLETED))
    entries = await throttled.store.call("XRANGE", throttled.store.keys.events, "-", "+")
    of_parent = [flat for _, flat in entries if parent.id.encode() in _value(flat, b"task")]
    # Started, the first step, and the end with its last value: all within one interval.
    assert [_value(one, b"message") for one in of_parent] == [
        b"TaskStarted",
        b"TaskProgressChanged",
        b"TaskProgressChanged",
        b"TaskCompletedOK",
    ]


def _value(flat: object, name: bytes) -> bytes:
    pairs = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[index]
    return bytes(pairs[name])
