"""How items are put together in steps: as many as go together, and none done in vain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from odimra.jobs.bulk import batches
from odimra.jobs.bulk.steps import BulkOptions, Commit, Steps
from odimra.records.records import RecordOptions
from odimra.records.transaction import Transaction
from odimra.store import Store
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, replace, search

USERS = 40


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[Commit]:
    """What the steps wrote."""
    found: list[Commit] = []
    commit = Steps.commit

    async def committed(
        self: Steps, number: int, state: bytes, now: int, given: Commit
    ) -> tuple[str, int]:
        said = await commit(self, number, state, now, given)
        if said[0] == "ok":
            found.append(given)
        return said

    monkeypatch.setattr(Steps, "commit", committed)
    return found


def counting(yard: Yard, name: str, script: Any) -> Counter[str]:
    """Have a script run, and count how often it did for each object."""
    times = Counter[str]()

    async def run(bindings: Mapping[str, Any], change: Transaction) -> None:
        oid = bindings["input"]["oid"]
        times[oid] += 1
        await script(oid, change, times[oid])

    yard.scripts.named[name] = run
    return times


async def mark(oid: str, change: Transaction, time: int) -> None:
    await change.patch(TYPE, oid, [{"operation": "replace", "field": "/mine", "value": 1}], None)


async def test_as_many_items_as_are_said_are_one_step(store: Store, commits: list[Commit]) -> None:
    async with Yard(store, BulkOptions(flush_items=15)) as yard:
        yard.work()
        await yard.fill(USERS)
        await yard.run(pipeline(search(), {"@element": "modify", "delta": replace("a", "b")}))
    assert [len(one.writes) for one in commits if one.writes] == [15, 15, 10]


@pytest.mark.parametrize("handed_on", [False, True])
async def test_a_step_has_so_many_bytes(
    store: Store, commits: list[Commit], monkeypatch: pytest.MonkeyPatch, handed_on: bool
) -> None:
    monkeypatch.setattr(batches, "STEP_BYTES", 20_000)
    modify = {"@element": "modify", "delta": replace("a", "b")}
    order = {"query": {"paging": {"orderBy": "name"}}} if handed_on else {}
    async with Yard(store) as yard:
        yard.work()
        await yard.fill(USERS, much="x" * 1000)
        await yard.run(pipeline(search(**order), modify))
    sizes = [len(one.writes) for one in commits if one.writes]
    assert sum(sizes) == USERS and 5 <= max(sizes) <= 10


async def test_scripts_that_write_much_are_few_in_a_step(
    store: Store, commits: list[Commit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STEP_BYTES", 20_000)

    async def much(oid: str, change: Transaction, time: int) -> None:
        for number in range(20):
            await change.create("managed/role", {}, f"{oid}-{number}")

    async with Yard(store, BulkOptions(workers=2)) as yard:
        yard.work()
        times = counting(yard, "much", much)
        await yard.fill(USERS)
        await yard.run(pipeline(search(), action("execute-script", script="much")))
        assert await yard.records.count("managed/role") == 20 * USERS
    assert max(len(one.writes) for one in commits) <= 20 * (20_000 // (20 * 256) + 2)
    assert times.total() == USERS, "some were done in vain"


async def test_a_step_takes_so_much_time(store: Store, commits: list[Commit]) -> None:
    async def slow(oid: str, change: Transaction, time: int) -> None:
        await asyncio.sleep(0.02)
        await mark(oid, change, time)

    async with Yard(store, BulkOptions(workers=2, flush_seconds=0.05)) as yard:
        yard.work()
        times = counting(yard, "slow", slow)
        await yard.fill(USERS)
        await yard.run(pipeline(search(), action("execute-script", script="slow")))
    sizes = [len(one.writes) for one in commits if one.writes]
    assert sum(sizes) == USERS and max(sizes) <= 8
    assert times.total() == USERS, "some were done in vain"


async def test_a_change_by_others_costs_what_comes_behind_it_once(
    store: Store, commits: list[Commit]
) -> None:
    """What was done before it is written; it and those behind it are done again."""

    async def others(oid: str, change: Transaction, time: int) -> None:
        await mark(oid, change, time)
        if oid == name_of(30) and time == 1:
            await yard.records.update(TYPE, oid, {"name": oid, "theirs": 1}, None)

    async with Yard(store) as yard:
        yard.work()
        times = counting(yard, "others", others)
        await yard.fill(USERS)
        output = await yard.run(pipeline(search(), action("execute-script", script="others")))
        assert output.result["status"] == "success"
        assert await yard.content(name_of(30)) == {"name": name_of(30), "theirs": 1, "mine": 1}
    assert [len(one.writes) for one in commits if one.writes] == [30, 10]
    assert [times[name_of(number)] for number in range(USERS)] == [1] * 30 + [2] * 10


async def test_who_is_changed_all_the_time_does_not_have_others_done_again(
    store: Store,
) -> None:
    async def others(oid: str, change: Transaction, time: int) -> None:
        await mark(oid, change, time)
        if oid == name_of(10) and time <= 20:
            await yard.records.update(TYPE, oid, {"name": oid, "theirs": time}, None)

    async with Yard(store) as yard:
        yard.work()
        times = counting(yard, "others", others)
        await yard.fill(USERS)
        output = await yard.run(pipeline(search(), action("execute-script", script="others")))
        assert output.result["status"] == "success"
        assert await yard.content(name_of(10)) == {"name": name_of(10), "theirs": 20, "mine": 1}
    assert times.pop(name_of(10)) == 21
    assert max(times.values()) <= 3


async def test_records_that_there_is_no_room_for_do_not_have_others_done_again(
    store: Store,
) -> None:
    async def adds(oid: str, change: Transaction, time: int) -> None:
        await mark(oid, change, time)
        await change.create("managed/role", {"of": oid}, oid)

    options = BulkOptions(max_records=5)
    async with Yard(store, options, record_options=RecordOptions(max_records=USERS)) as yard:
        yard.work()
        times = counting(yard, "adds", adds)
        await yard.fill(USERS)
        script = pipeline(
            search(),
            action("execute-script", script="adds"),
            options={"continueOnAnyError": True},
        )
        output = await yard.run(script)
        assert await yard.records.count("managed/role") == 5
        marked = [one.id for one in await yard.records.page(TYPE, "", 100) if "mine" in one.content]
    assert marked == [name_of(number) for number in range(5)], "a turn is written whole or not"
    assert output.console.count("there are as many records of the type as may be, 5") == 35
    assert max(times.values()) <= 6 and times.total() <= 4 * USERS
