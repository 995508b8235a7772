"""Workers are killed while they scan: each record's script has its effect once, and is counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from odimra.jobs.scanner import runs as states
from odimra.jobs.scanner.runs import TASK
from odimra.store import Store
from tests.jobs.killing import Workers
from tests.jobs.scripts import ok
from tests.jobs.yard import PythonScripts, Yard, context

RECORDS = 20_000


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store, "tests.jobs.scan_worker")
    yield running
    await running.end()


async def test_killed_workers_leave_nothing_out_and_do_nothing_twice(
    store: Store, workers: Workers
) -> None:
    chance = random.Random(4)
    async with Yard(store, PythonScripts(ok=ok)) as yard:
        await yard.fill(RECORDS, due=lambda n: n % 200, name=str)
        for _ in range(2):
            await workers.start()
        run_id = await yard.start(context(numberOfThreads=8))
        ended = asyncio.create_task(yard.ended(run_id))
        kills = 0
        while not ended.done():
            before = await yard.runs.read(run_id)
            # Chance is the point: in the selection, in a claim, in a script, in a settling.
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await workers.kill(0)
            await workers.start()
            kills += 1
            after = await yard.runs.read(run_id)
            assert before is not None and after is not None
            assert after.processed >= before.processed, "a counter has gone back"
        run = ended.result()
        task = await yard.tasks.get(TASK + run_id)
        contents = await yard.all()
    assert kills >= 3 and task is not None and task.epoch >= 2, "nobody was disturbed"
    meant = {key: content for key, content in contents.items() if content["due"] < 100}
    assert len(contents) == RECORDS and len(meant) == RECORDS // 2
    assert [key for key, content in meant.items() if content.get("count") != 1] == []
    assert all(content["state"]["done"] for content in meant.values())
    assert not any("state" in contents[key] for key in contents.keys() - meant.keys())
    assert (run.state, run.total, run.successes, run.failures) == (
        states.COMPLETED, len(meant), len(meant), 0,
    )  # fmt: skip
