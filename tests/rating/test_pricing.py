"""Prices of points as they are kept: what was looked up is what would have been worked out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal

import orjson
from hypothesis import given
from hypothesis import strategies as st

from odimra.rating.hashmap import FLAT, RATE, Hashmap, MappingRule, Room, ThresholdRule
from odimra.rating.model import Point
from odimra.rating.pricing import Pricing
from odimra.rating.usage import Sample
from tests.rating.test_hashmap import METRIC, POINTS, D, mappings, thresholds


def sample(point: Point, number: int = 0, metric: str = METRIC) -> Sample:
    groupby = {**point.groupby, "id": str(number)}
    return Sample("p1", metric, 0, 3600, Point(point.qty, point.unit, groupby, point.metadata))


def frame(pricing: Pricing, samples: Sequence[Sample], skipped: set[str]) -> dict[bytes, Decimal]:
    made = pricing.frame({one.identity: one.usage() for one in samples}, skipped)
    names, kept, prices = orjson.loads(made)
    read = [orjson.dumps(name, option=orjson.OPT_SORT_KEYS) for name in names]
    assert read == sorted(one.identity for one in samples)
    assert {name: orjson.dumps(one) for name, one in zip(read, kept, strict=True)} == {
        one.identity: one.usage() for one in samples
    }
    return {name: Decimal(price) for name, price in zip(read, prices, strict=True)}


@given(
    st.lists(st.lists(POINTS, min_size=1, max_size=6), min_size=1, max_size=4),
    st.lists(mappings(), max_size=8),
    st.lists(thresholds(), max_size=6),
    st.integers(1, 12),
)
def test_prices_are_those_of_the_hashmap_however_little_room_there_is(
    periods: list[list[Point]],
    some: list[MappingRule],
    others: list[ThresholdRule],
    most: int,
) -> None:
    plain = Hashmap(some, others, scope="p1", at=5)
    pricing = Pricing(Hashmap(some, others, scope="p1", at=5, room=Room(most)))
    # The same resources again: what they are differs, and how much of it they use.
    for points in [*periods, *periods]:
        samples = [sample(point, number) for number, point in enumerate(points)]
        expected_odd, odd = set[str](), set[str]()
        expected = {one.identity: plain.price(METRIC, one.point, expected_odd) for one in samples}
        found = frame(pricing, samples, odd)
        assert {name: str(price) for name, price in found.items()} == {
            name: str(price) for name, price in expected.items()
        }
        assert odd == expected_odd


def test_texts_with_quotes_and_commas_and_quantities_of_all_forms_are_as_they_were() -> None:
    rules = [
        MappingRule(METRIC, FLAT, D("2"), 0),
        MappingRule(METRIC, RATE, D("3"), 0, field="name", value='a"b,c'),
    ]
    pricing = Pricing(Hashmap(rules, (), scope="p1", at=0))
    samples = [
        sample(Point(D(qty), 'GiB",é', {}, {"name": name}), number)
        for number, (qty, name) in enumerate(
            [("1E+3", 'a"b,c'), ("1E-9", "x"), ("0.50", 'a"b,c'), ("-4", "\\"), ("0", '"')]
        )
    ]
    found = frame(pricing, samples, set())
    prices = [found[one.identity] for one in samples]
    assert prices == [D(6000), D("2E-9"), D(3), D(-8), D(0)]


def test_a_metric_without_rules_costs_nothing_beside_one_that_has_some() -> None:
    rules = Hashmap([MappingRule(METRIC, FLAT, D(2), 0)], (), scope="p1", at=0)
    samples = [sample(Point(D(4), "h"), 1), sample(Point(D(4), "h"), 1, "other")]
    found = frame(Pricing(rules), samples, set())
    assert [found[one.identity] for one in samples] == [8, 0]


def test_what_is_no_number_is_told_every_time() -> None:
    levels = [ThresholdRule(METRIC, FLAT, D(1), D(0), field="cpus")]
    pricing = Pricing(Hashmap((), levels, scope="p1", at=0))
    for _ in range(3):
        skipped = set[str]()
        frame(pricing, [sample(Point(D(1), "h", {}, {"cpus": "many"}))], skipped)
        assert skipped == {"cpus"}


def test_a_room_holds_no_more_than_it_is_to() -> None:
    room = Room(10)
    one, other = room.holds(dict[int, int]()), room.holds(dict[int, int]())
    for number in range(100):
        room.put(one if number % 2 else other, number, number)
        assert len(one) + len(other) <= 10
        assert number in one or number in other


def test_threads_that_share_a_room_that_is_too_small_find_the_same_prices() -> None:
    rules = [MappingRule(METRIC, FLAT, D(n + 1), 0, field="n", value=str(n)) for n in range(50)]
    pricing = Pricing(Hashmap(rules, (), scope="p1", at=0, room=Room(7)))
    samples = [sample(Point(D(1), "h", {}, {"n": str(n)}), n) for n in range(50)]
    wrong: list[object] = []

    def rate() -> None:
        try:
            for _ in range(30):
                found = frame(pricing, samples, set())
                wrong.extend(n for n in range(50) if found[samples[n].identity] != n + 1)
        except Exception as error:  # noqa: BLE001 (whatever it is)
            wrong.append(error)

    threads = [threading.Thread(target=rate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
