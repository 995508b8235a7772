"""What becomes of tasks that are run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest

from odimra.clock import SystemClock
from odimra.engine import Engine, Registry, UnknownKind
from odimra.store import Store
from odimra.tasks import NewTask, Task, TaskOptions, Tasks, states
from tests.engine.kinds import Forever
from tests.engine.worker import engine_of

Make = Callable[..., "asyncio.Future[Task]"]


@pytest.fixture
async def engine(store: Store) -> AsyncIterator[Engine]:
    """A running engine."""
    stop = asyncio.Event()
    async with engine_of(store) as running:
        work = asyncio.create_task(running.work(stop))
        yield running
        stop.set()
        await work


@pytest.fixture
def tasks(engine: Engine) -> Tasks:
    """The engine's own view of the tasks, so that creating one hands it over."""
    return engine._tasks


async def until(tasks: Tasks, task_id: str, *wanted: str) -> Task:
    """Return the task as soon as it is in one of the states ``wanted`` (or any final one)."""
    async with asyncio.timeout(30):
        while True:
            task = await tasks.get(task_id)
            assert task is not None
            if task.task_state in (wanted or states.FINAL):
                return task
            await asyncio.sleep(0.005)


def new(kind: str, **values: object) -> NewTask:
    return NewTask(kind, "ann", **values)  # type: ignore[arg-type]


async def test_a_job_runs_to_its_end(tasks: Tasks, store: Store) -> None:
    task = await until(tasks, (await tasks.create(new("steps", args={"steps": 3}))).id)
    assert task.task_state == states.COMPLETED
    assert task.result is not None and task.result.body == {"steps": 3}
    effect = await store.documents.read(store.keys.of("machine", task.id))
    assert effect is not None and effect.fields == {"done": "yes"}
    assert task.args == {} and task.checkpoint is None, "what only the work needed has gone"


async def test_a_job_that_breaks_ends_its_task_and_keeps_its_reason_to_the_log(
    tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        task = await until(tasks, (await tasks.create(new("breaks"))).id)
    assert task.task_state == states.EXCEPTION
    assert task.task_status == "Critical"
    assert "Base.1.22.InternalError" in [message.message_id for message in task.messages]
    assert "secret" not in repr(task.messages) and "a secret reason" in caplog.text


async def test_a_result_that_is_too_long_to_be_kept_is_said_to_be(tasks: Tasks) -> None:
    task = await until(tasks, (await tasks.create(new("verbose"))).id)
    assert task.task_state == states.EXCEPTION
    assert task.result is not None and (task.result.status, task.result.body) == (507, None)
    assert "Base.1.22.InsufficientStorage" in [message.message_id for message in task.messages]


async def test_a_kind_nobody_knows_ends_its_task(tasks: Tasks) -> None:
    task = await until(tasks, (await tasks.create(new("unheard-of"))).id)
    assert task.task_state == states.EXCEPTION
    assert task.result is not None and task.result.status == 501


async def test_a_job_may_end_in_exception(tasks: Tasks) -> None:
    task = await until(tasks, (await tasks.create(new("refuses"))).id)
    assert (task.task_state, task.task_status) == (states.EXCEPTION, "Critical")
    assert task.result is not None and task.result.status == 409


@pytest.mark.parametrize("kind", ["forever", "deaf"])
async def test_a_running_job_is_cancelled_where_it_is(tasks: Tasks, kind: str) -> None:
    created = await tasks.create(new(kind))
    await until(tasks, created.id, states.RUNNING)
    assert await tasks.cancel(created.id) == "cancelling"
    assert (await until(tasks, created.id)).task_state == states.CANCELLED


async def test_cancellation_reaches_a_job_whose_signal_was_lost(store: Store, tasks: Tasks) -> None:
    created = await tasks.create(new("steps", args={"steps": 1000, "pause": 0.01}))
    await until(tasks, created.id, states.RUNNING)
    deaf = Tasks(store, TaskOptions(), SystemClock())  # it has nobody to signal with
    await deaf.cancel(created.id)
    assert (await until(tasks, created.id)).task_state == states.CANCELLED


@pytest.mark.parametrize(("gap", "pause"), [(0.0, 0.01), (0.02, 0.0)])
async def test_suspended_work_goes_on_from_its_checkpoint(
    tasks: Tasks, store: Store, gap: float, pause: float
) -> None:
    created = await tasks.create(new("steps", args={"steps": 40, "gap": gap, "pause": pause}))
    counted = store.keys.of("counts", created.id)
    async with asyncio.timeout(30):
        while not await store.call("HLEN", counted):
            await asyncio.sleep(0.002)
    await tasks.want(created.id, states.SUSPEND)
    assert (await until(tasks, created.id, states.SUSPENDED)).task_state == states.SUSPENDED
    # Whatever was done was recorded, too.
    assert await store.call("HLEN", counted) < 40
    await tasks.want(created.id, states.RUN)
    task = await until(tasks, created.id)
    assert task.task_state == states.COMPLETED
    counts = await store.call("HGETALL", store.keys.of("counts", task.id))
    assert len(counts) == 40 and set(counts.values()) == {b"1"}


@pytest.mark.parametrize("kind", ["torn", "slow"])
@pytest.mark.parametrize(
    ("then", "state"),
    [
        (states.CANCEL, states.CANCELLED),
        (states.RUN, states.COMPLETED),
        (states.SUSPEND, states.SUSPENDED),
    ],
)
async def test_what_is_asked_last_counts_when_a_job_comes_to_rest(
    tasks: Tasks, kind: str, then: str, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    created = await tasks.create(new(kind, args={"then": then}))
    ended = await until(tasks, created.id, state)
    assert ended.task_state == state
    if state == states.SUSPENDED:
        await tasks.want(created.id, states.RUN)
        assert (await until(tasks, created.id)).task_state == states.COMPLETED
    assert "Traceback" not in caplog.text and "refused" not in caplog.text


async def test_a_task_on_a_busy_target_follows_at_once(tasks: Tasks) -> None:
    both = [
        await tasks.create(new("steps", args={"steps": 3, "pause": 0.02}, target="/t"))
        for _ in range(2)
    ]
    ended = [await until(tasks, task.id) for task in both]
    assert [task.task_state for task in ended] == [states.COMPLETED] * 2
    first, second = sorted(ended, key=lambda task: task.end_time or 0)
    assert first.end_time is not None and second.end_time is not None
    assert second.end_time - first.end_time >= 40, "they did not run side by side"


async def test_completed_tasks_are_removed_in_their_time(
    tasks: Tasks, engine: Engine, store: Store
) -> None:
    task = await until(tasks, (await tasks.create(new("steps", args={"steps": 1}))).id)
    await engine._service.write({"auto_delete_minutes": 1})
    await engine.keep_house()
    assert await tasks.get(task.id) is not None
    key = store.keys.index("completed")
    await store.call("ZADD", key, (task.end_time or 0) - 61_000, task.id)
    await engine.keep_house()
    assert await tasks.get(task.id) is None


def test_two_kinds_of_one_name_are_refused() -> None:
    kinds = Registry()
    kinds.add(Forever())
    with pytest.raises(ValueError, match="forever"):
        kinds.add(Forever())
    with pytest.raises(UnknownKind):
        kinds.get("other")
