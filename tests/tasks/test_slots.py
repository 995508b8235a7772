"""How many tasks run at once, who waits, and that nobody waits for ever."""

from __future__ import annotations

from odimra.store import Store
from odimra.tasks import Change, NewTask, Step, Tasks, states
from tests.fakes import FakeClock
from tests.tasks.conftest import a_task, events, read


async def claim(tasks: Tasks, task_id: str, kind_limit: int = 0, target_limit: int = 1) -> str:
    task = await read(tasks, task_id)
    outcome, _ = await tasks.claim(
        task_id,
        task.submission,
        state=states.RUNNING,
        kind_limit=kind_limit,
        target_limit=target_limit,
    )
    return outcome


async def complete(tasks: Tasks, task_id: str) -> list[str]:
    handed: list[Step] = []
    tasks.dispatch = handed.append
    await tasks.change(task_id, Change(state=states.COMPLETED))
    return [one.rpartition(".")[0] for step in handed for one in step.submit]


async def make(tasks: Tasks, clock: FakeClock, count: int, **values: object) -> list[str]:
    made = []
    for _ in range(count):
        made.append((await tasks.create(a_task(**values))).id)
        clock.advance(1)
    return made


async def test_tasks_on_one_target_run_one_after_the_other(tasks: Tasks, clock: FakeClock) -> None:
    first, second, third = await make(tasks, clock, 3, target="/Systems/1")
    assert [await claim(tasks, one) for one in (first, third, second)] == [
        "ok",
        "waiting",
        "waiting",
    ]
    assert (await read(tasks, second)).task_state == states.PENDING
    assert await complete(tasks, first) == [second], "the longest-waiting one is next"
    assert await claim(tasks, second) == "ok"


async def test_a_kind_runs_no_more_than_its_limit(tasks: Tasks, clock: FakeClock) -> None:
    made = await make(tasks, clock, 4)
    outcomes = [await claim(tasks, one, kind_limit=2) for one in made]
    assert outcomes == ["ok", "ok", "waiting", "waiting"]


async def test_a_task_that_waits_elsewhere_lets_the_next_of_its_kind_through(
    tasks: Tasks, clock: FakeClock
) -> None:
    """Else a free slot of the kind would stand idle behind a busy target."""
    (busy,) = [(await tasks.create(NewTask("other", "ann", target="/t"))).id]
    assert await claim(tasks, busy) == "ok"
    (running,) = await make(tasks, clock, 1)
    blocked, free = (
        *await make(tasks, clock, 1, target="/t"),
        *await make(tasks, clock, 1),
    )
    for one in (running, blocked, free):
        await claim(tasks, one, kind_limit=1)
    assert await complete(tasks, running) == [blocked]
    handed: list[Step] = []
    tasks.dispatch = handed.append
    assert await claim(tasks, blocked, kind_limit=1) == "waiting"
    assert [one.rpartition(".")[0] for step in handed for one in step.submit] == [free]


async def test_a_cancelled_task_leaves_its_line(tasks: Tasks, clock: FakeClock) -> None:
    first, second, third = await make(tasks, clock, 3, target="/t")
    for one in (first, second, third):
        await claim(tasks, one)
    await tasks.cancel(second)
    assert await complete(tasks, first) == [third]


async def test_a_redelivered_task_keeps_its_slot(tasks: Tasks, clock: FakeClock) -> None:
    (first,) = await make(tasks, clock, 1, target="/t")
    assert await claim(tasks, first) == "ok"
    assert await claim(tasks, first) == "ok"
    assert (await read(tasks, first)).epoch == 2
    assert await events(tasks, first) == ["TaskStarted", "TaskPaused", "TaskResumed"]


async def test_a_leftover_hand_over_does_not_disturb_a_running_task(tasks: Tasks) -> None:
    task = await tasks.create(a_task())
    await claim(tasks, task.id)
    outcome, _ = await tasks.claim(task.id, 7, state=states.RUNNING, kind_limit=0, target_limit=0)
    assert outcome == "duplicate"
    assert (await read(tasks, task.id)).epoch == 1


async def test_the_sweep_hands_over_what_a_dead_process_did_not(
    tasks: Tasks, clock: FakeClock
) -> None:
    task = await tasks.create(a_task())
    handed: list[Step] = []
    tasks.dispatch = handed.append
    await tasks.sweep()
    assert not handed, "its creator has time to hand it over"
    clock.advance(31)
    await tasks.sweep()
    assert [step.submit for step in handed] == [(f"{task.id}.0",)]
    await claim(tasks, task.id)
    handed.clear()
    clock.advance(300)
    await tasks.sweep()
    assert not handed, "a task that was taken is the engine's matter"


async def test_the_sweep_wakes_a_line_before_a_free_slot(
    tasks: Tasks, store: Store, clock: FakeClock
) -> None:
    first, second = await make(tasks, clock, 2, target="/t")
    await claim(tasks, first)
    await claim(tasks, second)
    # As if the process that took the slot's freeing had died before it woke the line.
    await store.call("SREM", store.keys.of("queue", "slots", "target:/t"), first)
    handed: list[Step] = []
    tasks.dispatch = handed.append
    await tasks.sweep()
    assert [step.submit for step in handed] == [(f"{second}.1",)]


async def test_a_task_that_kills_its_workers_ends_in_exception(tasks: Tasks) -> None:
    task = await tasks.create(a_task())
    outcomes = [await claim(tasks, task.id) for _ in range(12)]
    assert outcomes == ["ok"] * 11 + ["exhausted"]
    assert (await read(tasks, task.id)).task_state == states.EXCEPTION


async def test_a_task_cancelled_while_no_worker_lived_is_not_run_again(tasks: Tasks) -> None:
    task = await tasks.create(a_task())
    await claim(tasks, task.id)
    assert await tasks.cancel(task.id) == "cancelling"
    assert await claim(tasks, task.id) == "cancelled"
    assert (await read(tasks, task.id)).task_state == states.CANCELLED


async def test_suspension_and_resumption(tasks: Tasks) -> None:
    task = await tasks.create(a_task())
    await tasks.want(task.id, states.SUSPEND)
    assert await claim(tasks, task.id) == "suspended"
    await tasks.want(task.id, states.RUN)
    assert await claim(tasks, task.id) == "ok"
    await tasks.want(task.id, states.SUSPEND)
    assert await tasks.change(task.id, Change(percent=5)) == states.SUSPEND
    await tasks.change(task.id, Change(state=states.SUSPENDED))
    handed: list[Step] = []
    tasks.dispatch = handed.append
    await tasks.want(task.id, states.RUN)
    assert (await read(tasks, task.id)).task_state == states.PENDING
    assert [one.rpartition(".")[0] for step in handed for one in step.submit] == [task.id]
