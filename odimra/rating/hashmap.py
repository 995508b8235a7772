"""The hashmap module of CloudKitty: mappings and thresholds, and the price they come to.

A rule is of a service (a metric) or of a field of one (an attribute of its points), and belongs to
a group or to none, which is a group of its own. Of each group the highest flat cost counts, and the
product of the rates; of its thresholds only the highest one that is reached. Groups add up.
Pure: built once for a scope and a time, then asked for every point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Final, TypeVar

from odimra.rating.model import ARITHMETIC, ONE, ZERO, Point

FLAT: Final = "flat"
RATE: Final = "rate"
#: Things that are kept of what was worked out before, by all hashmaps of a book: some 20 MB where
#: there is little metadata.
MOST_KNOWN: Final = 50_000

#: What a point has by the names that the rules of its metric look at.
Values = tuple[str | None, ...]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class MappingRule:
    """A cost of a service, or of a value of a field.

    ``service`` is the name of the metric, ``field`` and ``value`` are None for the service itself.
    It holds from ``start`` on, and until before ``end`` where there is one. ``tenant`` is the scope
    that it is for, None for all.
    """

    service: str
    kind: str
    cost: Decimal
    start: int
    end: int | None = None
    field: str | None = None
    value: str | None = None
    group: str | None = None
    tenant: str | None = None

    def holds(self, at: int) -> bool:
        """Tell whether it holds for a period that begins at ``at``."""
        return self.start <= at and (self.end is None or self.end > at)


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A cost of a service, or of a field, from a level on. It holds at all times."""

    service: str
    kind: str
    cost: Decimal
    level: Decimal
    field: str | None = None
    group: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class _Cost:
    kind: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class _Share:
    """What a group makes of all points with the same attributes, but for their quantity.

    ``factor`` is for each unit, with the threshold of a field that is reached; ``levels`` are the
    thresholds of the service above that, in falling order. Where one of them is reached, it is in
    its place, and ``without`` is for each unit.
    """

    factor: Decimal
    without: Decimal
    levels: list[tuple[Decimal, _Cost]]


class Shares:
    """What all groups make of points with the same attributes.

    ``odd`` are the names of attributes that rules need as numbers and that are none.
    """

    __slots__ = ("_parts", "odd")

    def __init__(self, parts: Iterable[_Share], odd: frozenset[str]) -> None:
        self._parts = [
            (
                one.factor,
                one.without,
                [(level, of.kind == FLAT, of.cost) for level, of in one.levels],
            )
            for one in parts
        ]
        self.odd = odd

    def price(self, qty: Decimal) -> Decimal:
        """Return what so much costs. The context of the thread has to be :data:`ARITHMETIC`."""
        # Here is most of the time of rating; operators are twice as fast as a context's methods.
        total = ZERO
        for factor, without, levels in self._parts:
            for level, flat, cost in levels:
                if level <= qty:
                    # Of the service as a whole: a flat one is not times the quantity.
                    part = without * qty
                    total += part + cost if flat else part * cost
                    break
            else:
                total += factor * qty
        return total


class Room:
    """How much is kept of what was worked out before: ``most`` things in all of some dicts."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._count = 0
        self._kept: list[dict[Any, Any]] = []

    def holds(self, kept: dict[K, V]) -> dict[K, V]:
        """Count what is put into a dict by :meth:`put`."""
        self._kept.append(kept)
        return kept

    def put(self, kept: dict[K, V], key: K, value: V) -> None:
        """Keep something; when there is no more room, forget everything else.

        Several threads may do so at once: none may rely on what it has just put in.
        """
        self._count += 1
        if self._count > self._most:
            self._count = 1
            for one in self._kept:
                one.clear()
        kept[key] = value


@dataclass(slots=True)
class _Group:
    """The rules of one group for one metric: costs by what they are of."""

    service: _Cost | None = None
    fields: dict[str, dict[str, _Cost]] = field(default_factory=dict)
    #: Levels in falling order.
    levels: list[tuple[Decimal, _Cost]] = field(default_factory=list)
    field_levels: dict[str, list[tuple[Decimal, _Cost]]] = field(default_factory=dict)

    def share(self, attributes: Mapping[str, str | None], skipped: set[str]) -> _Share:
        """Return what the group makes of points with these attributes."""
        flat, rate = ZERO, ONE
        multiply = ARITHMETIC.multiply
        for one in self._matched(attributes):
            if one.kind == FLAT:
                flat = max(flat, one.cost)
            else:
                rate = multiply(rate, one.cost)
        without = factor = multiply(flat, rate)
        level, cost = self._reached(attributes, skipped)
        if cost is not None:
            if cost.kind == FLAT:
                flat = ARITHMETIC.add(flat, cost.cost)
            else:
                rate = multiply(rate, cost.cost)
            factor = multiply(flat, rate)
        above = [one for one in self.levels if level is None or one[0] > level]
        return _Share(factor, without, above)

    def _matched(self, attributes: Mapping[str, str | None]) -> Iterable[_Cost]:
        if self.service is not None:
            yield self.service
        for name, values in self.fields.items():
            found = attributes[name]
            if found is not None and found in values:
                yield values[found]

    def _reached(
        self, attributes: Mapping[str, str | None], skipped: set[str]
    ) -> tuple[Decimal | None, _Cost | None]:
        """Return the highest threshold of a field that is reached: its level and its cost."""
        best: tuple[Decimal | None, _Cost | None] = (None, None)
        for name, levels in self.field_levels.items():
            text = attributes[name]
            if text is None:
                continue
            amount = number(text)
            if amount is None:
                skipped.add(name)
                continue
            for level, cost in levels:
                if level <= amount:
                    if best[0] is None or best[0] < level:
                        best = (level, cost)
                    break
        return best


@dataclass(slots=True)
class _Metric:
    """All groups of a metric; what they make of attributes that were there before is known."""

    groups: dict[str | None, _Group] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    known: dict[Values, Shares] = field(default_factory=dict)

    def shares(self, values: Values) -> Shares:
        """Return what the groups make of these values of the ``names``."""
        skipped: set[str] = set()
        attributes = dict(zip(self.names, values, strict=True))
        found = [group.share(attributes, skipped) for group in self.groups.values()]
        return Shares(found, frozenset(skipped))


#: What points cost for which there are no rules.
NOTHING: Final = Shares((), frozenset())


def number(text: str) -> Decimal | None:
    """Return the decimal that a text is, None if it is none that can be counted with."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


