"""What rules make of usage: the reference's prices, and an evaluator that follows its words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.rating.hashmap import FLAT, RATE, Hashmap, MappingRule, ThresholdRule
from odimra.rating.model import Point

D = Decimal
METRIC = "image.size"


def price(
    point: Point,
    mappings: Sequence[MappingRule] = (),
    thresholds: Sequence[ThresholdRule] = (),
    *,
    scope: str = "p1",
    at: int = 0,
) -> Decimal:
    return Hashmap(mappings, thresholds, scope=scope, at=at).price(METRIC, point)


def mapping(kind: str, cost: str, **more: object) -> MappingRule:
    return MappingRule(METRIC, kind, D(cost), **{"start": 0, **more})  # type: ignore[arg-type]


def threshold(kind: str, cost: str, level: str, **more: object) -> ThresholdRule:
    return ThresholdRule(METRIC, kind, D(cost), D(level), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gib", "scope", "expected"),
    [
        ("20", "p1", "0.02"),
        ("50", "p1", "0.049"),
        ("50", "special", "0.0485"),
        ("80", "p1", "0.0784"),
        ("80", "special", "0.0776"),
        ("250", "p1", "0.2375"),
        ("250", "special", "0.2375"),
    ],
)
def test_prices_of_the_manual(gib: str, scope: str, expected: str) -> None:
    rules = [mapping(FLAT, "0.001")]
    levels = [
        threshold(RATE, "0.98", "50"),
        threshold(RATE, "0.95", "200"),
        threshold(RATE, "0.97", "50", tenant="special"),
    ]
    assert price(Point(D(gib), "GiB"), rules, levels, scope=scope) == D(expected)


def test_a_rate_without_a_flat_cost_is_no_price() -> None:
    assert price(Point(D(3), "x"), [mapping(RATE, "2")]) == 0


def test_of_flat_costs_of_a_group_the_highest_counts_and_rates_multiply() -> None:
    rules = [
        mapping(FLAT, "2"),
        mapping(FLAT, "5", field="flavor", value="big"),
        mapping(RATE, "3", field="flavor2", value="x"),
        mapping(RATE, "0.5", field="os", value="linux"),
    ]
    point = Point(D(2), "h", {"flavor": "big"}, {"flavor2": "x", "os": "linux"})
    assert price(point, rules) == D("5") * D("1.5") * 2


def test_groups_add_up() -> None:
    rules = [mapping(FLAT, "2"), mapping(FLAT, "3", group="g1"), mapping(FLAT, "0.1", group="g2")]
    assert price(Point(D(2), "h"), rules) == D("10.2")


def test_a_price_that_is_there_stays() -> None:
    assert price(Point(D(2), "h", price=D("0.7")), [mapping(FLAT, "1")]) == D("2.7")


def test_whose_it_is_comes_before_what_it_is() -> None:
    rules = [mapping(FLAT, "1", field="a", value="x"), mapping(FLAT, "7", field="a", value="y")]
    assert price(Point(D(1), "h", {"a": "x"}, {"a": "y"}), rules) == 1


@pytest.mark.parametrize(("at", "expected"), [(99, 0), (100, 4), (199, 4), (200, 0)])
def test_a_mapping_holds_from_its_start_to_before_its_end(at: int, expected: int) -> None:
    assert price(Point(D(2), "h"), [mapping(FLAT, "2", start=100, end=200)], at=at) == expected


def test_a_tenants_mapping_replaces_the_general_one_of_its_group_only() -> None:
    rules = [
        mapping(FLAT, "1", tenant="p1"),
        mapping(FLAT, "5"),
        mapping(FLAT, "2", group="g"),
        mapping(FLAT, "9", tenant="p2"),
    ]
    assert price(Point(D(1), "h"), rules) == 3
    assert price(Point(D(1), "h"), rules, scope="p3") == 7


def test_a_flat_threshold_of_a_service_is_not_times_the_quantity() -> None:
    rules, levels = [mapping(FLAT, "1")], [threshold(FLAT, "100", "10")]
    assert price(Point(D(10), "h"), rules, levels) == 110
    assert price(Point(D("9.999"), "h"), rules, levels) == D("9.999")


def test_a_threshold_of_a_field_counts_within_the_product() -> None:
    point = Point(D(3), "h", {}, {"cpus": "8"})
    rules = [mapping(FLAT, "1")]
    assert price(point, rules, [threshold(FLAT, "2", "8", field="cpus")]) == 9
    assert price(point, rules, [threshold(RATE, "2", "4", field="cpus")]) == 6
    assert price(point, rules, [threshold(RATE, "2", "9", field="cpus")]) == 3


def test_of_thresholds_of_a_group_only_the_highest_that_is_reached_counts() -> None:
    levels = [
        threshold(FLAT, "1", "1"),
        threshold(FLAT, "10", "5", field="cpus"),
        threshold(FLAT, "100", "50"),
    ]
    assert price(Point(D(2), "h", {}, {"cpus": "6"}), [], levels) == 20


def test_what_is_no_number_reaches_no_threshold_and_is_told() -> None:
    skipped: set[str] = set()
    rules = Hashmap([], [threshold(FLAT, "1", "0", field="cpus")], scope="p", at=0)
    point = Point(D(2), "h", {}, {"cpus": "many"})
    assert rules.price(METRIC, point, skipped) == 0
    assert skipped == {"cpus"}
    for text in ("NaN", "Infinity", "", "1_000x"):
        assert rules.price(METRIC, Point(D(2), "h", {}, {"cpus": text})) == 0


def test_rules_of_other_metrics_say_nothing() -> None:
    rules = Hashmap([mapping(FLAT, "1")], [], scope="p", at=0)
    assert rules.price("cpu", Point(D(2), "h")) == 0


def test_amounts_are_counted_in_28_digits_whatever_the_context() -> None:
    with localcontext() as context:
        context.prec = 5
        found = price(Point(D("1"), "h"), [mapping(FLAT, "0.1234567890123456789")])
    assert found == D("0.1234567890123456789")


# --- against an evaluator that follows the reference's sentences one by one ---

COSTS = st.decimals(0, 100, places=4)
NAMES = st.sampled_from(["a", "b", "c"])
GROUPS = st.sampled_from([None, "g1", "g2"])
TENANTS = st.sampled_from([None, None, "p1", "p2"])
KINDS = st.sampled_from([FLAT, RATE])


@st.composite
def mappings(draw: st.DrawFn) -> MappingRule:
    of_field = draw(st.booleans())
    return MappingRule(
        draw(st.sampled_from([METRIC, METRIC, "cpu"])),
        draw(KINDS),
        draw(COSTS),
        draw(st.integers(0, 20)),
        draw(st.one_of(st.none(), st.integers(0, 20))),
        draw(NAMES) if of_field else None,
        draw(st.sampled_from(["1", "2", "x"])) if of_field else None,
        draw(GROUPS),
        draw(TENANTS),
    )


@st.composite
def thresholds(draw: st.DrawFn) -> ThresholdRule:
    return ThresholdRule(
        METRIC,
        draw(KINDS),
        draw(COSTS),
        draw(st.decimals(0, 5, places=1)),
        draw(st.one_of(st.none(), NAMES)),
        draw(GROUPS),
        draw(TENANTS),
    )


POINTS = st.builds(
    Point,
    st.decimals(0, 10, places=2),
    st.just("u"),
    st.dictionaries(NAMES, st.sampled_from(["1", "2", "x", "3.5"]), max_size=3),
    st.dictionaries(NAMES, st.sampled_from(["1", "2", "x", "3.5"]), max_size=3),
    st.decimals(0, 3, places=2),
)


def plainly(
    point: Point,
    all_mappings: Sequence[MappingRule],
    all_thresholds: Sequence[ThresholdRule],
    scope: str,
    at: int,
) -> Decimal:
    attributes = {**point.metadata, **point.groupby}
    # 1 and 2: what is live, the tenant's own in the place of the general one.
    live: dict[object, MappingRule] = {}
    for wanted in (None, scope):
        for one in all_mappings:
            holds = one.start <= at and (one.end is None or one.end > at)
            if one.service == METRIC and one.tenant == wanted and holds:
                live[one.group, one.field, one.value] = one
    levels: dict[object, ThresholdRule] = {}
    for wanted in (None, scope):
        for rule in all_thresholds:
            if rule.tenant == wanted:
                levels[rule.group, rule.field, rule.level] = rule
    total = point.price
    groups = {one.group for one in live.values()} | {one.group for one in levels.values()}
    for group in sorted(groups, key=str):
        flat, rate = D(0), D(1)
        for one in live.values():
            if one.group != group:
                continue
            if one.field is not None and attributes.get(one.field) != one.value:
                continue
            if one.kind == FLAT:
                flat = max(flat, one.cost)
            else:
                rate *= one.cost
        # 3: the highest threshold that is reached.
        reached: ThresholdRule | None = None
        for rule in sorted(levels.values(), key=lambda rule: rule.field is None):
            if rule.group != group:
                continue
            if rule.field is None:
                amount: Decimal | None = point.qty
            else:
                text = attributes.get(rule.field, "none")
                amount = D(text) if text[0].isdigit() else None
            if amount is None or rule.level > amount:
                continue
            if reached is None or rule.level > reached.level:
                reached = rule
        # 4
        if reached is not None and reached.field is not None:
            if reached.kind == FLAT:
                flat += reached.cost
            else:
                rate *= reached.cost
        amount_of_group = flat * rate * point.qty
        if reached is not None and reached.field is None:
            if reached.kind == FLAT:
                amount_of_group += reached.cost
            else:
                amount_of_group *= reached.cost
        total += amount_of_group
    return total


@given(
    POINTS,
    st.lists(mappings(), max_size=8),
    st.lists(thresholds(), max_size=6),
    st.sampled_from(["p1", "p3"]),
    st.integers(0, 20),
)
def test_prices_are_those_of_the_plain_evaluator(
    point: Point,
    some: list[MappingRule],
    others: list[ThresholdRule],
    scope: str,
    at: int,
) -> None:
    found = Hashmap(some, others, scope=scope, at=at).price(METRIC, point)
    expected = plainly(point, some, others, scope, at)
    assert abs(found - expected) <= abs(expected) * D("1e-26")
