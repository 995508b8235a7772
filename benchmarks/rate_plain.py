"""The floor of rating: the same rules on the same points, in memory, by a loop without a store.

``python -m benchmarks.rate_plain RULES PERIODS POINTS`` prints the seconds that it took and the sum
of all prices. It follows the rules one by one as the reference words them; it reads nothing, writes
nothing, and keeps no place.
"""

from __future__ import annotations

import sys
import time
from decimal import Decimal

from benchmarks import rating_load as load

#: Field and value (None for the service itself), kind, cost.
Mapping = tuple[str | None, str | None, str, Decimal]
#: Level, kind, cost; the highest first.
Level = tuple[Decimal, str, Decimal]
Groups = list[tuple[list[Mapping], list[Level]]]


def groups(rules: load.Rules) -> dict[str, Groups]:
    """Return the rules of each metric, by group."""
    found: dict[str, Groups] = {}
    for metric, cost in rules.costs.items():
        mappings: list[Mapping] = [(None, None, "flat", cost)]
        levels: list[Level] = []
        if rules.fields:
            mappings += [("flavor", name, "rate", rate) for name, rate in load.RATES.items()]
        if rules.levels:
            levels = [(level, "rate", factor) for level, factor in reversed(load.LEVELS)]
        found[metric] = [(mappings, levels)]
        if rules.groups:
            found[metric].append(([(None, None, "flat", load.SURCHARGE)], []))
    return found


def price(by_group: Groups, qty: Decimal, attributes: dict[str, str]) -> Decimal:
    """Return what a point costs."""
    total = Decimal(0)
    for mappings, levels in by_group:
        flat, rate = Decimal(0), Decimal(1)
        for field, value, kind, cost in mappings:
            if field is not None and attributes.get(field) != value:
                continue
            if kind == "flat":
                flat = max(flat, cost)
            else:
                rate *= cost
        of_group = flat * rate * qty
        for level, kind, cost in levels:
            if level <= qty:
                of_group = of_group + cost if kind == "flat" else of_group * cost
                break
        total += of_group
    return total


def main(rules: load.Rules, periods: int, count: int) -> None:
    """Rate every point once."""
    every = [
        (one["metric"], Decimal(one["qty"]), {**one["metadata"], **one["groupby"]})
        for scope in range(load.SCOPES)
        for period in range(periods)
        for one in load.points(rules, scope, period, count)
    ]
    started, total = time.monotonic(), Decimal(0)
    by_metric, prices = groups(rules), []
    for metric, qty, attributes in every:
        found = price(by_metric[metric], qty, attributes)
        prices.append(found)
        total += found
    print(time.monotonic() - started, total)


if __name__ == "__main__":
    main(load.SETS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3]))
