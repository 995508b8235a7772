"""Others change records while a script does: nothing that anybody wrote is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from odimra.jobs.bulk.steps import BulkOptions, Commit, Steps
from odimra.records.transaction import Transaction
from odimra.store import Store
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, search

USERS = 30
MINE = {"itemDelta": {"modificationType": "add", "path": "mine", "value": "done"}}


@pytest.fixture
async def yard(store: Store) -> AsyncIterator[Yard]:
    async with Yard(store, BulkOptions(flush_items=10)) as made:
        made.work()
        yield made


Before = Callable[[Callable[[], Awaitable[Any]]], None]


@pytest.fixture
def before_a_step(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Has others do something once, before the first step that writes records."""
    commit = Steps.commit

    def others(do: Callable[[], Awaitable[Any]]) -> None:
        did = False

        async def committed(
            self: Steps, number: int, state: bytes, now: int, given: Commit
        ) -> tuple[str, int]:
            nonlocal did
            if not did and given.writes:
                did = True
                await do()
            return await commit(self, number, state, now, given)

        monkeypatch.setattr(Steps, "commit", committed)

    return others


async def bump(bindings: Mapping[str, Any], change: Transaction) -> None:
    """Count one more on the object."""
    id = bindings["input"]["oid"]
    await asyncio.sleep(0.001)
    await change.patch(TYPE, id, [{"operation": "increment", "field": "/mine", "value": 1}], None)


async def all_of(yard: Yard) -> dict[str, dict[str, Any]]:
    return {one.id: one.content for one in await yard.records.page(TYPE, "", 10_000)}


async def theirs(yard: Yard, counts: list[int], chance: random.Random, every: float = 0.0) -> None:
    """Count on objects by chance, ``every`` so many seconds, until it is cancelled."""
    while True:
        await asyncio.sleep(every)
        number = chance.randrange(len(counts))
        operation = {"operation": "increment", "field": "/theirs", "value": 1}
        patched = asyncio.create_task(yard.records.patch(TYPE, name_of(number), [operation], None))
        counts[number] += 1
        # One that is under way when it is cancelled is done to its end, and counted.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(patched)
            continue
        await patched
        return


@pytest.mark.parametrize(
    "unit",
    [
        action("execute-script", script="bump"),
        {"@element": "modify", "delta": {
            "itemDelta": {"modificationType": "replace", "path": "mine", "value": 1},
        }},
    ],
)  # fmt: skip
async def test_nothing_is_lost_where_others_write_all_the_time(yard: Yard, unit: Any) -> None:
    await yard.fill(USERS * 10, mine=0, theirs=0)
    yard.scripts.named["bump"] = bump
    counts = [0] * (USERS * 10)
    other = asyncio.create_task(theirs(yard, counts, random.Random(1)))
    output = await yard.run(pipeline(search(), unit))
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert output.result["status"] == "success", output.result
    found = await all_of(yard)
    assert sum(counts) > 30, "nobody else has written"
    assert [one["theirs"] for one in found.values()] == counts
    assert {one["mine"] for one in found.values()} == {1}
    names = [value["oid"] for value in await yard.values(output)]
    assert names == sorted(found) and len(output.console.splitlines()) == len(names)


async def test_runs_that_change_the_same_objects_do_not_undo_each_other(yard: Yard) -> None:
    await yard.fill(USERS, mine=0)
    yard.scripts.named["bump"] = bump
    script = pipeline(search(), action("execute-script", script="bump"))
    outputs = await asyncio.gather(*(yard.run(script) for _ in range(3)))
    assert {one.result["status"] for one in outputs} == {"success"}
    assert {one["mine"] for one in (await all_of(yard)).values()} == {3}


