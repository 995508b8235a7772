"""Sources are added, changed and removed by the steps that end tasks; no address is there twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odimra.aggregation.sources import Source, Sources, new_source_id
from odimra.store import Store
from odimra.tasks import Change, Effect, NewTask, TaskGuarded, TaskOptions, Tasks, states
from odimra.tasks.tasks import new_id
from tests.fakes import FakeClock

BASE = "https://10.0.0.1"


def a_source(base: str = BASE, **values: str) -> Source:
    return Source(
        id=new_source_id(), host_name="10.0.0.1", base=base, user="root", sealed="xyz",
        verify="ca", method="Redfish", created=values.pop("created", 1), **values,
    )  # fmt: skip


class Desk:
    def __init__(self, store: Store, clock: FakeClock, most: int = 3) -> None:
        self.store = store
        self.tasks = Tasks(store, TaskOptions(), clock)
        self.sources = Sources(store, most=most)

    async def begin(self, base: str, source_id: str, *, new: bool = True) -> str:
        task_id = new_id()
        guard, claim = self.sources.claim(base, source_id, task_id, new=new)
        task = NewTask("source-add", "ann", scratch=[claim])
        await self.tasks.create(task, task_id=task_id, guards=[guard])
        return task_id

    async def end(self, task_id: str, state: str, effects: tuple[Effect, ...] = ()) -> None:
        await self.tasks.change(task_id, Change(state=states.RUNNING))
        await self.tasks.change(task_id, Change(state=state, effects=effects))

    async def add(self, source: Source) -> None:
        task = await self.begin(source.base, source.id)
        await self.end(task, states.COMPLETED, self.sources.added(source))


@pytest.fixture
def desk(store: Store, clock: FakeClock) -> Desk:
    return Desk(store, clock)


async def test_a_source_is_there_with_the_end_of_its_task(desk: Desk) -> None:
    source = a_source()
    task = await desk.begin(BASE, source.id)
    assert await desk.sources.get(source.id) is None
    assert await desk.sources.all() == ()
    await desk.end(task, states.COMPLETED, desk.sources.added(source))
    assert await desk.sources.get(source.id) == replace(source, version=1)
    assert await desk.sources.all() == (replace(source, version=1),)
    assert await desk.sources.at(BASE) == source.id


async def test_an_address_is_given_once(desk: Desk) -> None:
    source = a_source()
    task = await desk.begin(BASE, source.id)
    with pytest.raises(TaskGuarded) as refused:
        await desk.begin(BASE, "b" * 12)
    assert refused.value.why == ("claimed", task)
    await desk.end(task, states.COMPLETED, desk.sources.added(source))
    with pytest.raises(TaskGuarded) as refused:
        await desk.begin(BASE, "b" * 12)
    assert refused.value.why == ("exists", source.id)


async def test_an_address_is_free_when_its_task_has_failed(desk: Desk) -> None:
    await desk.end(await desk.begin(BASE, "a" * 12), states.EXCEPTION)
    await desk.begin(BASE, "b" * 12)


async def test_there_are_no_more_than_may_be(desk: Desk) -> None:
    for number in range(3):
        await desk.add(a_source(f"https://10.0.0.{number}"))
    with pytest.raises(TaskGuarded) as refused:
        await desk.begin("https://10.0.0.9", "b" * 12)
    assert refused.value.why == ("full",)


async def test_a_source_moves_to_another_address(desk: Desk) -> None:
    other, source = a_source("https://10.0.0.2"), a_source()
    await desk.add(other)
    await desk.add(source)
    with pytest.raises(TaskGuarded) as refused:
        await desk.begin(other.base, source.id, new=False)
    assert refused.value.why == ("exists", other.id)
    with pytest.raises(TaskGuarded) as refused:
        await desk.begin("https://10.0.0.3", "c" * 12, new=False)
    assert refused.value.why == ("missing",)
    moved = replace(source, base="https://10.0.0.3", user="other")
    task = await desk.begin(moved.base, source.id, new=False)
    await desk.end(task, states.COMPLETED, desk.sources.changed(source, moved))
    assert await desk.sources.get(source.id) == replace(moved, version=2)
    assert await desk.sources.at(BASE) is None
    assert await desk.sources.at(moved.base) == source.id


async def test_a_removed_source_leaves_nothing(desk: Desk) -> None:
    source = a_source()
    await desk.add(source)
    task = await desk.tasks.create(NewTask("source-remove", "ann"))
    await desk.end(task.id, states.COMPLETED, desk.sources.removed(source))
    assert await desk.sources.get(source.id) is None
    assert await desk.sources.all() == ()
    assert await desk.sources.at(BASE) is None
    left = await desk.store.call("EXISTS", desk.sources.key(source.id))
    assert left == 0


async def test_each_change_is_told(desk: Desk) -> None:
    source = a_source()
    await desk.add(source)
    task = await desk.tasks.create(NewTask("source-remove", "ann"))
    await desk.end(task.id, states.COMPLETED, desk.sources.removed(source))
    entries = await desk.store.call("XRANGE", desk.store.keys.events, "-", "+")
    told = [
        entry[b"message"]
        for _, entry in entries
        if entry.get(b"resource_type") == b"AggregationSource"
    ]
    assert told == [b"ResourceCreated", b"ResourceRemoved"]
