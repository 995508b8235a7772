"""When a worker fires scheduled jobs, and what it does when it cannot."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from odimra.engine import scheduled
from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.scheduler import CannotFire, Scheduler, task_going
from odimra.engine.schedules import Schedule
from odimra.store import (
    Store,
    StoreError,
    StoreUnavailable,
)
from odimra.tasks import Change, NewTask, Tasks, TasksFull, states
from tests.engine.scheduling import MINUTE, Runs, every, read, settle
from tests.fakes import FakeClock

# Firing


async def test_a_job_fires_when_its_time_has_come_and_not_before(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    made = await jobs.create("a", {}, every())
    clock.advance(2.8)
    assert await settle(worker, runs) == pytest.approx(0.2), "it sleeps until then"
    assert runs.started == []
    clock.advance(0.2)
    assert await settle(worker, runs) == 0.5, "and never longer than a new job may wait"
    assert runs.started == [("a", 1)]
    first = runs.firings[0]
    assert first.scheduled == made.next and first.fired == clock.now_ms() and not first.manual
    clock.advance(60)
    await settle(worker, runs)
    assert runs.started == [("a", 1), ("a", 2)]
    job = await read(jobs)
    assert (job.triggered, job.number, job.previous) == (2, 2, clock.now_ms())
    assert job.next == clock.now_ms() + MINUTE
    assert job.last == runs.firings[1].run_id != first.run_id


async def test_a_cron_job_fires_by_its_expression(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, Schedule.load({"schedule": "0/20 * * * * ?"}))
    for _ in range(60):
        await settle(worker, runs)
        clock.advance(1)
    assert runs.started == [("a", 1), ("a", 2), ("a", 3)]
    assert [one.scheduled % MINUTE for one in runs.firings] == [0, 20_000, 40_000]


async def test_a_job_that_has_fired_often_enough_is_complete(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock, store: Store
) -> None:
    await jobs.create("a", {}, every(repeatCount=1), concurrent=True)
    for _ in range(5):
        clock.advance(60)
        await settle(worker, runs)
    job = await read(jobs)
    assert (job.state, job.next, job.triggered) == (scheduled.COMPLETE, None, 2)
    assert await store.call("ZCARD", jobs.queue) == 0


async def test_a_job_without_a_schedule_runs_when_it_is_asked_for(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    assert (await jobs.create("a", {}, None)).state == scheduled.NONE
    clock.advance(1_000_000)
    await settle(worker, runs)
    assert runs.started == []
    await jobs.trigger("a")
    await settle(worker, runs)
    assert runs.started == [("a", 1)] and runs.firings[0].manual


async def test_more_jobs_than_a_batch_all_fire(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    for number in range(30):
        await jobs.create(f"job{number}", {}, every())
    clock.advance(3)
    await settle(worker, runs)
    assert Counter(runs.started) == {(f"job{number}", 1): 1 for number in range(30)}


async def test_fires_that_are_a_little_late_are_all_made_good(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    made = await jobs.create("a", {}, every(2000), concurrent=True)
    clock.advance(3 + 7)
    await settle(worker, runs)
    assert [one.scheduled - made.anchor for one in runs.firings] == [0, 2000, 4000, 6000]


@pytest.mark.parametrize(("policy", "fired"), [("fireAndProceed", 1), ("doNothing", 0)])
async def test_what_was_missed_is_made_good_once_or_not_as_the_policy_says(
    jobs: ScheduledJobs,
    worker: Scheduler,
    runs: Runs,
    clock: FakeClock,
    policy: str,
    fired: int,
) -> None:
    await jobs.create("a", {}, every(misfirePolicy=policy))
    clock.advance(3 + 5 * 60 + 20)
    await settle(worker, runs)
    job = await read(jobs)
    assert (len(runs.started), job.triggered) == (fired, fired)
    assert job.previous == (clock.now_ms() if fired else None)
    assert job.next == job.anchor + 6 * MINUTE
    clock.advance(40)
    await settle(worker, runs)
    assert len(runs.started) == fired + 1


# One run at a time


async def test_a_job_is_blocked_while_its_run_goes_on(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every())
    runs.goes_on = True
    clock.advance(3)
    await settle(worker, runs)
    job = await read(jobs)
    assert (job.state, job.running, job.node) == (scheduled.BLOCKED, job.last, "one")
    await jobs.trigger("a")
    for _ in range(70):
        clock.advance(1)
        await settle(worker, runs)
    assert runs.started == [("a", 1)]
    runs.going.clear()
    runs.goes_on = False
    for _ in range(3):
        clock.advance(1)
        await settle(worker, runs)
    assert runs.started == [("a", 1), ("a", 2), ("a", 3)], "what was asked for, and what was due"
    assert [one.manual for one in runs.firings] == [False, True, False]
    job = await read(jobs)
    assert (job.state, job.running, job.node) == (scheduled.NORMAL, None, None)


@pytest.mark.parametrize(("policy", "fired"), [("fireAndProceed", 2), ("doNothing", 1)])
async def test_a_fire_that_was_blocked_for_long_was_missed(
    jobs: ScheduledJobs,
    worker: Scheduler,
    runs: Runs,
    clock: FakeClock,
    policy: str,
    fired: int,
) -> None:
    await jobs.create("a", {}, every(misfirePolicy=policy))
    runs.goes_on = True
    clock.advance(3)
    await settle(worker, runs)
    clock.advance(60 * 3 + 30)
    await settle(worker, runs)
    runs.going.clear()
    clock.advance(1)
    await settle(worker, runs)
    assert len(runs.started) == fired
    assert (await read(jobs)).next == runs.firings[0].scheduled + 4 * MINUTE


async def test_a_concurrent_job_waits_for_nothing(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every(), concurrent=True)
    runs.goes_on = True
    for _ in range(3):
        clock.advance(60)
        await settle(worker, runs)
        assert (await read(jobs)).state == scheduled.NORMAL
    assert len(runs.started) == 3 == len(runs.going)


async def test_a_run_of_nothing_blocks_nothing(
    jobs: ScheduledJobs, worker: Scheduler, clock: FakeClock
) -> None:
    async def nothing(job: ScheduledJob, firing: Firing) -> None:
        return None

    await jobs.create("a", {}, every())
    clock.advance(3)
    await worker.turn(nothing)
    job = await read(jobs)
    assert (job.state, job.number, job.firing, job.last) == (scheduled.NORMAL, 1, None, None)


async def test_a_job_that_may_now_run_concurrently_is_no_longer_blocked(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every())
    runs.goes_on = True
    clock.advance(3)
    await settle(worker, runs)
    assert (await jobs.update("a", {}, every())).state == scheduled.BLOCKED
    assert (await jobs.update("a", {}, every(), concurrent=True)).state == scheduled.NORMAL


# Trouble


async def test_a_job_that_cannot_be_fired_is_in_error_until_it_is_resumed(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every())
    await jobs.create("b", {}, every())
    runs.trouble = CannotFire("there is no such script")
    clock.advance(3)
    await settle(worker, runs)
    runs.trouble = None
    clock.advance(120)
    await settle(worker, runs)
    job = await read(jobs)
    assert (job.state, job.error, job.firing) == (scheduled.ERROR, "there is no such script", None)
    assert runs.started == []
    await jobs.resume("a")
    assert (await read(jobs)).state == scheduled.NORMAL
    await settle(worker, runs)
    assert runs.started == [("a", 2)]


@pytest.mark.parametrize(
    "trouble", [RuntimeError("a secret"), TasksFull(5), TimeoutError(), StoreUnavailable("gone")]
)
async def test_a_firing_that_fails_is_tried_again_and_keeps_no_other_waiting(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock, trouble: Exception
) -> None:
    await jobs.create("a", {}, every())
    runs.trouble = trouble
    clock.advance(3)
    try:
        await settle(worker, runs)
    except StoreUnavailable:
        assert trouble.args == ("gone",)
    runs.trouble = None
    await jobs.create("b", {}, None)
    await jobs.trigger("b")
    await settle(worker, runs)
    assert runs.started == [("b", 1)]
    clock.advance(10)
    await settle(worker, runs)
    assert runs.started == [("b", 1), ("a", 1)], "the same firing"


async def test_a_schedule_that_is_not_understood_here_is_an_error_of_that_job(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock, store: Store
) -> None:
    await jobs.create("a", {}, every())
    await jobs.create("b", {}, every())
    await store.call("HSET", jobs.key("a"), "schedule", '{"type":"simple","timeZone":"Mars/Base"}')
    clock.advance(3)
    await settle(worker, runs)
    job = await read(jobs)
    assert job.state == scheduled.ERROR and "Mars/Base" in (job.error or "")
    assert runs.started == [("b", 1)]


async def test_a_job_that_cannot_be_read_keeps_no_other_waiting(
    jobs: ScheduledJobs,
    worker: Scheduler,
    runs: Runs,
    clock: FakeClock,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await jobs.create("a", {}, every())
    await jobs.create("b", {}, every())
    await store.call("HSET", jobs.key("a"), "definition", "{")
    await store.call("ZADD", jobs.queue, 0, "gone")
    clock.advance(3)
    await settle(worker, runs)
    assert runs.started == [("b", 1)] and "a could not be attended to" in caplog.text


async def test_who_looked_at_an_earlier_run_does_not_release_the_next(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    await jobs.create("a", {}, every())
    runs.goes_on = True
    clock.advance(3)
    await settle(worker, runs)
    job = await read(jobs)
    await worker._look_at_run(job, "task-earlier", clock.now_ms())
    assert (await read(jobs)).running == job.running


async def test_a_run_that_has_ended_keeps_the_next_fire_not_waiting(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    await jobs.create("a", {}, every(200))
    clock.advance(3)
    for number in range(1, 6):
        await settle(worker, runs)
        assert runs.firings[-1].number == number
        assert runs.firings[-1].scheduled == clock.now_ms()
        clock.advance(0.2)


async def test_the_task_of_a_run_tells_whether_it_goes_on(tasks: Tasks) -> None:
    going = task_going(tasks)
    task = await tasks.create(NewTask("steps", "ann"))
    assert await going(task.id) and not await going("task-gone")
    await tasks.change(task.id, Change(state=states.EXCEPTION))
    assert not await going(task.id)


async def test_a_worker_runs_until_it_is_told_to_stop(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop, runs.fire))
    await jobs.create("a", {}, every())
    async with asyncio.timeout(30):
        while len(runs.started) < 3:
            await asyncio.sleep(0)
            clock.advance(0.5 if clock.sleeping else 0)
        stop.set()
        await running


async def test_a_worker_waits_for_a_store_that_is_away(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    await jobs.create("a", {}, every())
    stop = asyncio.Event()
    failures = [StoreUnavailable("away"), StoreUnavailable("still"), StoreError("and wrong")]
    turn = worker.turn

    async def turned(fire: Any) -> float:
        if failures:
            raise failures.pop()
        return await turn(fire)

    worker.turn = turned  # type: ignore[method-assign]
    running = asyncio.create_task(worker.run(stop, runs.fire))
    async with asyncio.timeout(30):
        while not runs.started:
            await asyncio.sleep(0)
            clock.advance(0.5 if clock.sleeping else 0)
        stop.set()
        await running
