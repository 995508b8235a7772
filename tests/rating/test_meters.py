"""Meters: what machines draw becomes usage, once, whoever looks and whenever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from odimra.rating.meters import PERIODS, MeterOptions, Meters, Place, Reading, count
from odimra.rating.usage import Usage
from odimra.store import Store, StoreUnavailable
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, sample

START = 1_800_000_000 - 1_800_000_000 % PERIOD
HOUR_MS = PERIOD * 1000


class Draw:
    """Machines that draw what a test says, with counters."""

    def __init__(self, clock: FakeClock, **watts: float) -> None:
        self._clock = clock
        self._watts = dict(watts)
        self._since = dict.fromkeys(watts, clock.now_ms())
        self._joules = dict.fromkeys(watts, Decimal(36_000_000))
        self.meter = dict.fromkeys(watts, "1")
        self.tags: dict[str, str] = {}

    @property
    def machines(self) -> Sequence[str]:
        return list(self._watts)

    def _count(self, machine: str) -> None:
        now = self._clock.now_ms()
        for_ms = now - self._since[machine]
        self._joules[machine] += Decimal(str(self._watts[machine])) * for_ms / 1000
        self._since[machine] = now

    def set(self, machine: str, watts: float) -> None:
        self._count(machine)
        self._watts[machine] = watts

    def reset(self, machine: str, kwh: int = 0) -> None:
        self._count(machine)
        self._joules[machine] = Decimal(kwh) * 3_600_000

    def gone(self, machine: str) -> None:
        del self._watts[machine]

    async def read(self, machine: str) -> Reading:
        self._count(machine)
        return Reading(
            self._clock.now_ms(),
            Decimal(str(self._watts[machine])),
            self._joules[machine] / 3_600_000,
            self.meter[machine],
            {"Model": "big", "AssetTag": self.tags.get(machine, "")},
        )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START * 1000)


class Desk:
    def __init__(
        self,
        store: Store,
        clock: FakeClock,
        power: Draw,
        payers: Mapping[str, Sequence[str]] | None = None,
        most: int = 100,
    ) -> None:
        self.usage = Usage(store, period=PERIOD, most=most)
        self.clock = clock
        self.power = power
        self.options = MeterOptions(
            {"p1": ["*"]} if payers is None else payers, metadata=["Model"], gap=300, most=most
        )
        #: Of two workers.
        self.meters = [Meters(store, self.usage, power, clock, self.options) for _ in range(2)]

    async def look(self) -> None:
        await self.meters[0].look()

    async def pass_(self, seconds: float, every: float = 60) -> None:
        """Let time pass, with a look now and then."""
        for _ in range(round(seconds / every)):
            self.clock.advance(every)
            await self.look()

    async def points(self, scope: str = "p1") -> dict[tuple[int, str], tuple[str, str]]:
        """Return, by hour since the start and machine, the quantity and what is guessed of it."""
        begins = await self.usage.periods(scope, 0, 2**40)
        return {
            ((one.begin - START) // PERIOD, one.point.groupby["id"]): (
                str(one.point.qty),
                one.point.metadata["guessed_seconds"],
            )
            for used in await self.usage.read_used(scope, begins)
            for one in used.samples
            if one.metric == "energy"
        }


async def test_an_hour_of_360_watts(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(clock, a=360, b=1000))
    await desk.look()
    assert await desk.points() == {}, "what was before the first look nobody pays"
    await desk.pass_(1800)
    assert await desk.points() == {(0, "a"): ("0.18", "0"), (0, "b"): ("0.5", "0")}
    await desk.pass_(2 * 3600)
    assert await desk.points() == {
        (0, "a"): ("0.36", "0"), (0, "b"): ("1", "0"),
        (1, "a"): ("0.36", "0"), (1, "b"): ("1", "0"),
        (2, "a"): ("0.18", "0"), (2, "b"): ("0.5", "0"),
    }  # fmt: skip
    (used,) = await desk.usage.read_used("p1", [START])
    one = used.samples[0]
    assert (one.metric, one.point.unit, one.end) == ("energy", "kWh", START + PERIOD)
    assert one.point.groupby == {"project_id": "p1", "id": "a"}
    assert one.point.metadata == {"machine": "a", "guessed_seconds": "0", "Model": "big"}
    assert await desk.usage.read_frames("p1", [START]) == [
        [replace(one) for one in used.samples]
    ], "it can be seen before it is rated"


async def test_what_happens_between_two_looks_is_counted_as_it_was(
    store: Store, clock: FakeClock
) -> None:
    power = Draw(clock, a=0)
    desk = Desk(store, clock, power)
    await desk.look()
    clock.advance(599)
    power.set("a", 36_000)
    clock.advance(1)
    await desk.look()
    assert await desk.points() == {(0, "a"): ("0.01", "0")}


async def test_a_look_counts_once(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(clock, a=360))
    for _ in range(60):
        await asyncio.gather(*(meters.look() for meters in desk.meters * 3))
        clock.advance(60)
    await asyncio.gather(*(meters.look() for meters in desk.meters))
    assert await desk.points() == {(0, "a"): ("0.36", "0")}


@pytest.mark.parametrize("done", [False, True], ids=["before the step", "after the step"])
async def test_a_look_that_dies_at_its_step_counts_once(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    desk = Desk(store, clock, Draw(clock, a=360))
    await desk.look()
    clock.advance(1800)
    script = store.script

    async def dies(*args: Any, **named: Any) -> Any:
        if done:
            await script(*args, **named)
        raise StoreUnavailable(1)

    with monkeypatch.context() as broken:
        broken.setattr(store, "script", dies)
        with pytest.raises(StoreUnavailable):
            await desk.look()
    assert len(await desk.points()) == done
    clock.advance(1800)
    await desk.meters[1].look()
    # Half an hour without a look, but all in one period: nothing of it is a guess.
    assert await desk.points() == {(0, "a"): ("0.36", "0")}


async def test_whose_place_has_moved_meanwhile_counts_from_there(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store, clock, Draw(clock, a=360, b=360))
    await desk.look()
    clock.advance(1800)
    script, overtaken = store.script, 0

    async def overtake(*args: Any, **named: Any) -> Any:
        nonlocal overtaken
        if not overtaken:
            overtaken = 1
            await desk.meters[1].look()
        return await script(*args, **named)

    monkeypatch.setattr(store, "script", overtake)
    await desk.look()
    assert overtaken and await desk.points() == {
        (0, "a"): ("0.18", "0"), (0, "b"): ("0.18", "0"),
    }  # fmt: skip


async def test_a_long_gap_is_spread_and_said_to_be_a_guess(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(clock, a=360))
    await desk.look()
    clock.advance(2.5 * PERIOD)
    await desk.meters[1].look()
    await desk.pass_(60)
    assert await desk.points() == {
        (0, "a"): ("0.36", "3600"),
        (1, "a"): ("0.36", "3600"),
        (2, "a"): ("0.186", "1800"),
    }


async def test_of_a_gap_only_the_share_of_each_period_is_a_guess(
    store: Store, clock: FakeClock
) -> None:
    power = Draw(clock, a=0)
    desk = Desk(store, clock, power)
    await desk.look()
    clock.advance(1.5 * PERIOD)
    power.set("a", 720)
    clock.advance(0.5 * PERIOD)
    await desk.look()
    assert await desk.points() == {(0, "a"): ("0.18", "3600"), (1, "a"): ("0.18", "3600")}


async def test_the_end_of_a_gap_that_takes_several_steps_is_a_guess_too(
    store: Store, clock: FakeClock
) -> None:
    desk = Desk(store, clock, Draw(clock, a=360))
    await desk.look()
    clock.advance(PERIODS * PERIOD + 10)
    await desk.look()
    points = await desk.points()
    assert points[PERIODS, "a"] == ("0.001", "10") and len(points) == PERIODS + 1
    await desk.pass_(60)
    assert (await desk.points())[PERIODS, "a"] == ("0.007", "10")


async def test_a_month_that_nobody_saw(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(clock, a=360, b=100))
    await desk.look()
    clock.advance(720 * PERIOD + 10)
    await asyncio.gather(*(meters.look() for meters in desk.meters))
    points = await desk.points()
    assert {points.pop((720, one)) for one in "ab"} == {("0.001", "10"), ("0.000277778", "10")}
    assert len(points) == 2 * 720
    assert {points[hour, "a"] for hour in range(720)} == {("0.36", "3600")}


@pytest.mark.parametrize("how", ["back", "another"])
async def test_a_counter_that_tells_nothing_is_guessed_by_the_power(
    store: Store, clock: FakeClock, how: str
) -> None:
    power = Draw(clock, a=360)
    desk = Desk(store, clock, power)
    await desk.look()
    await desk.pass_(600)
    clock.advance(30)
    if how == "back":
        power.reset("a")
    else:
        power.meter["a"] = "2"
        power.reset("a", 1_000_000)
    clock.advance(30)
    await desk.look()
    assert await desk.points() == {(0, "a"): ("0.066", "60")}
    await desk.pass_(600)
    assert await desk.points() == {(0, "a"): ("0.126", "60")}


async def test_a_machine_has_one_payer(store: Store, clock: FakeClock) -> None:
    payers = {"p1": ["a1"], "p2": ["a*"]}
    desk = Desk(store, clock, Draw(clock, a1=360, a2=360, b1=360), payers)
    await desk.look()
    await desk.pass_(3600)
    assert set(await desk.points("p1")) == {(0, "a1")}
    assert set(await desk.points("p2")) == {(0, "a2")}


async def test_the_asset_tag_says_who_pays_from_when_it_is_seen(
    store: Store, clock: FakeClock
) -> None:
    power = Draw(clock, a=360, b=360)
    desk = Desk(store, clock, power, {"p1": ["tag:shop-*"], "p2": ["tag:lab", "b"]})
    power.tags = {"a": "shop-7"}
    await desk.look()
    await desk.pass_(900)
    power.tags = {"a": "lab"}
    await desk.pass_(900)
    power.tags = {"a": "shop-8"}
    await desk.pass_(900)
    power.tags = {"a": "nobody's"}
    await desk.pass_(900)
    # Each pays to the look that finds another, a minute after the change.
    assert await desk.points("p1") == {(0, "a"): ("0.186", "0")}
    assert await desk.points("p2") == {(0, "a"): ("0.09", "0"), (0, "b"): ("0.36", "0")}
    power.tags = {"a": "shop-7"}
    await desk.pass_(3600)
    assert (await desk.points("p1"))[1, "a"] == ("0.354", "0")


async def test_whom_nobody_pays_for_any_more_is_forgotten(store: Store, clock: FakeClock) -> None:
    power = Draw(clock, a=360, b=360)
    desk = Desk(store, clock, power)
    await desk.look()
    await desk.pass_(600)
    nobody = Desk(store, clock, power, {})
    power.gone("b")
    await nobody.pass_(600)
    assert await store.call("HLEN", desk.meters[0].key) == 2, "not before their period is over"
    await nobody.pass_(3600)
    assert await store.call("HLEN", desk.meters[0].key) == 0
    # The look that found no payer was the last of the one that was.
    assert await desk.points() == {(0, "a"): ("0.066", "0"), (0, "b"): ("0.06", "0")}
    await nobody.look()
    assert await store.call("HLEN", desk.meters[0].key) == 0


async def test_a_period_that_is_full_makes_energy_wait(
    store: Store, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(store, clock, Draw(clock, a=360, b=360, c=360), most=2)
    await desk.look()
    await desk.usage.push([sample("p1", START, id="x")])
    with caplog.at_level(logging.WARNING):
        await desk.pass_(60)
    assert "scope p1: the energy of 2 machines waits" in caplog.text
    assert await desk.points() == {(0, "a"): ("0.006", "0")}
    desk.meters = Desk(store, clock, desk.power, most=4).meters
    await desk.pass_(60)
    assert set((await desk.points()).values()) == {("0.012", "0")} and len(await desk.points()) == 3


async def test_a_clock_that_goes_back_counts_nothing_twice(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(clock, a=360))
    await desk.look()
    await desk.pass_(600)
    clock.advance(-300)
    await desk.look()
    assert await desk.points() == {(0, "a"): ("0.06", "0")}


@given(
    some.lists(
        some.tuples(
            some.integers(1, 5 * HOUR_MS),
            some.decimals(0, 1000, places=12),
            some.sampled_from(["p1", "p2"]),
        ),
        min_size=1,
        max_size=12,
    ),
    some.integers(0, HOUR_MS),
    some.integers(1, 4),
)
def test_what_is_paid_is_what_the_counter_has_gained_to_the_last_digit(
    looks: list[tuple[int, Decimal, str]], start: int, most: int
) -> None:
    place = Place(start, Decimal("1.5"), Decimal(1), "1", "p1")
    owed: dict[tuple[str, int], Decimal] = {}
    guessed: dict[tuple[str, int], int] = {}
    last = Decimal("1.5")
    for after, gained, payer in looks:
        last += gained
        reading = Reading(place.at + after, Decimal(2), last, "1")
        while place.at < reading.at:
            place, found = count(place, reading, HOUR_MS, 60_000, most)
            place = Place.load(place.stored().encode())
            assert 1 <= len(found) <= most
            for one in found:
                owed[one.scope, one.begin] = one.kwh
                guessed[one.scope, one.begin] = one.guessed
        place = replace(place, scope=payer)
    assert sum(owed.values()) == last.quantize(Decimal("1e-9")) - Decimal("1.5")
    assert all(value >= 0 for value in owed.values())
    by_period: dict[int, int] = {}
    for (_, begin), value in guessed.items():
        by_period[begin] = by_period.get(begin, 0) + value
    assert all(value <= HOUR_MS for value in by_period.values())
