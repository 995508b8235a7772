"""Scheduled jobs and a worker that fires them, on a clock that the test moves."""

from __future__ import annotations

import pytest

from odimra.engine.scheduled import ScheduledJobs
from odimra.engine.scheduler import Scheduler, SchedulerOptions
from odimra.store import Store
from tests.engine.scheduling import Runs
from tests.fakes import FakeClock


@pytest.fixture
def jobs(store: Store, clock: FakeClock) -> ScheduledJobs:
    return ScheduledJobs(store, clock, limit=500)


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def worker(jobs: ScheduledJobs, clock: FakeClock, runs: Runs) -> Scheduler:
    return Scheduler(jobs, runs.is_going, clock, SchedulerOptions("one", batch=8))
