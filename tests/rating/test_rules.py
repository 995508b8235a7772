"""The rule book: what may be a rule, which there is once, what goes with what, and who is first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from odimra.rating.book import FIELD, GROUP, MAPPING, SERVICE, THRESHOLD
from odimra.rating.errors import BadRule, RatingError, RuleExists, RuleMissing, TooMany
from odimra.rating.rules import KEPT_DELETED, Rules
from odimra.store import Store
from tests.fakes import FakeClock
from tests.rating.yard import sample

HOUR = 3600


@pytest.fixture
def rules(store: Store, clock: FakeClock) -> Rules:
    return Rules(store, clock)


async def service(rules: Rules, name: str = "cpu") -> str:
    return str((await rules.add_service(name))["service_id"])


async def field(rules: Rules, parent: str, name: str = "flavor") -> str:
    return str((await rules.add_field(parent, name))["field_id"])


async def group(rules: Rules, name: str = "g") -> str:
    return str((await rules.add_group(name))["group_id"])


async def mapping(rules: Rules, *, force: bool = False, **values: Any) -> str:
    made = await rules.add_mapping({"cost": "1", **values}, by="ann", force=force)
    return str(made["mapping_id"])


async def threshold(rules: Rules, **values: Any) -> str:
    made = await rules.add_threshold({"cost": "1", "level": "5", **values})
    return str(made["threshold_id"])


async def count(rules: Rules) -> dict[str, int]:
    book = await rules.book()
    return {kind: len(book.live(kind)) for kind in (SERVICE, FIELD, GROUP, MAPPING, THRESHOLD)}


async def cost(rules: Rules, at: int, scope: str = "p1", metric: str = "cpu") -> Decimal:
    """What an hour of one unit costs, by the rules as they are."""
    book = await rules.book()
    return book.hashmap(scope, at).price(metric, sample(scope, at).point)


# Each once


async def test_names_are_there_once(rules: Rules) -> None:
    cpu, ram = await service(rules), await service(rules, "ram")
    flavor = await field(rules, cpu)
    await field(rules, ram)  # of another service it is another field
    big = await group(rules)
    with pytest.raises(RuleExists, match=rf"^Service cpu already exists \(UUID: {cpu}\)$"):
        await rules.add_service("cpu")
    with pytest.raises(RuleExists, match=rf"^Field flavor already exists \(UUID: {flavor}\)$"):
        await rules.add_field(cpu, "flavor")
    with pytest.raises(RuleExists, match=rf"^Group g already exists \(UUID: {big}\)$"):
        await rules.add_group("g")
    assert (await count(rules))[SERVICE] == 2


OTHERS: list[dict[str, Any]] = [
    {"value": "small"},
    {"group_id": "group"},
    {"tenant_id": "p1"},
]


@pytest.mark.parametrize("other", [{}, *OTHERS])
async def test_a_mapping_says_something_else_by_its_value_group_or_tenant(
    rules: Rules, other: dict[str, Any]
) -> None:
    flavor = await field(rules, await service(rules))
    ids = {"group": await group(rules)}
    given = {"field_id": flavor, "value": "big"}
    await mapping(rules, **given)
    again = {**given, **{name: ids.get(one, one) for name, one in other.items()}, "cost": "2"}
    if other:
        await mapping(rules, **again)
        return
    text = f"^Mapping 'big' already exists for field '{flavor}', tenant: 'None'$"
    with pytest.raises(RuleExists, match=text):
        await mapping(rules, **again)


@pytest.mark.parametrize("other", [{}, {"level": "6"}, *OTHERS[1:]])
async def test_a_threshold_says_something_else_by_its_level_group_or_tenant(
    rules: Rules, other: dict[str, Any]
) -> None:
    cpu = await service(rules)
    ids = {"group": await group(rules)}
    await threshold(rules, service_id=cpu)
    again = {name: ids.get(one, one) for name, one in other.items()}
    if other:
        await threshold(rules, service_id=cpu, **again)
        return
    text = f"^Threshold '5' already exists for service '{cpu}', tenant: 'None'$"
    with pytest.raises(RuleExists, match=text):
        await threshold(rules, service_id=cpu, level="5.000", cost="7")


@pytest.mark.parametrize(
    ("start", "end", "free"),
    [(1, 2, True), (4, 5, True), (4, None, True), (1, 3, False), (3, 5, False), (0, None, False)],
)
async def test_the_same_is_said_by_one_mapping_at_a_time(
    rules: Rules, start: int, end: int | None, free: bool
) -> None:
    cpu, now = await service(rules), rules.now
    await mapping(rules, service_id=cpu, start=now + 2 * HOUR, end=now + 4 * HOUR)
    until = None if end is None else now + end * HOUR
    if free:
        await mapping(rules, service_id=cpu, start=now + start * HOUR, end=until)
        return
    with pytest.raises(RuleExists):
        await mapping(rules, service_id=cpu, start=now + start * HOUR, end=until)


# What is no rule

BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "You must specify one parent."),
    ({"service_id": "cpu", "field_id": "flavor"}, "You can only specify one parent."),
    ({"service_id": "cpu", "value": "x"}, "You can't specify a value and a service_id."),
    ({"field_id": "flavor"}, "You must specify a value for a field mapping."),
    ({"field_id": "flavor", "value": ""}, "You must specify a value for a field mapping."),
    ({"service_id": "cpu", "type": "fixed"}, "type: is neither flat nor rate"),
    *(
        ({"service_id": "cpu", "cost": cost}, "cost: has to be a number")
        for cost in (None, True, 0.5, [], "many", "NaN", "Infinity", "1e29", "1" * 29)
    ),
    ({"service_id": "cpu", "start": 2, "end": 2}, "The end of a rule has to be after its start."),
]


@pytest.mark.parametrize(("values", "said"), BAD)
async def test_what_is_no_mapping_is_refused_and_changes_nothing(
    rules: Rules, values: dict[str, Any], said: str
) -> None:
    ids = {"cpu": await service(rules)}
    ids["flavor"] = await field(rules, ids["cpu"])
    before = await rules.book()
    known = {k: ids.get(v, v) if isinstance(v, str) else v for k, v in values.items()}
    with pytest.raises(BadRule) as refused:
        await mapping(rules, force=True, **known)
    assert str(refused.value).startswith(said)
    assert (await rules.book()).rev == before.rev


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"service_id": "none"}, SERVICE),
        ({"field_id": "none", "value": "x"}, FIELD),
        ({"service_id": "cpu", "group_id": "none"}, GROUP),
    ],
)
async def test_a_rule_of_something_that_is_not_there_is_refused(
    rules: Rules, values: dict[str, Any], kind: str
) -> None:
    ids = {"cpu": await service(rules)}
    known = {name: ids.get(one, one) for name, one in values.items()}
    for add in (mapping, threshold):
        with pytest.raises(RuleMissing) as refused:
            await add(rules, **known)
        assert (refused.value.kind, refused.value.id) == (kind, "none")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0.10", "0.1"),
        (Decimal("0.1"), "0.1"),
        (3, "3"),
        ("1e3", "1000"),
        ("-2", "-2"),
        ("0E+5", "0"),
        ("0." + "0" * 27 + "1", "0." + "0" * 27 + "1"),
        ("9" * 28, "9" * 28),
    ],
)
async def test_a_cost_keeps_its_digits(rules: Rules, given: Any, kept: str) -> None:
    made = await rules.add_mapping({"service_id": await service(rules), "cost": given}, by="ann")
    assert made["cost"] == kept


# When they hold


async def test_a_rule_without_a_start_holds_from_now_on(rules: Rules) -> None:
    cpu = await service(rules)
    await mapping(rules, service_id=cpu, cost="3")
    assert await cost(rules, rules.now - 1) == 0
    assert await cost(rules, rules.now) == 3


async def test_a_rule_in_the_past_takes_force(rules: Rules, clock: FakeClock) -> None:
    cpu = await service(rules)
    with pytest.raises(BadRule) as refused:
        await mapping(rules, service_id=cpu, start=rules.now - HOUR)
    # FakeClock starts on 2027-01-15.
    assert str(refused.value) == (
        "Cannot create a rule with start in the past. start=[2027-01-15 07:00:00] "
        "current time=[2027-01-15 08:00:00]."
    )
    await mapping(rules, service_id=cpu, start=rules.now - HOUR, cost="3", force=True)
    assert await cost(rules, rules.now - HOUR) == 3
    assert await cost(rules, rules.now - HOUR - 1) == 0


async def test_of_a_rule_that_runs_only_the_end_may_change(rules: Rules) -> None:
    cpu = await service(rules)
    one = await mapping(rules, service_id=cpu)
    for change in ({"cost": "2"}, {"tenant_id": "p1"}, {"start": rules.now + HOUR}):
        with pytest.raises(BadRule) as refused:
            await rules.change_mapping(one, change, by="bob")
        assert str(refused.value) == (
            "You are allowed to update only the attribute [end] as this rule is already "
            "running as it started on [2027-01-15 08:00:00]"
        )
    changed = await rules.change_mapping(one, {"end": rules.now + HOUR}, by="bob")
    assert changed["end"] == rules.now + HOUR and changed["updated_by"] == "bob"
    assert await cost(rules, rules.now + HOUR - 1) == 1
    assert await cost(rules, rules.now + HOUR) == 0


async def test_a_rule_that_does_not_run_yet_may_change_but_not_into_the_past(
    rules: Rules,
) -> None:
    cpu, later = await service(rules), rules.now + 2 * HOUR
    one = await mapping(rules, service_id=cpu, start=later)
    await rules.change_mapping(one, {"cost": "2", "tenant_id": "p1"}, by="bob")
    assert (await cost(rules, later), await cost(rules, later, "p2")) == (2, 0)
    refused = [
        ({"start": rules.now - 1}, "Cannot create a rule with start in the past"),
        ({"end": later}, "The end of a rule has to be after its start."),
        ({"end": rules.now - 1}, "A rule cannot end in the past."),
    ]
    for change, said in refused:
        with pytest.raises(BadRule) as error:
            await rules.change_mapping(one, change, by="bob")
        assert str(error.value).startswith(said)


async def test_a_change_may_not_say_what_another_rule_says(rules: Rules) -> None:
    cpu, now = await service(rules), rules.now
    one = await mapping(rules, service_id=cpu, start=now + HOUR, end=now + 2 * HOUR)
    await mapping(rules, service_id=cpu, start=now + 2 * HOUR)
    with pytest.raises(RuleExists):
        await rules.change_mapping(one, {"end": None}, by="bob")
    low = await threshold(rules, service_id=cpu, level="1")
    await threshold(rules, service_id=cpu, level="2")
    with pytest.raises(RuleExists):
        await rules.change_threshold(low, {"level": "2.0"})
    changed = await rules.change_threshold(low, {"cost": "7", "level": "1.5"})
    assert (changed["cost"], changed["level"]) == ("7", "1.5")


# What goes with what


async def family(rules: Rules) -> tuple[str, str, str]:
    """A service, its field and a group, with rules of each; and another service with one."""
    cpu, other = await service(rules), await service(rules, "ram")
    flavor, many = await field(rules, cpu), await group(rules)
    await mapping(rules, service_id=cpu)
    await threshold(rules, service_id=cpu, group_id=many)
    await mapping(rules, field_id=flavor, value="big", group_id=many)
    await threshold(rules, field_id=flavor)
    await mapping(rules, service_id=other)
    return cpu, flavor, many


async def test_a_service_goes_with_its_fields_and_all_their_rules(rules: Rules) -> None:
    cpu, _, _ = await family(rules)
    await rules.delete(SERVICE, cpu)
    assert await count(rules) == {SERVICE: 1, FIELD: 0, GROUP: 1, MAPPING: 1, THRESHOLD: 0}


async def test_a_field_goes_with_its_rules(rules: Rules) -> None:
    _, flavor, _ = await family(rules)
    await rules.delete(FIELD, flavor)
    assert await count(rules) == {SERVICE: 2, FIELD: 0, GROUP: 1, MAPPING: 2, THRESHOLD: 1}


async def test_a_group_leaves_its_rules_unless_it_is_told_to_take_them(rules: Rules) -> None:
    _, _, many = await family(rules)
    await rules.delete(GROUP, many)
    assert await count(rules) == {SERVICE: 2, FIELD: 1, GROUP: 0, MAPPING: 3, THRESHOLD: 2}
    book = await rules.book()
    left = [*book.live(MAPPING), *book.live(THRESHOLD)]
    assert all(one["group_id"] is None for one in left)


async def test_a_group_may_take_its_rules_with_it(rules: Rules) -> None:
    _, _, many = await family(rules)
    await rules.delete(GROUP, many, recursive=True)
    assert await count(rules) == {SERVICE: 2, FIELD: 1, GROUP: 0, MAPPING: 2, THRESHOLD: 1}


async def test_a_group_does_not_leave_rules_that_say_what_others_say(rules: Rules) -> None:
    cpu, many = await service(rules), await group(rules)
    await mapping(rules, service_id=cpu, cost="1")
    await mapping(rules, service_id=cpu, cost="2", group_id=many)
    with pytest.raises(RuleExists):
        await rules.delete(GROUP, many)
    # Both count, as before.
    assert await cost(rules, rules.now) == 3
    await rules.delete(GROUP, many, recursive=True)
    assert await cost(rules, rules.now) == 1


async def test_a_mapping_that_was_deleted_counts_for_nothing_not_even_in_the_past(
    rules: Rules,
) -> None:
    cpu = await service(rules)
    one = await mapping(rules, service_id=cpu, start=0, force=True)
    assert await cost(rules, HOUR) == 1
    await rules.delete(MAPPING, one, by="bob")
    assert await cost(rules, HOUR) == 0
    kept = (await rules.book()).of(MAPPING)[one]
    assert (kept["deleted"], kept["deleted_by"]) == (rules.now, "bob")
    again: list[Callable[[], Awaitable[Any]]] = [
        lambda: rules.delete(MAPPING, one),
        lambda: rules.change_mapping(one, {"end": None}, by="bob"),
    ]
    for ask in again:
        with pytest.raises(RuleMissing):
            await ask()
    # And does not hold up another one.
    await mapping(rules, service_id=cpu, start=0, cost="4", force=True)
    assert await cost(rules, HOUR) == 4


@pytest.mark.parametrize("kind", [SERVICE, FIELD, GROUP, MAPPING, THRESHOLD])
async def test_what_is_not_there_cannot_be_deleted(rules: Rules, kind: str) -> None:
    with pytest.raises(RuleMissing) as refused:
        await rules.delete(kind, "none")
    assert (refused.value.kind, refused.value.id) == (kind, "none")


# How many


async def test_there_are_as_many_as_may_be_and_each_of_them_can_still_be_changed(
    store: Store, clock: FakeClock
) -> None:
    rules = Rules(store, clock, limit=3)
    cpu = await service(rules)
    one = await mapping(rules, service_id=cpu)
    level = await threshold(rules, service_id=cpu)
    with pytest.raises(TooMany):
        await service(rules, "ram")
    await rules.change_mapping(one, {"end": rules.now + HOUR}, by="bob")
    await rules.change_threshold(level, {"cost": "2"})
    await rules.set_module("hashmap", enabled=False)
    await rules.delete(MAPPING, one)
    # What was deleted takes nobody's place.
    await mapping(rules, service_id=cpu)


async def test_of_what_was_deleted_only_the_newest_is_kept(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEPT_DELETED >= 100
    monkeypatch.setattr("odimra.rating.rules.KEPT_DELETED", 3)
    cpu, made = await service(rules), []
    for _ in range(5):
        made.append(await mapping(rules, service_id=cpu))
        await rules.delete(MAPPING, made[-1])
    assert list((await rules.book()).of(MAPPING)) == made[2:]


# Races


async def outcomes(*asked: Awaitable[Any]) -> list[str]:
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, RatingError) for one in said if isinstance(one, BaseException))
    return sorted(type(one).__name__ for one in said if isinstance(one, RatingError))


async def test_of_racing_equal_ones_one_is_made(store: Store, clock: FakeClock) -> None:
    both = [Rules(store, clock), Rules(store, clock)]  # of two processes
    assert await outcomes(*(one.add_service("cpu") for one in both * 5)) == ["RuleExists"] * 9
    (cpu,) = (await both[0].book()).of(SERVICE)
    asked = [one.add_mapping({"service_id": cpu, "cost": "1"}, by="a") for one in both * 5]
    assert await outcomes(*asked) == ["RuleExists"] * 9
    assert await count(both[1]) == {SERVICE: 1, FIELD: 0, GROUP: 0, MAPPING: 1, THRESHOLD: 0}


async def test_of_racing_different_ones_all_are_made(store: Store, clock: FakeClock) -> None:
    both = [Rules(store, clock), Rules(store, clock)]
    asked = [one.add_service(f"s{n}-{m}") for n in range(60) for m, one in enumerate(both)]
    assert await outcomes(*asked) == []
    book = await both[0].book()
    assert len(book.of(SERVICE)) == 120
    assert len({one["number"] for one in book.live(SERVICE)}) == 120


async def test_a_rule_that_races_with_the_end_of_its_service_is_gone_or_refused(
    store: Store, clock: FakeClock
) -> None:
    both = [Rules(store, clock), Rules(store, clock)]
    for turn in range(10):
        cpu = await service(both[0], f"cpu{turn}")
        said = await outcomes(
            both[0].delete(SERVICE, cpu),
            *(mapping(both[1], service_id=cpu, tenant_id=f"p{n}") for n in range(3)),
        )
        assert set(said) <= {"RuleMissing"}
        assert set((await count(both[0])).values()) == {0}


async def test_of_racing_deletes_one_wins(store: Store, clock: FakeClock) -> None:
    both = [Rules(store, clock), Rules(store, clock)]
    one = await mapping(both[0], service_id=await service(both[0]))
    assert await outcomes(*(r.delete(MAPPING, one) for r in both * 3)) == ["RuleMissing"] * 5


# Who sees it


async def test_a_change_is_seen_by_everybody_at_once(store: Store, clock: FakeClock) -> None:
    one, other = Rules(store, clock), Rules(store, clock)
    assert await cost(other, clock.now_ms() // 1000) == 0
    await mapping(one, service_id=await service(one), cost="5")
    assert await cost(other, clock.now_ms() // 1000) == 5
    await one.set_module("hashmap", enabled=False)
    assert await cost(other, clock.now_ms() // 1000) == 0
    await one.set_module("hashmap", enabled=True)
    assert await cost(other, clock.now_ms() // 1000) == 5


async def test_scopes_without_rules_of_their_own_share_what_is_made_of_the_rules(
    rules: Rules,
) -> None:
    cpu = await service(rules)
    await mapping(rules, service_id=cpu)
    await mapping(rules, service_id=cpu, tenant_id="special", cost="2")
    book = await rules.book()
    assert book.hashmap("p1", rules.now) is book.hashmap("p2", rules.now)
    assert book.hashmap("special", rules.now) is not book.hashmap("p1", rules.now)
    assert [await cost(rules, rules.now, one) for one in ("p1", "special")] == [1, 2]
