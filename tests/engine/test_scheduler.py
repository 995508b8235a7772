"""Scheduled jobs fire once, however many workers there are and whichever of them die."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from odimra.clock import SystemClock
from odimra.engine import scheduled
from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.scheduler import CannotFire, Scheduler, SchedulerOptions, task_going
from odimra.engine.schedules import Schedule
from odimra.store import (
    DocumentExists,
    DocumentMissing,
    LimitReached,
    Store,
    StoreError,
    StoreUnavailable,
    VersionMismatch,
)
from odimra.tasks import Change, NewTask, TaskExists, Tasks, TasksFull, states
from tests.engine.firing_worker import new_task, scheduler_of
from tests.fakes import FakeClock

MINUTE = 60_000


def every(interval: int = MINUTE, **properties: Any) -> Schedule:
    return Schedule.load({"type": "simple", "repeatInterval": interval, **properties})


class Runs:
    """Starts runs and remembers them; those in ``going`` have not ended."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.firings: list[Firing] = []
        self.going: set[str] = set()
        self.goes_on = False
        self.trouble: Exception | None = None
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def fire(self, job: ScheduledJob, firing: Firing) -> str | None:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.trouble is not None:
            raise self.trouble
        self.started.append((job.id, firing.number))
        self.firings.append(firing)
        if self.goes_on:
            self.going.add(firing.run_id)
        return firing.run_id

    async def is_going(self, run_id: str) -> bool:
        return run_id in self.going


@pytest.fixture
def jobs(store: Store, clock: FakeClock) -> ScheduledJobs:
    return ScheduledJobs(store, clock, limit=500)


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def worker(jobs: ScheduledJobs, clock: FakeClock, runs: Runs) -> Scheduler:
    return Scheduler(jobs, runs.is_going, clock, SchedulerOptions("one", batch=8))


async def settle(worker: Scheduler, runs: Runs, turns: int = 100) -> float:
    """Let a worker do all that is due now; return what it would wait then."""
    for _ in range(turns):
        if wait := await worker.turn(runs.fire):
            return wait
    raise AssertionError("it does not come to rest")


async def read(jobs: ScheduledJobs, job_id: str = "a") -> ScheduledJob:
    job = await jobs.read(job_id)
    assert job is not None
    return job


# Jobs


async def test_a_job_is_what_it_was_made_of(jobs: ScheduledJobs, clock: FakeClock) -> None:
    made = await jobs.create("a", {"z": 1, "a": [None, "é"]}, every(), concurrent=True)
    assert made == await jobs.read("a")
    assert list(made.definition.items()) == [("z", 1), ("a", [None, "é"])]
    assert made.schedule == every() and made.concurrent
    assert (made.rev, made.number, made.triggered, made.previous) == (1, 0, 0, None)
    assert made.anchor == made.next == clock.now_ms() + 3000
    assert made.state == scheduled.NORMAL
    assert await jobs.read("b") is None


async def test_a_name_is_given_once_and_jobs_are_bounded(
    store: Store, clock: FakeClock, jobs: ScheduledJobs
) -> None:
    await jobs.create("a", {}, every())
    with pytest.raises(DocumentExists):
        await jobs.create("a", {}, every())
    with pytest.raises(LimitReached):
        await ScheduledJobs(store, clock, limit=1).create("b", {}, every())
    assert await jobs.count() == 1 and await jobs.read("b") is None


async def test_of_two_who_update_one_revision_one_does(
    jobs: ScheduledJobs, clock: FakeClock
) -> None:
    await jobs.create("a", {"n": 1}, every())
    await jobs.pause("a")
    clock.advance(5)
    changed = await jobs.update("a", {"n": 2}, every(2 * MINUTE), rev=1)
    assert changed == await jobs.read("a")
    assert (changed.rev, changed.definition, changed.state) == (2, {"n": 2}, scheduled.NORMAL)
    assert changed.next == clock.now_ms() + 3000, "the schedule begins anew"
    with pytest.raises(VersionMismatch):
        await jobs.update("a", {"n": 3}, every(), rev=1)
    assert (await jobs.update("a", {"n": 4}, None)).rev == 3
    with pytest.raises(DocumentMissing):
        await jobs.update("b", {}, every())