async def test_items_of_one_batch_may_change_the_same_object(yard: Yard) -> None:
    async def count_all(bindings: Mapping[str, Any], change: Transaction) -> None:
        for id in (name_of(0), name_of(USERS - 1)):
            operation = {"operation": "increment", "field": "/mine", "value": 1}
            await change.patch(TYPE, id, [operation], None)

    await yard.fill(USERS, mine=0)
    yard.scripts.named["count"] = count_all
    output = await yard.run(pipeline(search(), action("execute-script", script="count")))
    assert output.result["status"] == "success"
    found = await all_of(yard)
    assert [one["mine"] for one in found.values()] == [USERS, *[0] * (USERS - 2), USERS]


async def test_one_object_may_be_there_many_times(yard: Yard) -> None:
    await yard.fill(1, mine=0)
    yard.scripts.named["bump"] = bump
    reference = {"oid": name_of(0), "type": "UserType"}
    output = await yard.run(
        pipeline(
            action("resolve"),
            action("execute-script", script="bump"),
            input={"value": [reference] * 25},
        )
    )
    assert output.result["status"] == "success"
    assert [value["mine"] for value in await yard.values(output)] == list(range(1, 26))


async def test_what_others_read_in_between_is_a_whole_turn(yard: Yard) -> None:
    """A turn that writes two objects is never seen half done, nor done half."""

    async def move(bindings: Mapping[str, Any], change: Transaction) -> None:
        for id, value in ((name_of(0), -1), (name_of(1), 1)):
            operation = {"operation": "increment", "field": "/mine", "value": value}
            await change.patch(TYPE, id, [operation], None)

    await yard.fill(2, mine=0, theirs=0)
    yard.scripts.named["move"] = move
    counts = [0, 0]
    other = asyncio.create_task(theirs(yard, counts, random.Random(2), 0.003))
    script = pipeline(action("execute-script", script="move"), input={"value": list(range(USERS))})
    ended = asyncio.create_task(yard.run(script))
    while not ended.done():
        first, second = await yard.records.page(TYPE, "", 2)
        assert first.content["mine"] == -second.content["mine"]
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert (await ended).result["status"] == "success"
    assert [(one["mine"], one["theirs"]) for one in (await all_of(yard)).values()] == [
        (-USERS, counts[0]), (USERS, counts[1]),
    ]  # fmt: skip


def tagged(value: str) -> dict[str, Any]:
    return search(query={"filter": {"equal": {"path": "tag", "value": value}}})


async def test_what_is_no_more_as_it_was_searched_for_is_left_alone(
    yard: Yard, before_a_step: Before
) -> None:
    await yard.fill(USERS, tag="old")

    async def others() -> None:
        await yard.records.update(TYPE, name_of(3), {"name": "3", "tag": "new"}, None)

    before_a_step(others)
    output = await yard.run(pipeline(tagged("old"), {"@element": "modify", "delta": MINE}))
    assert output.result["status"] == "success", output.result
    found = await all_of(yard)
    assert found.pop(name_of(3)) == {"name": "3", "tag": "new"}
    assert {one["mine"] for one in found.values()} == {"done"}
    assert len(output.console.splitlines()) == USERS - 1 == len(await yard.values(output))


async def test_what_was_deleted_since_it_was_found_is_left_out(
    yard: Yard, before_a_step: Before
) -> None:
    await yard.fill(USERS)
    before_a_step(lambda: yard.records.delete(TYPE, name_of(3), None))
    output = await yard.run(pipeline(search(), {"@element": "modify", "delta": MINE}))
    assert output.result["status"] == "success", output.result
    found = await all_of(yard)
    assert len(found) == USERS - 1 and {one["mine"] for one in found.values()} == {"done"}
    assert len(output.console.splitlines()) == USERS - 1 == len(await yard.values(output))


async def test_who_was_made_anew_under_the_same_name_is_looked_at_again(
    yard: Yard, before_a_step: Before
) -> None:
    await yard.fill(USERS, tag="old")

    async def others() -> None:
        await yard.records.delete(TYPE, name_of(3), None)
        await yard.records.create(TYPE, {"name": "another"}, name_of(3))

    before_a_step(others)
    output = await yard.run(pipeline(tagged("old"), {"@element": "delete"}))
    assert output.result["status"] == "success", output.result
    assert await all_of(yard) == {name_of(3): {"name": "another"}}
