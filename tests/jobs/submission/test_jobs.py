"""Jobs are made once, follow their tasks, outlive them, and are forgotten in time."""

from __future__ import annotations

import asyncio

import pytest

from odimra.jobs.submission.jobs import JobsFull, Submission
from odimra.jobs.submission.model import STATUSES, key_of
from odimra.store import Store
from odimra.tasks import (
    Change,
    Guard,
    NewTask,
    TaskGuarded,
    TaskMessage,
    TaskServiceDisabled,
    TasksFull,
    states,
)
from tests.fakes import FakeClock
from tests.jobs.submission.conftest import WAY, Desk
from tests.support.keys import keys_of

DAY = 86_400


async def keys(store: Store) -> set[str]:
    return {one.removeprefix(store.keys.root) for one in await keys_of(store, "job")}


async def test_the_same_key_is_the_same_job(desk: Desk) -> None:
    first = await desk.submit("k")
    again = await desk.submit("k")
    assert (first.existed, again.existed, again.same) == (False, True, True)
    assert again.job.number == first.job.number
    other = await desk.submit("k", variables={"a": 1})
    assert (other.existed, other.same) == (True, False)
    assert await desk.tasks.count(desk.tasks.index()) == 1


async def test_without_a_key_each_is_a_new_one(desk: Desk) -> None:
    numbers = [(await desk.submit()).job.number for _ in range(3)]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("other", [{"user": "bob"}, {"contract": "d"}, {"action": "b"}])
async def test_a_key_is_of_a_user_a_contract_and_an_action(
    desk: Desk, other: dict[str, str]
) -> None:
    await desk.submit("k")
    assert not (await desk.submit("k", **other)).existed  # type: ignore[arg-type]


def test_parts_of_a_key_do_not_run_together() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")]
    assert len({key_of(user, contract, "", "") for user, contract in parts}) == 4


async def test_of_400_at_once_one_is_made(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.submit("k") for _ in range(400)))
    assert sum(not one.existed for one in found) == 1
    assert {one.job.number for one in found} == {1}
    assert await desk.tasks.count(desk.tasks.index()) == 1


async def test_what_is_refused_uses_no_key_up(desk: Desk, store: Store) -> None:
    await store.call("HSET", store.keys.of("setting", "task_service"), "enabled", "false")
    with pytest.raises(TaskServiceDisabled):
        await desk.submit("k")
    await store.call("HSET", store.keys.of("setting", "task_service"), "enabled", "true")
    refusing = Guard("local function guard(g) return {'never', g.why} end")
    new = NewTask("kind", "ann")
    with pytest.raises(TaskGuarded):
        await desk.jobs.submit(
            Submission("ann", "c", "a", "k", {}, {"queue": "q"}, new, [(refusing, {"why": "x"})])
        )
    assert await keys(store) == set()
    assert not (await desk.submit("k")).existed


async def test_a_submission_that_was_there_is_found_though_nothing_else_may_start(
    desk: Desk, store: Store
) -> None:
    first = await desk.submit("k")
    refusing = Guard("local function guard(g) return {'never'} end")
    again = await desk.jobs.submit(
        Submission("ann", "c", "a", "k", {}, {}, NewTask("kind", "ann"), [(refusing, None)])
    )
    assert again.existed and again.job.number == first.job.number


@pytest.mark.parametrize("status", STATUSES)
async def test_a_job_follows_its_task(desk: Desk, clock: FakeClock, status: str) -> None:
    number = (await desk.submit()).job.number
    clock.advance(5)
    await desk.bring(number, status)
    job = await desk.jobs.read(number)
    assert job is not None and job.fields["status"] == status
    moved = int(job.fields["updated"]) - int(job.fields["created"])
    assert moved == (0 if status == "SUBMITTED" else 5000)
    listed = await desk.store.call(
        "ZRANGE", desk.store.keys.of("jobs", "by", "status", status), 0, -1
    )
    assert listed == [b"1"]
    for other in set(STATUSES) - {status}:
        key = desk.store.keys.of("jobs", "by", "status", other)
        assert await desk.store.call("EXISTS", key) == 0


