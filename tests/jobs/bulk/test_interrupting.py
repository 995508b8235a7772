"""Runs that are suspended, cancelled, deleted and begun anew while the engine has them in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from odimra.jobs.bulk import finding
from odimra.jobs.bulk.finding import Finder
from odimra.tasks import Task, states
from tests.jobs.bulk.yard import TYPE, Yard, action, name_of, pipeline, replace, search
from tests.support.keys import keys_of

COUNT = 60
LAST = {"query": {"filter": {"text": f'name = "{name_of(COUNT - 1)}"'}}}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make pages small, and have the places from which they were read listed."""
    read: list[str] = []
    page = Finder._page

    async def noted(finder: Finder) -> None:
        read.append(finder.place[0])
        await page(finder)

    monkeypatch.setattr(finding, "PAGE", 2)
    monkeypatch.setattr(finding, "PAGES", 3)
    monkeypatch.setattr(Finder, "_page", noted)
    return read


async def when(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.001)


async def state(yard: Yard, oid: str, *wanted: str) -> Task:
    async with asyncio.timeout(30):
        while True:
            task = await yard.runs.find(oid)
            assert task is not None
            if task.task_state in wanted:
                return task
            await asyncio.sleep(0.005)


def slow(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have every page of a search take a while: so many seconds as the list says."""
    page, pace = yard.records.page, [0.5]

    async def later(*args: Any) -> Any:
        await asyncio.sleep(pace[0])
        return await page(*args)

    monkeypatch.setattr(yard.records, "page", later)
    return pace


async def test_a_search_that_finds_little_rests_when_it_is_to(
    yard: Yard, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.fill(COUNT)
    pace = slow(yard, monkeypatch)
    yard.work()
    oid = await yard.start(pipeline(search(**LAST), action("modify", delta=replace("a", 1))))
    await when(lambda: len(pages) >= 4)
    await yard.runs.suspend(await state(yard, oid, states.RUNNING))
    task = await state(yard, oid, states.SUSPENDED)
    seen = len(pages)
    assert seen < COUNT // 2, "it was not at its end"
    pace[0] = 0
    await yard.runs.resume(task)
    output = await yard.ended(oid)
    assert output.result["status"] == "success"
    assert (await yard.content(name_of(COUNT - 1)))["a"] == 1
    # It went on where it was: no place was looked at more than twice, most only once.
    assert len(pages) <= COUNT // 2 + 1 + finding.PAGES


async def test_a_search_in_order_rests_when_it_is_to(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PAGE", 2)
    monkeypatch.setattr(finding, "PAGES", 3)
    await yard.fill(COUNT)
    pace = slow(yard, monkeypatch)
    yard.work()
    query = {"filter": {"all": {}}, "paging": {"orderBy": "name", "orderDirection": "descending"}}
    oid = await yard.start(pipeline(search(query=query)))
    await yard.runs.suspend(await state(yard, oid, states.RUNNING))
    task = await state(yard, oid, states.SUSPENDED)
    pace[0] = 0
    await yard.runs.resume(task)
    output = await yard.ended(oid)
    names = [one["name"] for one in await yard.values(output)]
    assert names == [name_of(number) for number in reversed(range(COUNT))]


async def test_all_failures_of_a_step_are_told_though_the_run_is_to_rest(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.fill(5, city="Ulm")
    commits: list[int] = []
    told = yard.tasks.change

    async def change(task_id: str, change: Any, **more: Any) -> Any:
        if change.messages and not commits:
            commits.append(len(change.messages))
            await yard.tasks.want(task_id, states.SUSPEND)
        return await told(task_id, change, **more)

    yard.work()
    delta = replace("city/name", "Bonn")
    script = pipeline(search(), action("modify", delta=delta), options={"continueOnAnyError": True})
    monkeypatch.setattr(yard.tasks, "change", change)
    oid = await yard.start(script)
    task = await state(yard, oid, states.SUSPENDED, states.COMPLETED, states.EXCEPTION)
    failed = [one for one in task.messages if one.message_id.endswith("ObjectFailed")]
    assert (task.task_state, len(failed), commits) == (states.SUSPENDED, 5, [5])
    await yard.runs.resume(task)
    assert len((await yard.ended(oid)).console.splitlines()) == 5


async def stop_by_cancel(yard: Yard, task: Task) -> None:
    await yard.tasks.cancel(task.id)


async def stop_by_delete(yard: Yard, task: Task) -> None:
    assert await yard.runs.delete(task)


@pytest.mark.parametrize("stop", [stop_by_cancel, stop_by_delete])
async def test_what_is_stopped_stops_and_leaves_whole_steps(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, stop: Callable[[Yard, Task], Awaitable[None]]
) -> None:
    monkeypatch.setattr(finding, "PAGE", 2)
    await yard.fill(COUNT)
    slow(yard, monkeypatch)
    yard.work()
    both = [action("modify", delta=replace(name, 1)) for name in ("a", "b")]
    inner = {"@element": "foreach", "pipeline": both}
    oid = await yard.start(pipeline(search(), inner))
    await stop(yard, await state(yard, oid, states.RUNNING))
    async with asyncio.timeout(30):
        while (task := await yard.runs.find(oid)) is not None and not task.final:
            await asyncio.sleep(0.01)
    assert (task is None) == (stop is stop_by_delete)
    if task is not None:
        assert task.task_state == states.CANCELLED
    contents = [await yard.content(name_of(number)) for number in range(COUNT)]
    assert all(("a" in one) == ("b" in one) for one in contents)
    await asyncio.sleep(0.3)
    after = [await yard.content(name_of(number)) for number in range(COUNT)]
    assert after == contents, "nothing is done any more"
    if task is None:
        assert await keys_of(yard.store, "bulk", "") == set()


async def test_a_run_that_was_cancelled_is_begun_anew(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PAGE", 2)
    await yard.fill(COUNT)
    slow(yard, monkeypatch)
    yard.work()
    while True:
        oid = await yard.start(pipeline(search(), action("modify", delta=replace("a", 1))))
        running = await state(yard, oid, states.RUNNING, states.COMPLETED)
        await yard.tasks.cancel(running.id)
        first = await state(yard, oid, states.CANCELLED, states.COMPLETED)
        if first.task_state == states.CANCELLED:
            break  # else it was through before it could be cancelled, on a busy machine
    monkeypatch.undo()
    await yard.runs.again(first)
    output = await yard.ended(oid)
    assert output.result["status"] == "success"
    assert len(output.console.splitlines()) == COUNT
    contents = [await yard.records.read(TYPE, name_of(number)) for number in range(COUNT)]
    assert all(one.content["a"] == 1 for one in contents)
