"""The hashmap module of CloudKitty: mappings and thresholds, and the price they come to.

A rule is of a service (a metric) or of a field of one (an attribute of its points), and belongs to
a group or to none, which is a group of its own. Of each group the highest flat cost counts, and the
product of the rates; of its thresholds only the highest one that is reached. Groups add up.
Pure: built once for a scope and a time, then asked for every point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from odimra.rating.model import ARITHMETIC, ONE, ZERO, Point

FLAT: Final = "flat"
RATE: Final = "rate"
_multiply, _add = ARITHMETIC.multiply, ARITHMETIC.add
#: Combinations of attributes of which is kept what the rules of a metric make.
MOST_KNOWN: Final = 10_000


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

    ``factor`` is for each unit, with the threshold of a field that is reached at ``reached``;
    ``without`` is the same without that: a higher threshold of the service is in its place.
    """

    factor: Decimal
    without: Decimal
    reached: Decimal | None
    levels: list[tuple[Decimal, _Cost]]

    def price(self, qty: Decimal) -> Decimal:
        """Return what so much costs."""
        for level, cost in self.levels:
            if level <= qty:
                if self.reached is not None and self.reached >= level:
                    break
                # Of the service as a whole: a flat one is not times the quantity.
                price = _multiply(self.without, qty)
                if cost.kind == FLAT:
                    return _add(price, cost.cost)
                return _multiply(price, cost.cost)
        return _multiply(self.factor, qty)


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
        return _Share(factor, without, level, self.levels)

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
    known: dict[tuple[str | None, ...], tuple[list[_Share], frozenset[str]]] = field(
        default_factory=dict
    )

    def values(
        self, groupby: Mapping[str, str], metadata: Mapping[str, str]
    ) -> tuple[str | None, ...]:
        """Return the attributes of a point by the ``names``."""
        found = []
        for name in self.names:
            value = groupby.get(name)
            found.append(metadata.get(name) if value is None else value)
        return tuple(found)

    def shares(self, values: tuple[str | None, ...]) -> tuple[list[_Share], frozenset[str]]:
        """Return what each group makes of these values of its ``names``, and what was no number."""
        skipped: set[str] = set()
        attributes = dict(zip(self.names, values, strict=True))
        shares = [group.share(attributes, skipped) for group in self.groups.values()]
        found = shares, frozenset(skipped)
        # Several threads may be here: what one keeps another may clear at once.
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
        self.known[values] = found
        return found


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
    ) -> None:
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

    def _group(self, service: str, name: str | None) -> _Group:
        return self._metrics.setdefault(service, _Metric()).groups.setdefault(name, _Group())

    def price(self, metric: str, point: Point, skipped: set[str] | None = None) -> Decimal:
        """Return what a point of a metric costs, beside what it costs already.

        Names of fields with a threshold whose value is no number are added to ``skipped``.
        """
        cost = self.cost(metric, point.qty, point.groupby, point.metadata, skipped)
        return ARITHMETIC.add(point.price, cost)

    def cost(
        self,
        metric: str,
        qty: Decimal,
        groupby: Mapping[str, str],
        metadata: Mapping[str, str],
        skipped: set[str] | None = None,
    ) -> Decimal:
        """Return what so much of a metric costs; whose it is comes before what it is."""
        rules = self._metrics.get(metric)
        if rules is None:
            return ZERO
        # Here is most of the time of rating: what can be known before is not looked at again.
        values = rules.values(groupby, metadata)
        known = rules.known.get(values)
        shares, odd = rules.shares(values) if known is None else known
        if odd and skipped is not None:
            skipped |= odd
        total = ZERO
        for share in shares:
            part = share.price(qty) if share.levels else _multiply(share.factor, qty)
            total = _add(total, part)
        return total
