"""What the rows about rating rate: rules, and points of usage, the same for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

SCOPES = 10
PERIOD = 3600
#: A multiple of the period, long ago.
START = 1_700_000_000 - 1_700_000_000 % PERIOD
METRICS = ("cpu", "ram", "disk", "traffic")
FLAVORS = [f"flavor-{number}" for number in range(10)]
COSTS = {metric: Decimal(number + 1) / 1000 for number, metric in enumerate(METRICS)}
RATES = {flavor: Decimal(100 + number) / 100 for number, flavor in enumerate(FLAVORS)}
LEVELS = [(Decimal(50), Decimal("0.98")), (Decimal(200), Decimal("0.95"))]
SURCHARGE = Decimal("0.0005")


def points(scope: int, period: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the points of a scope in a period: metric, quantity, whose it is, what it is."""
    for number in range(count):
        seed = scope * 7919 + period * 104729 + number * 1299709
        yield {
            "metric": METRICS[number % len(METRICS)],
            "qty": str(Decimal(seed % 30000) / 100),
            "groupby": {"project_id": f"p{scope}", "id": f"r{number}"},
            "metadata": {"flavor": FLAVORS[seed // 7 % len(FLAVORS)], "zone": "north"},
        }
