"""Scheduled scans: each fire starts one run, for the account whose job it is."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.engine import ScheduledJobs, Scheduler, SchedulerOptions, task_going
from odimra.jobs.invocation import BadJob, Job, Services, configured, run_of
from odimra.jobs.scanner.runs import Runs
from odimra.store import Store
from odimra.tasks import Change, Payload, Tasks, states
from tests.fakes import FakeClock
from tests.jobs.yard import context

MINUTE = 60_000
PAYLOAD = Payload("PUT", "/openidm/scheduler/job/due")


def a_job(**values: Any) -> Job:
    config = configured(
        {
            "type": "simple",
            "repeatInterval": MINUTE,
            "invokeService": "taskscanner",
            "invokeContext": context("true"),
            **values,
        }
    )
    return Job(config, "ann", PAYLOAD)


@pytest.fixture
def runs(store: Store, tasks: Tasks, clock: FakeClock) -> Runs:
    return Runs(store, tasks, clock)


@pytest.fixture
def services(runs: Runs, clock: FakeClock) -> Services:
    return Services(runs, clock)


@pytest.fixture
def jobs(store: Store, clock: FakeClock) -> ScheduledJobs:
    return ScheduledJobs(store, clock)


def scheduler(jobs: ScheduledJobs, tasks: Tasks, clock: FakeClock, node: str = "n") -> Scheduler:
    return Scheduler(jobs, task_going(tasks), clock, SchedulerOptions(node))


async def make(jobs: ScheduledJobs, job: Job) -> None:
    await jobs.create("due", job.stored(), job.schedule, concurrent=job.concurrent)


async def test_each_fire_starts_one_run_in_however_many_workers(
    jobs: ScheduledJobs, services: Services, runs: Runs, tasks: Tasks, clock: FakeClock
) -> None:
    await make(jobs, a_job())
    workers = [scheduler(jobs, tasks, clock, node) for node in ("one", "two")]
    for fires in range(1, 4):
        clock.advance(60 if fires > 1 else 3)
        for _ in range(2):
            for worker in workers:
                await worker.turn(services.fire())
        found = await runs.page(0, 10)
        assert len(found) == fires
    assert len({run.id for run in found}) == 3
    assert [run.id.rpartition("-")[2] for run in found] == ["1", "2", "3"]
    task = await tasks.get(f"task{found[0].id}")
    assert task is not None and (task.owner, task.name, task.payload) == ("ann", "due", PAYLOAD)
    assert run_of(task.id) == found[0].id


async def test_a_run_that_is_waited_for_holds_up_the_next(
    jobs: ScheduledJobs, services: Services, runs: Runs, tasks: Tasks, clock: FakeClock
) -> None:
    await make(jobs, a_job(invokeContext=context("true", waitForCompletion=True)))
    worker = scheduler(jobs, tasks, clock)
    clock.advance(3)
    await worker.turn(services.fire())
    job = await jobs.read("due")
    assert job is not None and job.state == "BLOCKED"
    clock.advance(60)
    await worker.turn(services.fire())
    (run,) = await runs.page(0, 10)
    for state in (states.RUNNING, states.COMPLETED):
        await tasks.change(f"task{run.id}", Change(state=state))
    for _ in range(4):
        clock.advance(1)
        await worker.turn(services.fire())
    assert len(await runs.page(0, 10)) == 2


async def test_a_firing_whose_worker_died_is_not_run_twice(
    jobs: ScheduledJobs, services: Services, runs: Runs, tasks: Tasks, clock: FakeClock
) -> None:
    await make(jobs, a_job())
    fire = services.fire()

    async def dies(job: Any, firing: Any) -> str | None:
        await fire(job, firing)
        raise RuntimeError("killed before it could say so")

    clock.advance(3)
    await scheduler(jobs, tasks, clock, "one").turn(dies)
    assert len(await runs.page(0, 10)) == 1
    clock.advance(11)
    await scheduler(jobs, tasks, clock, "two").turn(fire)
    assert len(await runs.page(0, 10)) == 1
    job = await jobs.read("due")
    assert job is not None and job.firing is None


async def test_a_job_that_cannot_run_says_so(
    jobs: ScheduledJobs, services: Services, runs: Runs, tasks: Tasks, clock: FakeClock
) -> None:
    # As another version of this service may have left it.
    await make(jobs, a_job(invokeContext={"scan": {}}))
    clock.advance(3)
    await scheduler(jobs, tasks, clock).turn(services.fire())
    job = await jobs.read("due")
    assert job is not None and job.state == "ERROR" and "taskState" in (job.error or "")
    assert await runs.page(0, 10) == []


async def test_a_job_is_what_was_kept_of_it() -> None:
    job = a_job(enabled=False)
    assert Job.load(job.stored()) == job
    assert job.schedule is None and job.service == "taskscanner"


def test_what_is_shown_of_a_job_is_not_what_it_is() -> None:
    shown = {**a_job().config, "_id": "x", "triggers": [], "nextRunDate": None}
    assert configured(shown) == a_job().config
    with pytest.raises(BadJob, match="colour"):
        configured({**shown, "colour": "red"})
