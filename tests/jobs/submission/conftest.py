"""Submitted jobs on a real store, whose tasks a test moves."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.submission.jobs import Jobs, Submission, Submitted
from odimra.jobs.submission.listing import Listing
from odimra.store import Store
from odimra.tasks import Change, NewTask, TaskOptions, Tasks, states
from tests.fakes import FakeClock

WAY = {
    "SUBMITTED": (),
    "RUNNING": (states.RUNNING,),
    "SUSPENDED": (states.RUNNING, states.SUSPENDED),
    "COMPLETED": (states.RUNNING, states.COMPLETED),
    "ERROR": (states.RUNNING, states.EXCEPTION),
    "ABORTED": (states.CANCELLED,),
}


class Desk:
    def __init__(self, store: Store, clock: FakeClock, **options: int) -> None:
        self.store = store
        self.clock = clock
        self.tasks = Tasks(store, TaskOptions(max_tasks=100_000), clock)
        self.jobs = Jobs(store, self.tasks, clock, **options)
        self.listing = Listing(store, self.jobs)

    async def submit(
        self,
        ext: str = "",
        *,
        user: str = "ann",
        contract: str = "c",
        action: str = "a",
        variables: dict[str, Any] | None = None,
        **fields: str,
    ) -> Submitted:
        given = {
            "queue": "q", "actor": "x", "type": "t", "trigger": "REST", "template_id": "1",
            "template_name": "n", "template_revision": "1", "lcid": "", **fields,
        }  # fmt: skip
        new = NewTask("kind", user)
        asked = Submission(user, contract, action, ext, variables or {}, given, new)
        return await self.jobs.submit(asked)

    async def bring(self, number: int, status: str) -> None:
        job = await self.jobs.read(number)
        assert job is not None
        for state in WAY[status]:
            await self.tasks.change(job.task, Change(state=state))

    async def status(self, number: int) -> str:
        job = await self.jobs.read(number)
        return "gone" if job is None else job.fields["status"]


@pytest.fixture
def desk(store: Store, clock: FakeClock) -> Desk:
    return Desk(store, clock)
