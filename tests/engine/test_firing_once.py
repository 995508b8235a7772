"""Scheduled jobs fire once, however many workers there are and whichever of them die."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from odimra.clock import SystemClock
from odimra.engine import scheduled
from odimra.engine.scheduled import Firing, ScheduledJob, ScheduledJobs
from odimra.engine.scheduler import CannotFire, Scheduler, SchedulerOptions, task_going
from odimra.engine.schedules import Schedule
from odimra.store import Store
from odimra.tasks import TaskExists, Tasks
from tests.engine.firing_worker import new_task, scheduler_of
from tests.engine.scheduling import Runs, every, read, settle
from tests.fakes import FakeClock


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
    async with asyncio.timeout(30):
        while (await read(jobs)).firing is not None:
            await asyncio.sleep(await worker.turn(fire))


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_a_worker_killed_in_the_middle_of_a_firing_is_replaced(
    store: Store, tasks: Tasks, workers: Workers, dies: str
) -> None:
    jobs = ScheduledJobs(store, SystemClock())
    made = await jobs.create("a", {}, every(repeatCount=0, startTime="2020-01-01T00:00:00"))
    victim = await workers.start(dies)
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
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
