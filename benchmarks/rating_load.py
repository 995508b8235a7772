"""What the rows about rating rate: rules, and points of usage, the same for everybody.

Each set of rules has scopes and metrics of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SCOPES = 10
PERIOD = 3600
#: A multiple of the period, long ago.
START = 1_700_000_000 - 1_700_000_000 % PERIOD
KINDS = ("cpu", "ram", "disk", "traffic")
FLAVORS = [f"flavor-{number}" for number in range(10)]
COSTS = [Decimal(number + 1) / 1000 for number in range(len(KINDS))]
RATES = {flavor: Decimal(100 + number) / 100 for number, flavor in enumerate(FLAVORS)}
LEVELS = [(Decimal(50), Decimal("0.98")), (Decimal(200), Decimal("0.95"))]
SURCHARGE = Decimal("0.0005")


@dataclass(frozen=True)
class Rules:
    """What there is beside a flat cost of each metric.

    ``fields``: a rate for each flavor; ``levels``: two thresholds of the quantity; ``groups``: a
    surcharge in a group.
    """

    name: str
    fields: bool = False
    levels: bool = False
    groups: bool = False

    @property
    def scopes(self) -> list[str]:
        """Return the scopes whose usage these rules rate."""
        return [f"{self.name}-{number}" for number in range(SCOPES)]

    @property
    def costs(self) -> dict[str, Decimal]:
        """Return the flat cost of each metric."""
        return {f"{self.name}.{kind}": cost for kind, cost in zip(KINDS, COSTS, strict=True)}


ALL = Rules("all", fields=True, levels=True, groups=True)
SETS = {
    one.name: one
    for one in (
        Rules("flat"),
        Rules("fields", fields=True),
        Rules("thresholds", levels=True),
        Rules("groups", groups=True),
        ALL,
    )
}


def points(rules: Rules, scope: int, period: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the points of a scope in a period: metric, quantity, whose it is, what it is."""
    for number in range(count):
        seed = scope * 7919 + period * 104729 + number * 1299709
        yield {
            "metric": f"{rules.name}.{KINDS[number % len(KINDS)]}",
            "qty": str(Decimal(seed % 30000) / 100),
            "groupby": {"project_id": f"{rules.name}-{scope}", "id": f"r{number}"},
            "metadata": {"flavor": FLAVORS[seed // 7 % len(FLAVORS)], "zone": "north"},
        }