async def test_a_deleted_job_leaves_nothing(jobs: ScheduledJobs, store: Store) -> None:
    await jobs.create("a", {"n": 1}, every())
    with pytest.raises(VersionMismatch):
        await jobs.delete("a", rev=2)
    assert (await jobs.delete("a", rev=1)).definition == {"n": 1}
    with pytest.raises(DocumentMissing):
        await jobs.delete("a")
    assert await jobs.count() == 0
    assert await store.call("EXISTS", jobs.queue, jobs.index, jobs.key("a")) == 0


async def test_jobs_are_listed_in_pages_by_id(jobs: ScheduledJobs) -> None:
    names = [f"job-{number:03}" for number in range(25)]
    for name in random.Random(1).sample(names, len(names)):
        await jobs.create(name, {}, every())
    found: list[str] = []
    while page := await jobs.page(found[-1] if found else "", 10):
        assert len(page) <= 10
        found += [job.id for job in page]
    assert found == names


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


# What operators do


async def test_a_paused_job_rests_and_what_it_missed_is_a_misfire(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every())
    await jobs.pause("a")
    clock.advance(1000)
    await settle(worker, runs)
    assert runs.started == [] and (await read(jobs)).state == scheduled.PAUSED
    await jobs.resume("a")
    assert (await read(jobs)).state == scheduled.NORMAL
    await settle(worker, runs)
    assert runs.started == [("a", 1)]
    for verb in (jobs.pause, jobs.resume, jobs.trigger):
        with pytest.raises(DocumentMissing):
            await verb("b")


