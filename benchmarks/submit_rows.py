"""The rows about submitted jobs: how fast they are made, and what a page costs at any number."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import targets
from benchmarks.load import Request, run
from benchmarks.rows import Plan, Row
from benchmarks.sequence import seconds_each
from odimra.clock import SystemClock
from odimra.jobs.submission.jobs import Jobs, Submission
from odimra.store import Store, StoreOptions
from odimra.tasks import Change, NewTask, TaskOptions, Tasks
from odimra.tasks.states import COMPLETED, RUNNING

JOBS = "/ghibli-rest/v2/job-manager/jobs"
PAGE = f"{JOBS}?status=COMPLETED&contract=machines&contractAction=rehearse&maxItems=100"
BATCH = 250


def sizes() -> list[int]:
    """Return BENCH_JOBS, numbers of jobs separated by commas; else the two of the aim."""
    return [int(word) for word in os.environ.get("BENCH_JOBS", "1000,1000000").split(",")]


async def fill(url: str, count: int, told: Callable[[int], None]) -> None:
    """Submit `count` jobs and have their tasks end, by the steps of the service; the tasks go."""
    store = await Store.open(StoreOptions(url, timeout=60, cache_entries=0))
    clock = SystemClock()
    tasks = Tasks(store, TaskOptions(max_tasks=2 * BATCH), clock)
    jobs = Jobs(store, tasks, clock, most=count + 1)
    fields = {
        "queue": "machines", "actor": "data-centre", "type": "OPERATION", "trigger": "REST",
        "template_id": "3", "template_name": "rehearse", "template_revision": "1", "lcid": "",
    }  # fmt: skip

    async def one(number: int) -> None:
        contract = "machines" if number % 2 else "records"
        asked = Submission(
            "admin", contract, "rehearse", f"k{number}", {}, fields, NewTask("scenario", "admin")
        )
        made = (await jobs.submit(asked)).job
        await tasks.change(made.task, Change(state=RUNNING))
        await tasks.change(made.task, Change(state=COMPLETED))

    for done in range(0, count, BATCH):
        await asyncio.gather(*(one(done + at) for at in range(min(BATCH, count - done))))
        told(done + BATCH)
    await store.close()


def submitting(plan: Plan) -> list[Row]:
    """Submits and duplicates per second."""
    with targets.stack(None, "--no-worker") as stack:
        pattern = stack.reset()
        made = '{"contractName":"machines","actionName":"rehearse"}'
        keyed = '{"contractName":"machines","actionName":"rehearse","extIPID":"k"}'
        url = pattern.url.partition("/redfish/")[0] + JOBS
        stack.client.post(
            JOBS, {"contractName": "machines", "actionName": "rehearse", "extIPID": "k"}
        )
        rows = []
        for name, body, status in (("submits", made, 201), ("duplicates", keyed, 409)):
            request = Request(url, "POST", pattern.headers, body, status)
            figure = run(request, seconds=plan.seconds)
            note = f"POST answered {status}, 32 connections, no worker"
            rows.append(Row(f"{name}_per_second", figure.per_second, "1/s", note=note))
    return rows


def listing(plan: Plan) -> list[Row]:
    """A page of three filters at each number of jobs, as ratio of time to the smallest."""
    with ExitStack() as running:
        stacks: dict[int, targets.Stack] = {}
        for size in sizes():
            url = running.enter_context(targets.store_server())

            def told(done: int, of: int = size) -> None:
                if done % 100_000 == 0:
                    plan.tell(f"filled {done:,} of {of:,} jobs")

            asyncio.run(fill(url, size, told))
            stacks[size] = running.enter_context(targets.service_on(url, None, "--no-worker"))
            plan.tell(f"{size:,} jobs: {stacks[size].memory()[0] / 2**20:,.0f} MiB")
        taken: dict[int, list[float]] = {size: [] for size in stacks}
        for number in range(plan.rounds + 1):
            for size, stack in stacks.items():
                each = seconds_each(stack.get(PAGE), 50)
                if number:  # the first round warms up
                    taken[size].append(each)
    first, *others = taken
    note = ", ".join(f"{s:,}: {1e6 * statistics.median(v):,.0f} us" for s, v in taken.items())
    return [
        Row(
            f"jobs_page_at_{size}",
            statistics.median(a / b for a, b in zip(taken[size], taken[first], strict=True)),
            "ratio",
            1.3,
            at_least=False,
            note=note,
        )
        for size in others
    ]


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    submitting: ("submits_per_second", "duplicates_per_second"),
    listing: ("jobs_page_at_*",),
}
