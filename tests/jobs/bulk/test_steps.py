"""The steps of a bulk run: all of one or nothing, once, and by nobody who was replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from odimra.jobs.bulk.runs import KIND
from odimra.jobs.bulk.steps import BulkOptions, Commit, RunKeys, Steps
from odimra.records.records import RecordOptions, Records
from odimra.records.transaction import Write
from odimra.store import Store
from odimra.tasks import Change, Fenced, NewTask, Task, TaskOptions, Tasks, states
from tests.fakes import FakeClock

TYPE = "managed/user"
NOW = 1_800_000_000_000


@pytest.fixture
def records(store: Store, clock: FakeClock) -> Records:
    return Records(store, RecordOptions(), clock)


async def taken(tasks: Tasks, task_id: str, submission: int = 0) -> Task:
    """Have a worker take the task."""
    outcome, task = await tasks.claim(
        task_id, submission, state=states.RUNNING, kind_limit=0, target_limit=0
    )
    assert outcome == "ok" and task is not None
    return task


Make = Callable[..., Awaitable[Steps]]


@pytest.fixture
def make(store: Store, tasks: Tasks) -> Make:
    """Makes the steps of a worker: one that takes a new task, or replaces whoever has one."""

    async def made(
        task_id: str | None = None, options: BulkOptions | None = None, submission: int = 0
    ) -> Steps:
        if task_id is None:
            id = f"task{len(await tasks.page(tasks.index(), 0, 10))}"
            keys = RunKeys.of(store, id)
            new = NewTask(
                KIND, "ann", again=True,
                keys=[keys.run, keys.console, keys.data], scratch=[keys.list(0), keys.list(1)],
            )  # fmt: skip
            task_id = (await tasks.create(new, task_id=id)).id
        task = await taken(tasks, task_id, submission)
        return Steps(store, task.id, task.epoch, options or BulkOptions())

    return made


def written(record_id: str, rev: str, content: Any) -> Write:
    return Write(TYPE, record_id, rev, b"" if content is None else orjson.dumps(content))


def full(*writes: Write) -> Commit:
    """Something of each kind that a step may write."""
    return Commit(
        writes=list(writes),
        lines=["one", "two"],
        items=[b'{"value":1}'],
        pushes=[(1, b"x"), (1, b"y"), (1, b"z")],
        resets=[1],
        takes=[(0, 2)],
        events=[("OK", b"{}")],
    )


async def stands(store: Store, steps: Steps) -> dict[str, Any]:
    """Return all that steps write, records apart."""
    keys = steps.keys
    return {
        "run": await store.call("HMGET", keys.run, "step", "state", "console_bytes", "items"),
        "console": await store.call("GET", keys.console),
        "data": await store.call("LRANGE", keys.data, 0, -1),
        "lists": [await steps.read(number, 0, 10) for number in (0, 1)],
        "events": [
            entry for entry in await store.call("XRANGE", store.keys.events, "-", "+")
            if "ScriptNotification" in repr(entry)
        ],
    }  # fmt: skip


async def filled(store: Store, steps: Steps) -> None:
    await store.call("RPUSH", steps.keys.list(0), "a", "b", "c")
    await store.call("RPUSH", steps.keys.list(1), "left by somebody")


async def test_a_step_writes_all_that_it_is_given(
    make: Make, store: Store, records: Records
) -> None:
    steps = await make()
    await records.create(TYPE, {"n": 1}, "a")
    await records.create(TYPE, {"n": 1}, "gone")
    await filled(store, steps)
    commit = full(written("a", "1", {"n": 2}), written("gone", "1", None), written("new", "", {}))
    assert await steps.commit(1, b"{}", NOW, commit) == ("ok", 0)
    assert [(one.id, one.rev, one.content) for one in await records.page(TYPE, "", 10)] == [
        ("a", "2", {"n": 2}), ("new", "2", {}),
    ]  # fmt: skip
    found = await stands(store, steps)
    assert found["run"] == [b"1", b"{}", b"8", b"1"]
    assert found["console"] == b"one\ntwo\n"
    assert found["data"] == [b'{"value":1}']
    assert found["lists"] == [[b"c"], [b"x", b"y", b"z"]]
    assert len(found["events"]) == 1


async def test_a_step_that_is_sent_again_is_done_once(
    make: Make, store: Store, records: Records
) -> None:
    steps = await make()
    await records.create(TYPE, {"n": 1}, "a")
    await filled(store, steps)
    await steps.commit(1, b"1", NOW, full(written("a", "1", {"n": 2})))
    await steps.commit(2, b"2", NOW, Commit(lines=["three"]))
    before = await stands(store, steps)
    # Both answers were lost; what was written meanwhile makes no difference to that.
    await records.update(TYPE, "a", {"n": 9}, None)
    assert await steps.commit(1, b"1", NOW, full(written("a", "1", {"n": 2}))) == ("ok", 0)
    assert await steps.commit(2, b"2", NOW, Commit(lines=["three"])) == ("ok", 0)
    assert await stands(store, steps) == before
    assert (await records.read(TYPE, "a")).content == {"n": 9}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (written("a", "1", {"n": 3}), ("changed", 2)),
        (written("a", "1", None), ("changed", 2)),
        (written("a", "", {"n": 3}), ("changed", 2)),
        (written("never", "1", {"n": 3}), ("changed", 2)),
        (written("deleted", "3", {"n": 3}), ("changed", 2)),
        (written("again", "1", {"n": 3}), ("changed", 2)),
        (written("one more", "", {}), ("limit", 2)),
    ],
)
async def test_all_or_nothing(
    make: Make, store: Store, records: Records, wrong: Write, said: tuple[str, int]
) -> None:
    """Write number 2 cannot be done: neither is anything before or behind it."""
    steps = await make(options=BulkOptions(max_records=5))
    for name in ("a", "b", "deleted", "again"):
        await records.create(TYPE, {"n": 1}, name)
    await records.update(TYPE, "a", {"n": 2}, None)
    for name in ("deleted", "again"):
        await records.delete(TYPE, name, None)
    await records.create(TYPE, {"n": 1}, "again")
    await records.create(TYPE, {"n": 1}, "z")
    await filled(store, steps)
    before = await stands(store, steps), await records.page(TYPE, "", 10)
    commit = full(
        written("b", "1", {"n": 2}), written("new", "", {}), wrong, written("z", "3", {"n": 2})
    )
    assert await steps.commit(1, b"{}", NOW, commit) == said
    assert (await stands(store, steps), await records.page(TYPE, "", 10)) == before


async def test_a_worker_that_was_replaced_does_nothing(
    make: Make, store: Store, records: Records
) -> None:
    old = await make()
    await records.create(TYPE, {"n": 1}, "a")
    await filled(store, old)
    await old.commit(1, b"1", NOW, Commit())
    new = await make("task0")
    before = await stands(store, new)
    with pytest.raises(Fenced):
        await old.commit(2, b"2", NOW, full(written("a", "1", {"n": 2})))
    with pytest.raises(Fenced):
        await old.begin(NOW)
    assert await stands(store, new) == before
    assert (await records.read(TYPE, "a")).rev == "1"
    begun = await new.begin(NOW + 1)
    assert (begun.step, begun.state) == (1, b"1")
    assert await new.commit(2, b"2", NOW, full(written("a", "1", {"n": 2}))) == ("ok", 0)


@pytest.mark.parametrize("state", [states.COMPLETED, states.EXCEPTION, states.CANCELLED])
async def test_nothing_is_done_for_a_run_that_has_ended(
    make: Make, store: Store, tasks: Tasks, records: Records, state: str
) -> None:
    steps = await make()
    await records.create(TYPE, {"n": 1}, "a")
    await steps.commit(1, b"1", NOW, Commit(lines=["so far"]))
    if state == states.CANCELLED:
        await tasks.cancel("task0")
    await tasks.change("task0", Change(state=state))
    before = await stands(store, steps)
    with pytest.raises(Fenced):
        await steps.commit(2, b"2", NOW, full(written("a", "1", {"n": 2})))
    assert await stands(store, steps) == before
    assert (await records.read(TYPE, "a")).rev == "1"


async def test_what_was_cancelled_may_still_end_its_step(make: Make, tasks: Tasks) -> None:
    steps = await make()
    await tasks.cancel("task0")
    assert await steps.commit(1, b"1", NOW, Commit()) == ("ok", 0)


async def test_nothing_is_left_behind_by_a_run_that_was_removed(
    make: Make, store: Store, tasks: Tasks
) -> None:
    steps = await make()
    await filled(store, steps)
    await steps.commit(1, b"1", NOW, full())
    await tasks.delete("task0")
    await tasks.change("task0", Change(state=states.CANCELLED))
    with pytest.raises(Fenced):
        await steps.commit(2, b"2", NOW, full())
    with pytest.raises(Fenced):
        await steps.begin(NOW)
    keys = steps.keys
    assert await store.call(
        "EXISTS", keys.run, keys.console, keys.data, keys.list(0), keys.list(1)
    ) == 0  # fmt: skip


async def test_a_worker_of_an_earlier_run_does_nothing_to_the_next_one(
    make: Make, store: Store, tasks: Tasks, records: Records
) -> None:
    """It was asleep while its run ended, and the same was run again: under the same name."""
    old = await make()
    await records.create(TYPE, {"n": 1}, "a")
    await tasks.cancel("task0")
    await tasks.change("task0", Change(state=states.CANCELLED))
    await tasks.create(NewTask(KIND, "ann", again=True), task_id="task0", replace=True)
    with pytest.raises(Fenced):
        await old.commit(7, b"old", NOW, Commit(lines=["old"]))
    new = await make("task0", submission=1)
    before = await stands(store, new)
    with pytest.raises(Fenced):
        await old.begin(NOW)
    with pytest.raises(Fenced):
        await old.commit(7, b"7", NOW, full(written("a", "1", {"n": 2})))
    assert await stands(store, new) == before
    assert (await new.begin(NOW)).step == 0
    assert (await records.read(TYPE, "a")).rev == "1"
    # Nor does the hand-over of the earlier run, which is delivered again: it takes nothing over.
    said, _ = await tasks.claim("task0", 0, state=states.RUNNING, kind_limit=0, target_limit=0)
    assert said == "duplicate"


async def test_a_run_that_gets_on_may_cost_as_many_workers_as_it_likes(
    store: Store, clock: FakeClock
) -> None:
    """Only who costs one worker after another without getting anywhere is given up."""
    tasks = Tasks(store, TaskOptions(max_interruptions=2), clock)
    task = await tasks.create(NewTask(KIND, "ann"))
    for number in range(1, 10):
        steps = Steps(store, task.id, (await taken(tasks, task.id)).epoch, BulkOptions())
        assert await steps.commit(number, b"{}", NOW, Commit()) == ("ok", 0)
    for _ in range(2):
        await taken(tasks, task.id)
    outcome, _ = await tasks.claim(task.id, 0, state=states.RUNNING, kind_limit=0, target_limit=0)
    assert outcome == "exhausted"
