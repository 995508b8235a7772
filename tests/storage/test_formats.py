"""The mark of the format, and the ways from one to another."""

from __future__ import annotations

import asyncio

import pytest

from odimra import formats
from odimra.store import Store
from odimra.store.format import NEWEST, UNFINISHED, Format, Mark, WrongFormat, check
from odimra.tasks import Change, Tasks, states
from odimra.tasks.tallies import Tallies
from tests.tasks.conftest import bring


def nothing(_: str) -> None:
    """Nobody looks how far it is."""


async def unmark(store: Store) -> None:
    """Make of a store one that an older version has written."""
    keys = store.keys
    await store.call("DEL", keys.of("format"), keys.of("tally"), keys.of("totals"))


async def test_an_empty_store_gets_the_newest(store: Store) -> None:
    assert (await Format(store).look()).format == NEWEST
    assert (await Format(store).look()).format == NEWEST


async def test_one_that_was_used_and_has_no_mark_is_of_the_first(
    store: Store, tasks: Tasks
) -> None:
    await bring(tasks, states.NEW)
    await unmark(store)
    assert await Format(store).look() == Mark(1, "")
    with pytest.raises(WrongFormat, match="store upgrade"):
        check(await Format(store).look())


async def test_up_and_down_and_up_again(store: Store, tasks: Tasks) -> None:
    tallies = Tallies(tasks)
    for state in (states.COMPLETED, states.RUNNING, states.RUNNING):
        await bring(tasks, state)
    truth = await tallies.by_kind_and_state()
    await unmark(store)
    said: list[str] = []
    assert (await formats.upgrade(store, said.append)).format == NEWEST
    assert said == ["format 2: 3 tasks counted"]
    assert await tallies.by_kind_and_state() == truth
    assert (await formats.downgrade(store, 1, nothing)).format == 1
    assert await store.call("EXISTS", store.keys.of("tally"), store.keys.of("totals")) == 0
    # What an older version does meanwhile it does not count.
    task = await bring(tasks, states.RUNNING)
    await tasks.change(task.id, Change(state=states.COMPLETED))
    await formats.upgrade(store, nothing)
    assert await tallies.by_kind_and_state() == {
        ("test", states.COMPLETED): 2,
        ("test", states.RUNNING): 2,
    }


async def test_who_is_killed_in_the_middle_has_changed_nothing(
    store: Store, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await bring(tasks, states.COMPLETED)
    await unmark(store)
    monkeypatch.setattr("odimra.tasks.recount.BATCH", 2)
    call, seen = store.script, 0

    async def dies(*args: object, **values: object) -> object:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt
        return await call(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "script", dies)
    with pytest.raises(KeyboardInterrupt):
        await formats.upgrade(store, nothing)
    monkeypatch.setattr(store, "script", call)
    assert (await Format(store).look()).format == 1
    assert await Tallies(tasks).by_kind_and_state() == {}
    await formats.upgrade(store, nothing)
    assert await Tallies(tasks).by_kind_and_state() == {("test", states.COMPLETED): 5}


async def test_several_at_once_come_to_the_same(store: Store, tasks: Tasks) -> None:
    for _ in range(5):
        await bring(tasks, states.COMPLETED)
    await unmark(store)
    stop = asyncio.Event()
    await asyncio.gather(*(formats.ensure(store, stop, own=True) for _ in range(4)))
    assert await Tallies(tasks).by_kind_and_state() == {("test", states.COMPLETED): 5}
    assert (await Format(store).look()).format == NEWEST


async def test_a_shared_store_is_not_changed_by_a_start(store: Store, tasks: Tasks) -> None:
    await bring(tasks, states.NEW)
    await unmark(store)
    with pytest.raises(WrongFormat, match="upgrade"):
        await formats.ensure(store, asyncio.Event(), own=False)
    assert (await Format(store).look()).format == 1


@pytest.mark.parametrize("own", [True, False])
async def test_a_newer_format_is_refused_and_stays(store: Store, own: bool) -> None:
    await store.call("HSET", store.keys.of("format"), "format", NEWEST + 1, "by", "9.9.9")
    with pytest.raises(WrongFormat, match=r"format 3.*9\.9\.9"):
        await formats.ensure(store, asyncio.Event(), own=own)
    for refused in (formats.upgrade(store, nothing), formats.downgrade(store, 1, nothing)):
        with pytest.raises(WrongFormat):
            await refused
    assert (await Format(store).look()).format == NEWEST + 1


async def test_half_a_restore_is_refused(store: Store) -> None:
    await store.call("HSET", store.keys.of("format"), "format", UNFINISHED, "by", "1")
    with pytest.raises(WrongFormat, match="restore"):
        await formats.ensure(store, asyncio.Event(), own=True)
    with pytest.raises(WrongFormat, match="restore"):
        await formats.upgrade(store, nothing)


@pytest.mark.parametrize("to", [0, 3, -1])
async def test_there_is_no_such_way_down(store: Store, to: int) -> None:
    await Format(store).look()
    with pytest.raises(WrongFormat, match="--to"):
        await formats.downgrade(store, to, nothing)
