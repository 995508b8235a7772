"""Windows of the past are rated again: exactly, once, and only what was asked for."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from odimra.rating.errors import WindowRefused
from odimra.store import Store
from odimra.tasks import states
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, Yard, sample

LAST = 100 * PERIOD


async def filled(yard: Yard, scope: str = "p1", periods: int = 10) -> None:
    await yard.scope(scope, LAST)
    await yard.usage.push(
        sample(scope, number * PERIOD, str(number), id=str(one))
        for number in range(periods)
        for one in range(3)
    )


async def test_a_window_is_rated_by_the_rules_of_each_period(store: Store) -> None:
    async with Yard(store) as yard:
        yard.work()
        await filled(yard)
        service = await yard.rules.add_service("cpu")
        rule = {"service_id": service["service_id"], "cost": "0.1", "type": "flat"}
        await yard.rules.add_mapping({**rule, "start": 0, "end": 5 * PERIOD}, by="ann", force=True)
        await yard.rules.add_mapping(
            {**rule, "cost": "0.3", "start": 5 * PERIOD}, by="a", force=True
        )
        task = await yard.ended(await yard.reprocess(["p1"], 2 * PERIOD, 7 * PERIOD))
        assert task.task_state == states.COMPLETED
        found = await yard.sums("p1")
    expected = {
        number * PERIOD: 3 * number * Decimal("0.1" if number < 5 else "0.3")
        if 2 <= number <= 7
        else Decimal(0)
        for number in range(10)
    }
    assert found == expected


async def test_once_more_comes_to_the_same(store: Store) -> None:
    async with Yard(store) as yard:
        yard.work()
        await filled(yard)
        service = await yard.rules.add_service("cpu")
        await yard.rules.add_mapping(
            {"service_id": service["service_id"], "cost": "2", "start": 0}, by="ann", force=True
        )
        for _ in range(2):
            await yard.ended(await yard.reprocess(["p1"], 0, 9 * PERIOD))
            assert sum((await yard.sums("p1")).values()) == 2 * 3 * 45


async def test_one_period_is_a_window(store: Store) -> None:
    async with Yard(store) as yard:
        yard.work()
        await filled(yard)
        service = await yard.rules.add_service("cpu")
        await yard.rules.add_mapping(
            {"service_id": service["service_id"], "cost": "2", "start": 0}, by="ann", force=True
        )
        task = await yard.ended(await yard.reprocess(["p1"], PERIOD, PERIOD))
        window = await yard.windows.of_task(task.id)
        assert window is not None and window.current == PERIOD == window.end
        assert {k: v for k, v in (await yard.sums("p1")).items() if v} == {PERIOD: Decimal(6)}


async def test_of_several_scopes_each_is_a_sub_task(store: Store) -> None:
    async with Yard(store) as yard:
        yard.work()
        for name in ("p1", "p2"):
            await filled(yard, name)
        task = await yard.ended(await yard.reprocess(["p1", "p2", "p1"], 0, PERIOD))
        children = await yard.tasks.page(yard.tasks.index(parent=task.id), 0, 10)
        assert len(children) == 2
        found = [await yard.windows.of_task(one) for one in children]
        assert [one.scope for one in found if one is not None] == ["p1", "p2"]


REFUSED = [
    (["p1", "nobody", "off"], 0, PERIOD, ("unknown", ("nobody", "off"), ())),
    (["p1"], LAST + PERIOD, LAST + 2 * PERIOD, ("start", ("p1",), (LAST,))),
    (["p1"], LAST, LAST + PERIOD, ("end", ("p1",), (LAST,))),
]


@pytest.mark.parametrize(("scopes", "start", "end", "expected"), REFUSED)
async def test_what_is_refused_leaves_nothing_behind(
    store: Store,
    scopes: list[str],
    start: int,
    end: int,
    expected: tuple[str, tuple[str, ...], tuple[int, ...]],
) -> None:
    async with Yard(store) as yard:
        await filled(yard)
        await yard.scope("off", LAST, active=False)
        with pytest.raises(WindowRefused) as refused:
            await yard.reprocess(scopes, start, end)
        error = refused.value
        assert (error.why, error.scopes, error.values) == expected
        assert await yard.windows.page(None, ascending=True, offset=0, limit=10) == []
        assert await yard.tasks.count(yard.tasks.index()) == 0


@pytest.mark.parametrize(
    ("start", "end", "free"), [(4, 6, False), (6, 9, False), (0, 3, False), (7, 9, True)]
)
async def test_windows_that_have_a_period_in_common_wait_for_each_other(
    store: Store, start: int, end: int, free: bool
) -> None:
    async with Yard(store) as yard:
        await filled(yard)
        await yard.reprocess(["p1"], 3 * PERIOD, 6 * PERIOD)
        if free:
            await yard.reprocess(["p1"], start * PERIOD, end * PERIOD)
            return
        with pytest.raises(WindowRefused) as refused:
            await yard.reprocess(["p1"], start * PERIOD, end * PERIOD)
        assert refused.value.why == "overlap"
        assert refused.value.values == (3 * PERIOD, 6 * PERIOD)


async def test_of_racing_requests_one_wins(store: Store) -> None:
    async with Yard(store) as yard:
        await filled(yard)
        results = await asyncio.gather(
            *(yard.reprocess(["p1"], 0, PERIOD) for _ in range(10)), return_exceptions=True
        )
        assert sum(not isinstance(one, WindowRefused) for one in results) == 1


async def test_a_window_that_is_cancelled_or_done_holds_nothing_up(store: Store) -> None:
    async with Yard(store) as yard:
        await filled(yard)
        task = await yard.reprocess(["p1"], 0, PERIOD)
        await yard.tasks.cancel(task.id)
        task = await yard.reprocess(["p1"], 0, PERIOD)
        yard.work()
        await yard.ended(task)
        await yard.reprocess(["p1"], 0, PERIOD)


async def test_a_scope_that_is_switched_off_ends_the_window(store: Store) -> None:
    async with Yard(store) as yard:
        await filled(yard)
        task = await yard.reprocess(["p1"], 0, PERIOD)
        await yard.scopes.change("p1", active=False)
        yard.work()
        ended = await yard.ended(task)
        assert ended.task_state == states.EXCEPTION
        assert any("not active" in one.args[0] for one in ended.messages if one.args)


async def test_the_ordinary_rating_follows_the_clock(store: Store) -> None:
    clock = FakeClock()
    now = clock.now_ms() // 1000 // PERIOD * PERIOD
    async with Yard(store, clock) as yard:
        await yard.scope("p1", now - 6 * PERIOD)
        await yard.scope("off", now - 6 * PERIOD, active=False)
        await yard.usage.push(sample("p1", now - number * PERIOD) for number in range(1, 7))
        service = await yard.rules.add_service("cpu")
        await yard.rules.add_mapping(
            {"service_id": service["service_id"], "cost": "2", "start": 0}, by="ann", force=True
        )
        await asyncio.gather(*(yard.cycle.once() for _ in range(3)))
        scope = await yard.scopes.read("p1")
        # Over for two periods: those that began five, four and three ago.
        assert scope is not None and scope.last == now - 3 * PERIOD
        rated = {begin: price for begin, price in (await yard.sums("p1")).items() if price}
        assert rated == {now - number * PERIOD: Decimal(2) for number in (5, 4, 3)}
        off = await yard.scopes.read("off")
        assert off is not None and off.last == now - 6 * PERIOD
