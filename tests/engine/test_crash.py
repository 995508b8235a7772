"""Workers are killed; no task is lost, doubled or stuck."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from odimra.clock import SystemClock
from odimra.store import Store
from odimra.tasks import NewTask, Tasks, states
from tests.engine.test_engine import until
from tests.engine.worker import engine_of


class Workers:
    """Worker processes on one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        options = self._store.options
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.engine.worker", options.url, options.namespace),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        self.processes.append(process)
        return process

    async def end(self, process: asyncio.subprocess.Process, number: int) -> None:
        if process.returncode is None:
            process.send_signal(number)
        await process.wait()
        if process in self.processes:
            self.processes.remove(process)


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store)
    yield running
    for process in list(running.processes):
        await running.end(process, signal.SIGKILL)


@pytest.fixture
async def tasks(store: Store) -> AsyncIterator[Tasks]:
    """Creates and hands over, but runs nothing itself."""
    async with engine_of(store) as engine:
        yield engine._tasks


def stepping(steps: int, pause: float) -> NewTask:
    return NewTask("steps", "ann", args={"steps": steps, "pause": pause})


async def test_a_killed_worker_s_task_is_interrupted_and_finished_by_another(
    tasks: Tasks, workers: Workers, store: Store
) -> None:
    first = await workers.start()
    created = await tasks.create(stepping(30, 0.05))
    async with asyncio.timeout(30):
        while ((await tasks.get(created.id)) or created).percent_complete < 20:
            await asyncio.sleep(0.01)
    await workers.end(first, signal.SIGKILL)
    await workers.start()
    ended = await until(tasks, created.id)
    assert ended.task_state == states.COMPLETED and ended.epoch == 2
    told = [message.message_id.rpartition(".")[2] for message in ended.messages]
    assert told == ["TaskStarted", "TaskPaused", "TaskResumed", "TaskCompletedOK"]
    counts = await store.call("HGETALL", store.keys.of("counts", created.id))
    assert len(counts) == 30
    # Only the step that was under way when the worker died may have been done again.
    assert sum(map(int, counts.values())) in (30, 31)


async def test_a_worker_told_to_stop_hands_its_tasks_back(
    tasks: Tasks, workers: Workers, store: Store
) -> None:
    first = await workers.start()
    long = await tasks.create(stepping(60, 0.05))
    await until(tasks, long.id, states.RUNNING)
    await workers.end(first, signal.SIGTERM)
    handed_back = await tasks.get(long.id)
    assert handed_back is not None and handed_back.task_state == states.INTERRUPTED
    await workers.start()
    assert (await until(tasks, long.id)).task_state == states.COMPLETED
    counts = await store.call("HGETALL", store.keys.of("counts", long.id))
    assert len(counts) == 60
    # Only the step in which it was told to may have been done again.
    assert sum(map(int, counts.values())) in (60, 61)


async def test_a_task_cancelled_while_no_worker_lives_stays_cancelled(
    tasks: Tasks, workers: Workers
) -> None:
    first = await workers.start()
    created = await tasks.create(stepping(1000, 0.05))
    await until(tasks, created.id, states.RUNNING)
    await workers.end(first, signal.SIGKILL)
    assert await tasks.cancel(created.id) == "cancelling"
    await workers.start()
    ended = await until(tasks, created.id)
    assert ended.task_state == states.CANCELLED and ended.percent_complete < 100


async def test_a_creator_that_dies_before_handing_over_loses_nothing(
    store: Store, workers: Workers
) -> None:
    from odimra.tasks import TaskOptions

    silent = Tasks(store, TaskOptions(resubmit_ms=100), SystemClock())
    created = await silent.create(stepping(1, 0))  # nobody is told
    await workers.start()
    assert (await until(silent, created.id)).task_state == states.COMPLETED


async def test_workers_killed_at_random_finish_everything_once(
    tasks: Tasks, workers: Workers, store: Store
) -> None:
    chance = random.Random(20)
    made = [await tasks.create(stepping(12, 0.02)) for _ in range(40)]
    for _ in range(2):
        await workers.start()
    for _ in range(4):
        await asyncio.sleep(chance.uniform(0.1, 0.5))  # chance is the point
        await workers.end(chance.choice(workers.processes), signal.SIGKILL)
        await workers.start()
    for created in made:
        ended = await until(tasks, created.id)
        assert ended.task_state == states.COMPLETED
        counts = await store.call("HGETALL", store.keys.of("counts", created.id))
        assert sorted(map(int, counts)) == list(range(12))
        # Each interruption may repeat the one step that was under way.
        assert sum(map(int, counts.values())) <= 12 + ended.epoch - 1
        effect = await store.documents.read(store.keys.of("machine", created.id))
        assert effect is not None and effect.version == 1, "the end took effect once"
