"""Tables of tasks: order, filters, and a bound on what one question looks at."""

from __future__ import annotations

import pytest

from odimra.tasks import Tasks, listing, states
from odimra.tasks.listing import Listing, Rows, Wanted
from tests.fakes import FakeClock
from tests.tasks.conftest import a_task, bring


def names(found: Rows) -> list[str]:
    return [row.name for row in found.rows]


async def fill(tasks: Tasks, clock: FakeClock) -> None:
    """Six tasks, one second apart, as they came."""
    for name, state, values in (
        ("one", states.COMPLETED, {}),
        ("two", states.RUNNING, {"kind": "reset"}),
        ("three", states.CANCELLED, {"owner": "bob"}),
        ("four", states.COMPLETED, {"kind": "reset", "owner": "bob"}),
        ("five", states.NEW, {}),
        ("six", states.EXCEPTION, {"kind": "reset"}),
    ):
        await bring(tasks, state, name=name, **values)
        clock.advance(1)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), ["six", "five", "four", "three", "two", "one"]),
        (Wanted(newest_first=False), ["one", "two", "three", "four", "five", "six"]),
        (Wanted(owner="bob"), ["four", "three"]),
        (Wanted(kind="reset"), ["six", "four", "two"]),
        (Wanted(owner="bob", kind="reset"), ["four"]),
        (Wanted(states=frozenset((states.COMPLETED,))), ["four", "one"]),
        (Wanted(states=frozenset((states.RUNNING, states.NEW))), ["five", "two"]),
        (Wanted(text="O"), ["four", "two", "one"]),
        (Wanted(text="."), []),  # no pattern
        (Wanted(owner="nobody"), []),
    ],
)
async def test_what_is_wanted_is_found_in_order(
    tasks: Tasks, clock: FakeClock, wanted: Wanted, expected: list[str]
) -> None:
    await fill(tasks, clock)
    found = await Listing(tasks).rows(wanted, 0, 10)
    assert names(found) == expected
    assert found.after is None


async def test_a_row_is_the_task(tasks: Tasks) -> None:
    task = await bring(tasks, states.COMPLETED, name="whole", subtasks=())
    (row,) = (await Listing(tasks).rows(Wanted(), 0, 10)).rows
    for name in ("id", "kind", "owner", "name", "task_state", "task_status", "start_time"):
        assert getattr(row, name) == getattr(task, name)
    assert (row.end_time, row.percent_complete) == (task.end_time, task.percent_complete)
    assert (row.children, row.parent) == (0, None)


async def test_sub_tasks_have_a_table_of_their_own_in_their_order(tasks: Tasks) -> None:
    parent = await tasks.create(a_task(subtasks=[a_task(name=str(one)) for one in range(12)]))
    top = await Listing(tasks).rows(Wanted(), 0, 50)
    assert [(row.id, row.children) for row in top.rows] == [(parent.id, 12)]
    below = await Listing(tasks).rows(Wanted(parent=parent.id, newest_first=False), 0, 50)
    assert names(below) == [str(one) for one in range(12)]
    assert {row.parent for row in below.rows} == {parent.id}


async def test_pages_join_without_gap_or_overlap(tasks: Tasks, clock: FakeClock) -> None:
    await fill(tasks, clock)
    table = Listing(tasks)
    for wanted in (Wanted(), Wanted(kind="reset"), Wanted(states=frozenset((states.COMPLETED,)))):
        whole = names(await table.rows(wanted, 0, 10))
        at: int | None = 0
        pieces: list[str] = []
        while at is not None:
            part = await table.rows(wanted, at, 1)
            assert len(part.rows) <= 1
            pieces += names(part)
            at = part.after
        assert pieces == whole


async def test_a_search_is_bounded_and_goes_on(
    tasks: Tasks, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tasks, clock)
    monkeypatch.setattr(listing, "SCAN", 2)
    monkeypatch.setattr(listing, "ROUNDS", 1)
    table, first = Listing(tasks), Wanted(text="one")
    found = await table.rows(first, 0, 10)
    assert (names(found), found.after, found.total) == ([], 2, 6)
    found = await table.rows(first, 4, 10)
    assert (names(found), found.after) == (["one"], None)


async def test_a_place_behind_the_end_has_nothing(tasks: Tasks, clock: FakeClock) -> None:
    await fill(tasks, clock)
    found = await Listing(tasks).rows(Wanted(), 100, 10)
    assert (found.rows, found.after, found.total) == ((), None, 6)
