"""The steps of a scan: done once however often they are sent, and by nobody who was replaced."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from odimra.jobs.scanner.runs import KIND
from odimra.jobs.scanner.steps import FAILURES, SUCCESSES, RunKeys, Settled, Steps
from odimra.records.records import RecordOptions, Records
from odimra.records.transaction import Write
from odimra.store import Store
from odimra.tasks import Fenced, NewTask, Tasks, states
from tests.fakes import FakeClock

TYPE = "managed/user"


@pytest.fixture
def records(store: Store, clock: FakeClock) -> Records:
    return Records(store, RecordOptions(), clock)


async def taken(tasks: Tasks, task_id: str) -> int:
    """Have a worker take the task; return its epoch."""
    outcome, task = await tasks.claim(
        task_id, 0, state=states.RUNNING, kind_limit=0, target_limit=0
    )
    assert outcome == "ok" and task is not None
    return task.epoch


@pytest.fixture
async def run(store: Store, tasks: Tasks) -> tuple[str, Steps]:
    """A run, and the steps of the worker that has it."""
    task = await tasks.create(NewTask(KIND, "ann"))
    steps = Steps(store, task.id, await taken(tasks, task.id), TYPE)
    await steps.begin(1)
    return task.id, steps


async def counters(store: Store, task_id: str) -> dict[str, int]:
    reply = await store.call("HGETALL", RunKeys.of(store, task_id).counters)
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): int(value) for name, value in pairs if name != b"cursor"}


def written(record_id: str, rev: str, content: Any) -> Write:
    return Write(TYPE, record_id, rev, orjson.dumps(content))


async def test_a_worker_that_was_replaced_does_nothing(
    run: tuple[str, Steps], store: Store, tasks: Tasks, records: Records
) -> None:
    task_id, old = run
    await records.create(TYPE, {"n": 1}, "a")
    await old.select("", "a", ["a"], end=True)
    await old.claim(10**15, [("a", "1", b'{"n":2}')])
    new = Steps(store, task_id, await taken(tasks, task_id), TYPE)
    before = await store.call("HGETALL", records.key(TYPE, "a"))
    settled = Settled(0, SUCCESSES, "a", [written("a", "2", {"n": 3})])
    for step in (
        old.begin(2),
        old.select("a", "b", ["b"], end=True),
        old.next(0, 10),
        old.claim(10**15, [("a", "2", b"{}")]),
        old.renew(10**15, ["a"]),
        old.settle([settled]),
    ):
        with pytest.raises(Fenced):
            await step
    assert await store.call("HGETALL", records.key(TYPE, "a")) == before
    assert SUCCESSES not in await counters(store, task_id)
    assert await new.settle([settled]) == ["lost"], "it has to claim the record itself"
    assert (await records.read(TYPE, "a")).content == {"n": 2}


async def test_nothing_is_done_for_a_run_that_has_ended(
    run: tuple[str, Steps], tasks: Tasks
) -> None:
    task_id, steps = run
    await tasks.cancel(task_id)
    from odimra.tasks import Change

    await tasks.change(task_id, Change(state=states.CANCELLED))
    with pytest.raises(Fenced):
        await steps.settle([Settled(0, FAILURES)])


async def test_a_page_that_is_sent_again_is_added_once(
    run: tuple[str, Steps], store: Store
) -> None:
    task_id, steps = run
    for _ in range(2):
        await steps.select("", "c", ["a", "c"], end=False)
    for _ in range(2):
        await steps.select("c", "d", ["d"], end=True)
    await steps.select("d", "e", ["e"], end=True)
    assert (await counters(store, task_id))["total"] == 3
    assert [one for one, _ in await steps.next(0, 10)] == ["a", "c", "d"]


async def test_a_claim_that_is_sent_again_is_one_claim(
    run: tuple[str, Steps], records: Records
) -> None:
    _, steps = run
    await records.create(TYPE, {"n": 1}, "a")
    await records.create(TYPE, {"n": 1}, "b")
    await records.update(TYPE, "b", {"n": 2})
    wanted = [("a", "1", b'{"n":7}'), ("b", "1", b'{"n":7}')]
    for _ in range(2):
        assert await steps.claim(10**15, wanted) == ["2", None]
    assert (await records.read(TYPE, "a")).rev == "2"
    assert (await records.read(TYPE, "b")).content == {"n": 2}


async def test_what_is_settled_again_counts_once(
    run: tuple[str, Steps], store: Store, records: Records
) -> None:
    task_id, steps = run
    for name in "abc":
        await records.create(TYPE, {"n": 1}, name)
    await steps.select("", "c", ["a", "b", "c"], end=True)
    await steps.claim(10**15, [(name, "1", b'{"n":2}') for name in "abc"])
    # Out of order: the second and the third come before the first.
    later = [
        Settled(2, FAILURES, "c"),
        Settled(1, SUCCESSES, "b", [written("b", "2", {"n": 3})]),
    ]
    for _ in range(2):
        assert await steps.settle(later) == ["ok", "ok"]
    found = await counters(store, task_id)
    assert (found[SUCCESSES], found[FAILURES], found.get("trimmed", 0)) == (1, 1, 0)
    assert await steps.next(0, 10) == [("a", False), ("b", True), ("c", True)]
    first = Settled(0, SUCCESSES, "a", [written("a", "2", {"n": 3})])
    for _ in range(2):
        assert await steps.settle([first]) == ["ok"]
    found = await counters(store, task_id)
    assert (found[SUCCESSES], found[FAILURES], found["trimmed"]) == (2, 1, 3)
    assert await steps.next(3, 10) == []
    keys = RunKeys.of(store, task_id)
    assert await store.call("EXISTS", keys.pending, keys.settled) == 0
    assert {name: (await records.read(TYPE, name)).rev for name in "abc"} == {
        "a": "3", "b": "3", "c": "2",
    }  # fmt: skip


async def test_all_that_a_script_wrote_or_nothing(
    run: tuple[str, Steps], store: Store, records: Records
) -> None:
    task_id, steps = run
    await records.create(TYPE, {"n": 1}, "a")
    await records.create(TYPE, {"n": 1}, "b")
    await steps.claim(10**15, [("a", "1", b'{"n":2}')])
    await records.update(TYPE, "b", {"n": 9})
    both = [written("a", "2", {"n": 3}), written("b", "1", {"n": 3}), written("new", "", {})]
    assert await steps.settle([Settled(0, SUCCESSES, "a", both)]) == ["changed"]
    assert (await records.read(TYPE, "a")).content == {"n": 2}
    assert await records.count(TYPE) == 2 and SUCCESSES not in await counters(store, task_id)
    both[1] = written("b", "2", {"n": 3})
    assert await steps.settle([Settled(0, SUCCESSES, "a", both)]) == ["ok"]
    assert [(await records.read(TYPE, one)).content for one in ("a", "b", "new")] == [
        {"n": 3}, {"n": 3}, {},
    ]  # fmt: skip
    assert await store.call("HMGET", records.key(TYPE, "a"), "claim", "lease") == [None, None]
