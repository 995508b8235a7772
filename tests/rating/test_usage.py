"""Usage: pushed again and again, by many, and while it is rated."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from odimra.jobs.reprocess.cycle import Cycle, CycleOptions
from odimra.jobs.reprocess.rating import OK, Rater, Step
from odimra.rating.errors import TooMany
from odimra.rating.model import Point
from odimra.rating.usage import SMALL, STEP, Sample, Usage, Used
from odimra.store import Store
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, Yard, sample
from tests.support.keys import keys_of

LAST = 100 * PERIOD


@pytest.fixture
def usage(store: Store) -> Usage:
    return Usage(store)


def priced(begin: int, price: str, **more: str) -> Sample:
    made = sample("p1", begin, **more)
    point = made.point
    return Sample(
        made.scope,
        made.metric,
        begin,
        made.end,
        Point(point.qty, point.unit, point.groupby, point.metadata, Decimal(price)),
    )


async def read(usage: Usage, begin: int, scope: str = "p1") -> list[Sample]:
    (used,) = await usage.read_used(scope, [begin])
    return list(used.samples)


async def frame(usage: Usage, begin: int, scope: str = "p1") -> list[Sample]:
    (found,) = await usage.read_frames(scope, [begin])
    return found


# Read


async def test_many_points_that_were_rated_together_are_read_beside_the_event_loop(
    store: Store, usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await usage.push(sample("p1", 0, str(n), id=str(n)) for n in range(2000))
    async with Yard(store) as yard:
        await yard.scope("p1", LAST)
        yard.work()
        await yard.ended(await yard.reprocess(["p1"], 0, 0))
    threads = set[int]()
    load = Sample.load

    def seen(*args: Any) -> Sample:
        threads.add(threading.get_ident())
        return load(*args)

    monkeypatch.setattr(Sample, "load", seen)
    assert len(await frame(usage, 0)) == 2000
    assert threads and threading.get_ident() not in threads


async def test_small_and_large_periods_are_read_in_their_order(usage: Usage) -> None:
    counts = [1, SMALL + 1, 0, SMALL, 3 * SMALL, 2]
    for number, count in enumerate(counts):
        await usage.push(sample("p1", number * PERIOD, str(n), id=str(n)) for n in range(count))
    begins = [number * PERIOD for number in range(len(counts))]
    found = await usage.read_used("p1", begins)
    assert [one.begin for one in found] == begins
    assert [len(one.samples) for one in found] == [len(one.points) for one in found] == counts
    assert [one.mark for one in found] == ["1", "1", "0", "1", "1", "1"]


@pytest.mark.parametrize(("most", "fit"), [(1, 1), (4, 1), (5, 3), (14, 3), (15, 4)])
async def test_of_periods_that_follow_each_other_as_many_fit_as_have_so_many_points(
    usage: Usage, most: int, fit: int
) -> None:
    # A push marks its period, which counts as one more.
    for number, count in enumerate((2, 1, 0, 9)):
        await usage.push(sample("p1", number * PERIOD, id=str(n)) for n in range(count))
    begins = [number * PERIOD for number in range(4)]
    assert await usage.fitting("p1", begins, most) == fit


# Pushed once, pushed again


async def test_a_push_keeps_usage_and_its_price_to_the_last_digit(usage: Usage) -> None:
    digits = "0.1234567890123456789012345678"
    await usage.push([priced(0, digits, qty="1.50", id="a")])
    (used,) = await read(usage, 0)
    (rated,) = await frame(usage, 0)
    assert (str(used.point.qty), str(rated.point.price)) == ("1.50", digits)
    # Usage has no price: it is what prices are made of.
    assert used.point.price == 0
    assert rated.point.groupby == {"project_id": "p1", "id": "a"}
    assert (rated.begin, rated.end, rated.metric) == (0, PERIOD, "cpu")
    assert await usage.periods("p1", 0, LAST) == [0]


async def test_the_same_push_once_more_doubles_nothing(usage: Usage) -> None:
    for _ in range(3):
        await usage.push([sample("p1", 0, "2", id=one) for one in ("a", "b")])
    assert [one.point.qty for one in await read(usage, 0)] == [2, 2]
    assert [one.point.qty for one in await frame(usage, 0)] == [2, 2]


async def test_a_point_is_replaced_by_a_later_one_of_the_same(usage: Usage) -> None:
    await usage.push([priced(0, "5", qty="2", id="a", zone="x")])
    # Whose it is, however that is ordered, makes it the same.
    await usage.push([priced(0, "7", qty="3", zone="x", id="a")])
    assert [one.point.qty for one in await read(usage, 0)] == [3]
    assert [one.point.price for one in await frame(usage, 0)] == [7]


@pytest.mark.parametrize(
    "other",
    [
        sample("p1", 0, id="b"),
        sample("p1", 0, id="a", zone="x"),
        sample("p1", 0, metric="ram", id="a"),
        sample("p1", PERIOD, id="a"),
        sample("p2", 0, id="a"),
    ],
)
async def test_a_point_of_something_else_stands_beside_it(usage: Usage, other: Sample) -> None:
    await usage.push([sample("p1", 0, id="a"), other])
    found = [
        one
        for scope in ("p1", "p2")
        for begin in (0, PERIOD)
        for one in await read(usage, begin, scope)
    ]
    assert len(found) == 2


async def test_a_push_may_be_as_long_as_it_likes(usage: Usage) -> None:
    count = 2 * STEP + 1
    await usage.push(sample("p1", 0, str(n), id=str(n)) for n in range(count))
    assert len(await read(usage, 0)) == len(await frame(usage, 0)) == count
    assert sum(one.point.qty for one in await read(usage, 0)) == count * (count - 1) // 2


async def test_a_point_belongs_to_the_period_in_which_it_begins(usage: Usage) -> None:
    late = [sample("p1", begin, id="a") for begin in (PERIOD, PERIOD + 1, 2 * PERIOD - 1)]
    for _ in range(2):
        await usage.push(late)
    for found in (await read(usage, PERIOD), await frame(usage, PERIOD)):
        assert {(one.begin, one.end) for one in found} == {(one.begin, one.end) for one in late}
    assert await usage.periods("p1", 0, LAST) == [PERIOD]
    assert await usage.periods("p1", 2 * PERIOD - 1, LAST) == [PERIOD]


async def test_pushes_that_race_all_arrive(usage: Usage) -> None:
    await asyncio.gather(
        *(usage.push([sample("p1", 0, id=str(n)), sample("p1", 0, id="same")]) for n in range(50))
    )
    assert len(await read(usage, 0)) == 51


async def test_a_push_marks_a_period_and_only_that_one(usage: Usage) -> None:
    await usage.push([sample("p1", 0), sample("p1", PERIOD)])

    async def marks() -> list[str]:
        return [one.mark for one in await usage.read_used("p1", [0, PERIOD, 2 * PERIOD])]

    first = await marks()
    assert first[2] == "0"
    await usage.push([sample("p1", PERIOD)])
    second = await marks()
    assert (second[0], second[2]) == (first[0], "0") and second[1] != first[1]


async def test_periods_are_listed_in_order_page_by_page(usage: Usage) -> None:
    await usage.push(sample("p1", n * PERIOD) for n in (5, 1, 9, 3, 20))
    assert await usage.periods("p1", PERIOD, 9 * PERIOD) == [PERIOD, 3 * PERIOD, 5 * PERIOD]
    assert await usage.periods("p1", 0, LAST, 1, 2) == [3 * PERIOD, 5 * PERIOD]


# Pushes while it is rated


class Interrupted(Usage):
    """Does something once, when what is rated was read and before it is written."""

    def __init__(self, store: Store, meanwhile: Callable[[Usage], Awaitable[Any]]) -> None:
        super().__init__(store)
        self._meanwhile: Callable[[Usage], Awaitable[Any]] | None = meanwhile
        self.reads = 0

    async def read_used(self, scope: str, begins: Sequence[int]) -> list[Used]:
        found = await super().read_used(scope, begins)
        self.reads += 1
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile(self)
        return found


async def rated(yard: Yard, usage: Usage, begins: Sequence[int], before: int) -> str:
    rater = Rater(yard.store, yard.scopes, usage, yard.rules)
    step = Step(yard.scopes.key("p1"), "last", str(before), str(begins[-1]))
    return await rater.rate("p1", begins, step, set())


async def costing(yard: Yard, cost: str = "2") -> None:
    service = await yard.rules.add_service("cpu")
    await yard.rules.add_mapping(
        {"service_id": service["service_id"], "cost": cost, "start": 0}, by="ann", force=True
    )


async def test_usage_that_comes_while_a_period_is_rated_is_rated_with_it(store: Store) -> None:
    yard = Yard(store)
    await yard.scope("p1", 0)
    await costing(yard)
    await yard.usage.push([sample("p1", PERIOD, "1", id="a")])
    late = Interrupted(store, lambda usage: usage.push([sample("p1", PERIOD, "10", id="b")]))
    assert await rated(yard, late, [PERIOD], 0) == OK
    assert late.reads == 2
    assert await yard.sums("p1") == {PERIOD: Decimal(22)}


async def test_a_quantity_that_changes_while_it_is_rated_costs_what_it_is_in_the_end(
    store: Store,
) -> None:
    yard = Yard(store)
    await yard.scope("p1", 0)
    await costing(yard)
    await yard.usage.push([sample("p1", PERIOD, "1", id="a"), sample("p1", 2 * PERIOD, "3")])
    late = Interrupted(store, lambda usage: usage.push([sample("p1", 2 * PERIOD, "5")]))
    assert await rated(yard, late, [PERIOD, 2 * PERIOD], 0) == OK
    assert await yard.sums("p1") == {PERIOD: Decimal(2), 2 * PERIOD: Decimal(10)}


async def test_usage_of_other_periods_does_not_hold_up_a_rating(store: Store) -> None:
    yard = Yard(store)
    await yard.scope("p1", 0)
    await costing(yard)
    await yard.usage.push([sample("p1", PERIOD)])

    async def elsewhere(usage: Usage) -> None:
        await usage.push([sample("p1", 2 * PERIOD), sample("p2", PERIOD)])

    late = Interrupted(store, elsewhere)
    assert await rated(yard, late, [PERIOD], 0) == OK
    assert late.reads == 1


async def test_whoever_pushes_all_the_time_finds_all_of_it_rated_in_the_end(store: Store) -> None:
    async with Yard(store) as yard:
        yard.work()
        await yard.scope("p1", LAST)
        await costing(yard)
        task = await yard.reprocess(["p1"], 0, 99 * PERIOD)

        async def push(worker: int) -> None:
            for number in range(50):
                begin = (number * 7 + worker) % 100 * PERIOD
                await yard.usage.push([sample("p1", begin, "1", id=f"{worker}-{number}")])

        await asyncio.gather(*(push(worker) for worker in range(4)))
        await yard.ended(task)
        # What came behind its period's turn was not rated yet; once more, and all of it is.
        await yard.ended(await yard.reprocess(["p1"], 0, 99 * PERIOD))
        assert sum((await yard.sums("p1")).values()) == 2 * 4 * 50


async def test_usage_that_begins_within_a_period_is_rated_with_it(store: Store) -> None:
    yard = Yard(store, FakeClock(10 * PERIOD * 1000))
    # And so is who was rated up to some time within one.
    await yard.scope("p1", 5)
    await costing(yard)
    await yard.usage.push(sample("p1", PERIOD + after, "1", id="a") for after in (0, 10, 3599))
    assert await yard.cycle.once() == 7
    assert (await yard.sums("p1"))[PERIOD] == 6
    scope = await yard.scopes.read("p1")
    assert scope is not None and scope.last % PERIOD == 0


async def test_two_that_rate_the_same_period_write_it_once(store: Store) -> None:
    yard = Yard(store)
    await yard.scope("p1", 0)
    await costing(yard)
    await yard.usage.push([sample("p1", n * PERIOD) for n in (1, 2, 3)])
    said: list[str] = []

    async def other(usage: Usage) -> None:
        # Is a step ahead when the first one comes to write.
        said.append(await rated(yard, yard.usage, [PERIOD, 2 * PERIOD], 0))
        await costing_more()

    async def costing_more() -> None:
        (service,) = (await yard.rules.book()).of("service")
        await yard.rules.add_mapping(
            {"service_id": service, "cost": "9", "start": 0, "tenant_id": "p1"},
            by="ann",
            force=True,
        )

    slow = Interrupted(store, other)
    said.append(await rated(yard, slow, [PERIOD], 0))
    assert said == [OK, "order"]
    scope = await yard.scopes.read("p1")
    assert scope is not None and scope.last == 2 * PERIOD
    assert await yard.sums("p1") == {PERIOD: 2, 2 * PERIOD: 2, 3 * PERIOD: 0}


async def test_a_period_whose_usage_is_gone_has_no_frame(store: Store) -> None:
    yard = Yard(store)
    await yard.scope("p1", 0)
    await yard.usage.push([sample("p1", PERIOD)])
    await store.call("DEL", yard.usage.used("p1", PERIOD))
    assert await rated(yard, yard.usage, [PERIOD], 0) == OK
    assert await yard.usage.periods("p1", 0, LAST) == []


# Bounds


async def test_a_scope_has_so_many_points_in_a_period(store: Store) -> None:
    usage = Usage(store, most=3)
    await usage.push([sample("p1", 0, id=str(number)) for number in range(3)])
    await usage.push([sample("p1", 0, "5", id="1")])  # one that is there
    with pytest.raises(TooMany, match="p1 has more than 3 points in the period from 0"):
        await usage.push([sample("p1", 0, "6", id="1"), sample("p1", 0, id="3")])
    assert [str(one.point.qty) for one in await read(usage, 0)] == ["1", "5", "1"]
    await usage.push([sample("p1", PERIOD, id="3"), sample("p2", 0, id="3")])


async def test_what_was_long_ago_is_forgotten(usage: Usage, store: Store) -> None:
    for period in range(250):
        await usage.push([sample("p1", period * PERIOD), sample("a:2", period * PERIOD)])
    await usage.forget(248 * PERIOD)
    for scope in ("p1", "a:2"):
        assert await usage.periods(scope, 0, 2**40) == [248 * PERIOD, 249 * PERIOD]
        assert len(await read(usage, 248 * PERIOD, scope)) == 1
        assert await read(usage, 0, scope) == [] and await frame(usage, 0, scope) == []
    # Of each scope two periods of usage, their frames, the list of these; the list of all.
    assert len(await keys_of(store, "rating", "")) == 2 * 5 + 1


async def test_the_cycle_forgets(store: Store, clock: FakeClock) -> None:
    async with Yard(store, clock) as yard:
        now = clock.now_ms() // 1000 // PERIOD * PERIOD
        keep = CycleOptions(PERIOD, keep=10 * PERIOD)
        rater = Rater(store, yard.scopes, yard.usage, yard.rules)
        await yard.usage.push([sample("p1", now - 11 * PERIOD), sample("p1", now - 5 * PERIOD)])
        await yard.cycle.once()
        assert len(await yard.usage.periods("p1", 0, 2**40)) == 2, "for ever"
        await Cycle(yard.scopes, yard.usage, rater, clock, keep).once()
        assert await yard.usage.periods("p1", 0, 2**40) == [now - 5 * PERIOD]
