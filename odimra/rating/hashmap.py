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


@dataclass(slots=True)
class _Group:
    """The rules of one group for one metric: costs by what they are of."""

    service: _Cost | None = None
    fields: dict[str, dict[str, _Cost]] = field(default_factory=dict)
    #: Levels in falling order.
    levels: list[tuple[Decimal, _Cost]] = field(default_factory=list)
    field_levels: dict[str, list[tuple[Decimal, _Cost]]] = field(default_factory=dict)

    def price(self, point: Point, skipped: set[str] | None) -> Decimal:
        """Return what the group makes of a point."""
        flat, rate = ZERO, ONE
        multiply = ARITHMETIC.multiply
        for one in self._matched(point):
            if one.kind == FLAT:
                flat = max(flat, one.cost)
            else:
                rate = multiply(rate, one.cost)
        _, of_service, reached = self._reached(point, skipped)
        if reached is not None and not of_service:
            if reached.kind == FLAT:
                flat = ARITHMETIC.add(flat, reached.cost)
            else:
                rate = multiply(rate, reached.cost)
        price = multiply(multiply(flat, rate), point.qty)
        if reached is not None and of_service:
            # Of the service as a whole: a flat one is not times the quantity.
            if reached.kind == FLAT:
                price = ARITHMETIC.add(price, reached.cost)
            else:
                price = multiply(price, reached.cost)
        return price

    def _matched(self, point: Point) -> Iterable[_Cost]:
        if self.service is not None:
            yield self.service
        for name, values in self.fields.items():
            found = point.attribute(name)
            if found is not None and found in values:
                yield values[found]

    def _reached(
        self, point: Point, skipped: set[str] | None
    ) -> tuple[Decimal | None, bool, _Cost | None]:
        """Return the highest level that the point reaches: it, whether of the service, the cost."""
        best: tuple[Decimal | None, bool, _Cost | None] = (None, False, None)
        for name, levels in self.field_levels.items():
            text = point.attribute(name)
            if text is None:
                continue
            amount = number(text)
            if amount is None:
                if skipped is not None:
                    skipped.add(name)
                continue
            best = _highest(best, levels, amount, of_service=False)
        return _highest(best, self.levels, point.qty, of_service=True)


def _highest(
    best: tuple[Decimal | None, bool, _Cost | None],
    levels: list[tuple[Decimal, _Cost]],
    amount: Decimal,
    *,
    of_service: bool,
) -> tuple[Decimal | None, bool, _Cost | None]:
    for level, cost in levels:
        if level <= amount:
            return best if best[0] is not None and best[0] >= level else (level, of_service, cost)
    return best


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
        self._groups: dict[str, dict[str | None, _Group]] = {}
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

    def _group(self, service: str, name: str | None) -> _Group:
        return self._groups.setdefault(service, {}).setdefault(name, _Group())

    def price(self, metric: str, point: Point, skipped: set[str] | None = None) -> Decimal:
        """Return what a point of a metric costs, beside what it costs already.

        Names of fields with a threshold whose value is no number are added to ``skipped``.
        """
        total = point.price
        for group in self._groups.get(metric, _NOTHING).values():
            total = ARITHMETIC.add(total, group.price(point, skipped))
        return total


_NOTHING: Mapping[str | None, _Group] = {}
