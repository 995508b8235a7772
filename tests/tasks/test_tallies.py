"""What is counted of tasks: now, and minute by minute."""

from __future__ import annotations

import random

import pytest

from odimra.tasks import Change, TaskOptions, Tasks, history, states
from odimra.tasks.history import Span, durations, upper
from odimra.tasks.tallies import Tallies
from tests.fakes import FakeClock
from tests.tasks.conftest import WAY_TO, a_task, bring


async def test_tasks_are_counted_by_kind_and_state(tasks: Tasks) -> None:
    tallies = Tallies(tasks)
    assert await tallies.by_kind_and_state() == {}
    for state in WAY_TO:
        await bring(tasks, state)
    reset = await bring(tasks, states.RUNNING, kind="reset")
    one = {("test", state): 1 for state in WAY_TO}
    assert await tallies.by_kind_and_state() == one | {("reset", states.RUNNING): 1}
    await tasks.cancel(reset.id)
    assert await tallies.by_kind_and_state() == one | {("reset", states.CANCELLING): 1}
    await tasks.change(reset.id, Change(state=states.CANCELLED))
    await tasks.delete(reset.id)
    assert await tallies.by_kind_and_state() == one


async def test_sub_tasks_are_parts_and_not_counted(tasks: Tasks) -> None:
    whole = await tasks.create(a_task(subtasks=(a_task(), a_task())))
    for part in await tasks.page(tasks.index(parent=whole.id), 0, 2):
        await tasks.change(part, Change(state=states.RUNNING))
        await tasks.change(part, Change(state=states.COMPLETED))
    assert await Tallies(tasks).by_kind_and_state() == {("test", states.COMPLETED): 1}
    _, (span,) = await Tallies(tasks).history(1, 1)
    assert (span.began.total(), span.ended.total(), span.took.total()) == (1, 1, 1)


async def test_what_makes_room_is_counted_no_more(tasks: Tasks) -> None:
    few = Tasks(tasks.store, TaskOptions(max_tasks=3), tasks.clock)
    for _ in range(5):
        await bring(few, states.COMPLETED)
    assert await Tallies(few).by_kind_and_state() == {("test", states.COMPLETED): 3}


async def test_counts_are_those_of_the_tasks_whatever_happens(tasks: Tasks) -> None:
    chance = random.Random(4)
    known = []
    for _ in range(300):
        do = chance.randrange(5)
        if do < 2 or not known:
            known.append(await bring(tasks, chance.choice(list(WAY_TO)), kind=chance.choice("ab")))
            continue
        one = chance.choice(known)
        if await tasks.get(one.id) is None:
            continue
        if do == 2:
            await tasks.cancel(one.id)
        elif do == 3:
            await tasks.delete(one.id)
        else:
            await tasks.delete_completed()
    truth: dict[tuple[str, str], int] = {}
    for one in known:
        task = await tasks.get(one.id)
        if task is not None:
            truth[task.kind, task.task_state] = truth.get((task.kind, task.task_state), 0) + 1
    assert truth and await Tallies(tasks).by_kind_and_state() == truth


async def test_each_minute_has_what_happened_in_it(tasks: Tasks, clock: FakeClock) -> None:
    clock.advance(60 - clock.now_ms() / 1000 % 60)
    begin = clock.now_ms()
    await bring(tasks, states.COMPLETED)
    waits = await bring(tasks, states.NEW)
    await tasks.sweep()
    clock.advance(60)
    await bring(tasks, states.EXCEPTION, kind="reset")  # ended, and never began
    await tasks.change(waits.id, Change(state=states.STARTING))
    await tasks.change(waits.id, Change(state=states.RUNNING))  # began before
    clock.advance(120)
    first, spans = await Tallies(tasks).history(4, 1)
    assert first == begin
    assert [dict(one.began) for one in spans] == [{"test": 1}, {"test": 1}, {}, {}]
    assert [dict(one.ended) for one in spans] == [
        {(states.COMPLETED, "test"): 1},
        {(states.EXCEPTION, "reset"): 1},
        {},
        {},
    ]
    assert [one.are for one in spans] == [{states.COMPLETED: 1, states.NEW: 1}, {}, {}, {}]
    _, (both, rest) = await Tallies(tasks).history(4, 2)
    assert (both.began.total(), both.ended.total(), rest.ended.total()) in ((2, 2, 0), (1, 1, 0))


async def test_a_minute_is_looked_at_once_and_forgotten_later(
    tasks: Tasks, clock: FakeClock
) -> None:
    await bring(tasks, states.RUNNING)
    await tasks.sweep()
    await bring(tasks, states.RUNNING)
    await tasks.sweep()
    _, (span,) = await Tallies(tasks).history(1, 1)
    assert span.are == {states.RUNNING: 1}
    key = tasks.store.keys.of("history", str(clock.now_ms() // 60_000))
    assert 0 < await tasks.store.call("TTL", key) <= history.KEPT_SECONDS


async def test_durations_are_close(tasks: Tasks, clock: FakeClock) -> None:
    for seconds in (1, 1, 1, 1, 1, 1, 1, 1, 10, 100):
        task = await bring(tasks, states.RUNNING)
        clock.advance(seconds)
        await tasks.change(task.id, Change(state=states.COMPLETED))
    _, spans = await Tallies(tasks).history(60, 1)
    found = durations(spans)["test"]
    assert found.count == 10
    for bound, truth in ((found.p50, 1_000), (found.p90, 10_000), (found.p99, 100_000)):
        assert truth <= bound <= truth * 1.19


@pytest.mark.parametrize("took", [0, 1, 2, 3, 7, 8, 1000, 86_400_000])
async def test_no_duration_is_above_the_bound_of_its_bucket(
    tasks: Tasks, clock: FakeClock, took: int
) -> None:
    task = await bring(tasks, states.RUNNING)
    clock.advance(took / 1000)
    await tasks.change(task.id, Change(state=states.COMPLETED))
    _, (span,) = await Tallies(tasks).history(1, 1)
    ((_, bucket),) = span.took
    assert upper(bucket - 1) < took + 1 and took <= upper(bucket)


def test_a_state_without_tasks_is_not_shown() -> None:
    span = Span()
    span.add({b"sampled": b"1", b"are Running": b"0", b"are Completed": b"2"})
    span.add({b"began test": b"1"})
    assert span.are == {"Completed": 2}