async def test_all_jobs_are_paused_and_resumed(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    for number in range(401):
        await jobs.create(f"job{number}", {}, every())
    assert await jobs.pause_all() == 401
    clock.advance(5)
    await settle(worker, runs)
    assert runs.started == []
    assert await jobs.resume_all() == 401
    await settle(worker, runs)
    assert len(runs.started) == 401


async def test_a_trigger_fires_now_and_leaves_the_schedule_as_it_is(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs
) -> None:
    made = await jobs.create("a", {}, every(), concurrent=True)
    await jobs.pause("a")
    await jobs.trigger("a")
    await jobs.trigger("a")
    await settle(worker, runs)
    assert runs.started == [("a", 1), ("a", 2)], "even while it is paused"
    job = await read(jobs)
    assert (job.next, job.triggered, job.previous) == (made.next, 0, None)
    assert job.state == scheduled.PAUSED and job.manual == 0


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


# More than one worker


async def test_two_workers_on_one_store_fire_each_once(
    jobs: ScheduledJobs, store: Store, clock: FakeClock, runs: Runs
) -> None:
    workers = [
        Scheduler(ScheduledJobs(store, clock), runs.is_going, clock, SchedulerOptions(name))
        for name in ("one", "two", "three")
    ]
    for number in range(40):
        await jobs.create(f"job{number}", {}, every(1000))
    for _ in range(12):
        clock.advance(1)
        await asyncio.gather(*(settle(worker, runs) for worker in workers))
    clock.advance(0.5)
    await asyncio.gather(*(settle(worker, runs) for worker in workers))
    wanted = [(f"job{number}", fire) for number in range(40) for fire in range(1, 11)]
    assert Counter(runs.started) == Counter(wanted)
    assert len({firing.run_id for firing in runs.firings}) == len(wanted)
    assert len(
        {(name, one.scheduled) for (name, _), one in zip(runs.started, runs.firings, strict=True)}
    ) == len(wanted)


async def test_a_claim_from_what_is_no_longer_so_is_lost(
    jobs: ScheduledJobs, worker: Scheduler, runs: Runs, clock: FakeClock
) -> None:
    await jobs.create("a", {}, every())
    now = await read(jobs)
    assert now.next is not None
    for was in (replace(now, number=1), replace(now, rev=2), replace(now, next=now.next - 1)):
        assert not await worker._claim(was, "fire", was.next or 0, None, 0, runs.fire)
    assert not await worker._claim(now, "manual", now.next, None, 0, runs.fire)
    clock.advance(3)
    seen = await read(jobs)
    for change in (
        lambda: jobs.pause("a"),
        lambda: jobs.update("a", {}, every()),
        lambda: jobs.delete("a"),
    ):
        await change()
        assert not await worker._claim(seen, "fire", seen.next or 0, None, 0, runs.fire)
    assert runs.started == []


async def test_a_firing_that_is_not_acknowledged_is_taken_over(
    jobs: ScheduledJobs, store: Store, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    dying = Runs()
    dying.trouble = RuntimeError("as if it were killed")
    await jobs.create("a", {}, every(repeatCount=0))
    clock.advance(3)
    other = Scheduler(jobs, runs.is_going, clock, SchedulerOptions("two"))
    await settle(other, dying)
    claimed = (await read(jobs)).firing
    assert claimed is not None
    clock.advance(9.9)
    await settle(worker, runs)
    assert runs.started == [], "the lease is not over"
    clock.advance(0.1)
    await settle(worker, runs)
    assert runs.started == [("a", 1)]
    assert runs.firings[0].run_id == claimed.run_id
    assert (await read(jobs)).firing is None


async def test_of_two_who_take_a_firing_over_one_does(
    jobs: ScheduledJobs, clock: FakeClock, runs: Runs, store: Store
) -> None:
    await jobs.create("a", {}, every(repeatCount=0), concurrent=True)
    clock.advance(3)
    workers = [Scheduler(jobs, runs.is_going, clock, SchedulerOptions(name)) for name in "xyz"]
    runs.trouble = RuntimeError("as if it were killed")
    await settle(workers[0], runs)
    runs.trouble = None
    clock.advance(10)
    await asyncio.gather(*(one.turn(runs.fire) for one in workers))
    assert runs.started == [("a", 1)]


async def test_a_worker_that_comes_late_with_its_firing_creates_no_second_task(
    jobs: ScheduledJobs, clock: FakeClock, runs: Runs, tasks: Tasks
) -> None:
    """Not even when the task of the worker that took over is gone by then."""
    late = Scheduler(jobs, runs.is_going, clock, SchedulerOptions("late"))
    quick = Scheduler(jobs, task_going(tasks), clock, SchedulerOptions("quick"))
    created: list[str] = []

    async def create(job: ScheduledJob, firing: Firing) -> str:
        await tasks.create(new_task(job, firing), task_id=firing.run_id, once=firing.once)
        created.append(firing.run_id)
        return firing.run_id

    async def slowly(job: ScheduledJob, firing: Firing) -> str:
        clock.advance(10)
        await quick.turn(create)
        await tasks.delete(firing.run_id)
        return await create(job, firing)

    await jobs.create("a", {}, every())
    clock.advance(3)
    await late.turn(slowly)
    job = await read(jobs)
    assert created == [job.last] and job.firing is None
    assert await tasks.count(tasks.index()) == 0


async def test_a_late_worker_starts_nothing_that_another_has_given_up(
    jobs: ScheduledJobs, clock: FakeClock, runs: Runs, tasks: Tasks
) -> None:
    late, quick = (Scheduler(jobs, task_going(tasks), clock) for _ in range(2))

    async def gives_up(job: ScheduledJob, firing: Firing) -> str:
        raise CannotFire("not like that")

    async def slowly(job: ScheduledJob, firing: Firing) -> str:
        clock.advance(10)
        await quick.turn(gives_up)
        await tasks.create(new_task(job, firing), task_id=firing.run_id, once=firing.once)
        raise AssertionError("it was created")

    await jobs.create("a", {}, every())
    clock.advance(3)
    await late.turn(slowly)
    assert (await read(jobs)).state == scheduled.ERROR
    assert await tasks.count(tasks.index()) == 0


async def test_an_error_of_an_earlier_definition_does_not_stop_the_next(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    async def update() -> None:
        await jobs.update("a", {"better": True}, every())

    await jobs.create("a", {}, every())
    clock.advance(3)
    runs.meanwhile, runs.trouble = update, CannotFire("not like that")
    await worker.turn(runs.fire)
    assert (await read(jobs)).state == scheduled.NORMAL


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


async def test_no_run_of_a_deleted_job_starts(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs, tasks: Tasks, store: Store
) -> None:
    async def create(job: ScheduledJob, firing: Firing) -> str:
        await jobs.delete(job.id)
        with pytest.raises(TaskExists):
            await tasks.create(new_task(job, firing), task_id=firing.run_id, once=firing.once)
        return firing.run_id

    await jobs.create("a", {}, every())
    clock.advance(3)
    await worker.turn(create)
    assert await tasks.count(tasks.index()) == 0
    assert await store.call("EXISTS", jobs.queue, jobs.key("a")) == 0, "nor does it leave a trace"


async def test_a_later_job_of_the_same_name_has_runs_of_its_own(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    for _ in range(2):
        await jobs.create("a", {}, every())
        clock.advance(3)
        await settle(worker, runs)
        await jobs.delete("a")
    assert runs.started == [("a", 1), ("a", 1)]
    assert runs.firings[0].run_id != runs.firings[1].run_id


async def test_an_update_while_a_firing_is_under_way_disturbs_neither(
    jobs: ScheduledJobs, clock: FakeClock, worker: Scheduler, runs: Runs
) -> None:
    async def update() -> None:
        await jobs.update("a", {"new": True}, every())

    await jobs.create("a", {}, every())
    clock.advance(3)
    runs.meanwhile = update
    await worker.turn(runs.fire)
    runs.meanwhile = None
    job = await read(jobs)
    assert job.firing is None and job.number == 1 and job.triggered == 0
    clock.advance(3)
    await settle(worker, runs)
    assert runs.started == [("a", 1), ("a", 2)]


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
    async with asyncio.timeout(10):
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
    async with asyncio.timeout(10):
        while not runs.started:
            await asyncio.sleep(0)
            clock.advance(0.5 if clock.sleeping else 0)
        stop.set()
        await running


# Workers that are killed


class Workers:
    """Worker processes on one store."""

    def __init__(self, store: Store) -> None:
        self._options = store.options
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, dies: str = "") -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.engine.firing_worker"),
            *(self._options.url, self._options.namespace, dies),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        self.processes.append(process)
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        self.processes.remove(process)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store)
    yield running
    for process in list(running.processes):
        await running.kill(process)


async def names(tasks: Tasks) -> list[str]:
    found = [await tasks.get(one) for one in await tasks.page(tasks.index(), 0, 10_000)]
    return sorted(task.name for task in found if task is not None)


async def until_taken_over(store: Store, tasks: Tasks, jobs: ScheduledJobs) -> None:
    """Run a worker here until nothing is left of the firing of the dead one."""

    async def fire(job: ScheduledJob, firing: Firing) -> str:
        await tasks.create(new_task(job, firing), task_id=firing.run_id, once=firing.once)
        return firing.run_id

    worker = scheduler_of(store, tasks, "heir")
    async with asyncio.timeout(10):
        while (await read(jobs)).firing is not None:
            await asyncio.sleep(await worker.turn(fire))


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_a_worker_killed_in_the_middle_of_a_firing_is_replaced(
    store: Store, tasks: Tasks, workers: Workers, dies: str
) -> None:
    jobs = ScheduledJobs(store, SystemClock())
    made = await jobs.create("a", {}, every(repeatCount=0, startTime="2020-01-01T00:00:00"))
    victim = await workers.start(dies)
    async with asyncio.timeout(10):
        assert await victim.wait() == -signal.SIGKILL
    assert (await read(jobs)).firing is not None, "taken, and not acknowledged"
    assert len(await names(tasks)) == (0 if dies == "before" else 1)
    await until_taken_over(store, tasks, jobs)
    assert await names(tasks) == [f"a 1 {made.next}"]


async def test_a_task_that_is_gone_when_its_firing_is_taken_over_is_not_created_again(
    store: Store, tasks: Tasks, workers: Workers
) -> None:
    jobs = ScheduledJobs(store, SystemClock())
    await jobs.create("a", {}, every(repeatCount=0, startTime="2020-01-01T00:00:00"))
    victim = await workers.start("after")
    async with asyncio.timeout(10):
        await victim.wait()
    [created] = await tasks.page(tasks.index(), 0, 10)
    assert await tasks.delete(created) == "removed"
    await until_taken_over(store, tasks, jobs)
    assert await names(tasks) == [] and (await read(jobs)).last == created


async def test_workers_killed_at_random_fire_each_once(
    store: Store, tasks: Tasks, workers: Workers
) -> None:
    chance = random.Random(4)
    jobs = ScheduledJobs(store, SystemClock())
    count, repeats = 8, 15
    anchors = {}
    for number in range(count):
        start = (await jobs.create(f"job{number}", {}, None)).anchor + 500
        made = await jobs.update(
            f"job{number}",
            {},
            Schedule(every(200, repeatCount=repeats).timing, start=start),
            concurrent=True,
        )
        anchors[made.id] = made.anchor
    for _ in range(2):
        await workers.start()
    async with asyncio.timeout(30):
        while {job.state for job in await jobs.page()} != {scheduled.COMPLETE}:
            await asyncio.sleep(chance.uniform(0.05, 0.4))  # chance is the point
            await workers.kill(chance.choice(workers.processes))
            await workers.start()
    wanted = [
        f"{name} {number + 1} {anchor + number * 200}"
        for name, anchor in anchors.items()
        for number in range(repeats + 1)
    ]
    assert await names(tasks) == sorted(wanted)
