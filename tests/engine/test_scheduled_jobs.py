"""What scheduled jobs are, and what operators do to them."""

from __future__ import annotations

import random

import pytest

from odimra.engine import scheduled
from odimra.engine.scheduled import ScheduledJobs
from odimra.engine.scheduler import Scheduler
from odimra.store import (
    DocumentExists,
    DocumentMissing,
    LimitReached,
    Store,
    VersionMismatch,
)
from tests.engine.scheduling import MINUTE, Runs, every, read, settle
from tests.fakes import FakeClock


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