async def test_an_interrupted_job_runs(desk: Desk) -> None:
    number = (await desk.submit()).job.number
    await desk.bring(number, "RUNNING")
    job = await desk.jobs.read(number)
    assert job is not None
    await desk.tasks.change(job.task, Change(state=states.INTERRUPTED))
    assert await desk.status(number) == "RUNNING"


async def test_why_a_job_has_failed_is_kept(desk: Desk) -> None:
    number = (await desk.submit()).job.number
    await desk.bring(number, "RUNNING")
    job = await desk.jobs.read(number)
    assert job is not None
    why = TaskMessage("Odimra.1.0.ScanCannotRun", ("no query",), "Critical")
    await desk.tasks.change(job.task, Change(state=states.EXCEPTION, messages=(why,)))
    job = await desk.jobs.read(number)
    assert job is not None and "no query" in job.fields["message"]


async def test_a_job_outlives_its_task(desk: Desk) -> None:
    number = (await desk.submit("k")).job.number
    await desk.bring(number, "COMPLETED")
    job = await desk.jobs.read(number)
    assert job is not None
    await desk.tasks.delete(job.task)
    assert await desk.status(number) == "COMPLETED"
    assert (await desk.submit("k")).job.number == number


async def test_a_job_whose_task_is_deleted_is_aborted(desk: Desk) -> None:
    number = (await desk.submit()).job.number
    job = await desk.jobs.read(number)
    assert job is not None
    await desk.tasks.delete(job.task)
    assert await desk.status(number) == "ABORTED"


@pytest.mark.parametrize("status", STATUSES)
async def test_jobs_that_ended_long_ago_are_forgotten_with_their_keys(
    store: Store, clock: FakeClock, status: str
) -> None:
    desk = Desk(store, clock, keep=7 * DAY)
    await desk.submit("k", lcid="s1")
    await desk.bring(1, status)
    clock.advance(7 * DAY)
    assert await desk.jobs.forget() == 0
    clock.advance(1)
    ends = status in ("COMPLETED", "ERROR", "ABORTED")
    assert await desk.jobs.forget() == int(ends)
    if ends:
        assert await keys(store) == {"job_number"}
        assert not (await desk.submit("k")).existed
    else:
        assert (await desk.submit("k")).existed


async def test_many_are_forgotten_in_steps(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, keep=1)
    for number in range(1, 251):
        await desk.submit(f"k{number}")
        await desk.bring(number, "COMPLETED")
    clock.advance(2)
    assert await desk.jobs.forget() == 250
    assert await keys(store) == {"job_number"}


async def test_the_oldest_that_have_ended_make_room(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, most=3)
    for number in range(1, 4):
        await desk.submit(f"k{number}")
    with pytest.raises(JobsFull):
        await desk.submit()
    clock.advance(1)
    await desk.bring(2, "COMPLETED")
    clock.advance(1)
    await desk.bring(1, "COMPLETED")
    assert (await desk.submit()).job.number == 4
    assert [await desk.status(number) for number in range(1, 5)] == [
        "COMPLETED", "gone", "SUBMITTED", "SUBMITTED",
    ]  # fmt: skip


async def test_a_queue_runs_so_many_at_a_time(desk: Desk) -> None:
    limited = NewTask("kind", "ann", queue="q", queue_limit=2)
    made = [await desk.tasks.create(limited) for _ in range(3)]

    async def claim(at: int) -> str:
        outcome, _ = await desk.tasks.claim(
            made[at].id, 0, state=states.RUNNING, kind_limit=0, target_limit=1
        )
        return outcome

    assert [await claim(at) for at in range(3)] == ["ok", "ok", "waiting"]
    handed: list[str] = []
    desk.tasks.dispatch = lambda step: handed.extend(step.submit)
    await desk.tasks.change(made[0].id, Change(state=states.COMPLETED))
    assert [one.rpartition(".")[0] for one in handed] == [made[2].id]


async def test_a_job_waits_for_a_task_s_room_like_any_other(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock)
    desk.tasks.options = type(desk.tasks.options)(max_tasks=1, policy="Manual")
    await desk.submit("k1")
    with pytest.raises(TasksFull):
        await desk.submit("k2")
    assert await desk.store.call("ZCARD", store.keys.of("jobs", "all")) == 1


def test_every_way_is_known() -> None:
    assert set(WAY) == set(STATUSES)