class Hashmap:
    """The rules that hold for one scope at one time."""

    def __init__(
        self,
        mappings: Iterable[MappingRule],
        thresholds: Iterable[ThresholdRule],
        *,
        scope: str,
        at: int,
        room: Room | None = None,
    ) -> None:
        self.room = room or Room()
        self._metrics: dict[str, _Metric] = {}
        # What is for this scope replaces what is for all: so it comes behind.
        live = [one for one in mappings if one.holds(at) and one.tenant in (None, scope)]
        for mapping in sorted(live, key=lambda one: one.tenant is not None):
            group = self._group(mapping.service, mapping.group)
            cost = _Cost(mapping.kind, mapping.cost)
            if mapping.field is None:
                group.service = cost
            else:
                group.fields.setdefault(mapping.field, {})[mapping.value or ""] = cost
        levels: dict[tuple[str, str | None, str | None], dict[Decimal, _Cost]] = {}
        chosen = [one for one in thresholds if one.tenant in (None, scope)]
        for one in sorted(chosen, key=lambda one: one.tenant is not None):
            at_levels = levels.setdefault((one.service, one.group, one.field), {})
            at_levels[one.level] = _Cost(one.kind, one.cost)
        for (service, name, attribute), found in levels.items():
            group = self._group(service, name)
            falling = sorted(found.items(), reverse=True, key=lambda pair: pair[0])
            if attribute is None:
                group.levels = falling
            else:
                group.field_levels[attribute] = falling

        for metric in self._metrics.values():
            names = [
                name
                for group in metric.groups.values()
                for name in (*group.fields, *group.field_levels)
            ]
            metric.names = tuple(dict.fromkeys(names))
            self.room.holds(metric.known)

    def _group(self, service: str, name: str | None) -> _Group:
        return self._metrics.setdefault(service, _Metric()).groups.setdefault(name, _Group())

    def price(self, metric: str, point: Point, skipped: set[str] | None = None) -> Decimal:
        """Return what a point of a metric costs, beside what it costs already.

        Names of fields with a threshold whose value is no number are added to ``skipped``.
        """
        shares = self.shares(metric, point.groupby, point.metadata)
        if skipped is not None:
            skipped |= shares.odd
        with localcontext(ARITHMETIC):
            return point.price + shares.price(point.qty)

    def names(self, metric: str) -> tuple[str, ...]:
        """Return which attributes of its points the rules of a metric look at."""
        rules = self._metrics.get(metric)
        return () if rules is None else rules.names

    def shares(
        self, metric: str, groupby: Mapping[str, str], metadata: Mapping[str, str]
    ) -> Shares:
        """Return what the rules make of such points; whose it is comes before what it is."""
        rules = self._metrics.get(metric)
        if rules is None:
            return NOTHING
        whose = [groupby.get(name) for name in rules.names]
        values = tuple(
            metadata.get(name) if value is None else value
            for name, value in zip(rules.names, whose, strict=True)
        )
        found = rules.known.get(values)
        if found is None:
            found = rules.shares(values)
            self.room.put(rules.known, values, found)
        return found
