"""Usage and its price: what a point of usage is.

Times are whole seconds since the epoch (UTC). Pure; used by all of this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final

#: How amounts are counted: 28 digits, half to even, as CloudKitty does it.
ARITHMETIC: Final = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity of a metric that something used in a period.

    ``groupby`` says whose it is and of which resource, ``metadata`` what else is known of that.
    ``price`` is what it costs so far.
    """

    qty: Decimal
    unit: str
    groupby: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    price: Decimal = ZERO

    def attribute(self, name: str) -> str | None:
        """Return what is known of the resource by a name; whose it is comes before what it is."""
        found = self.groupby.get(name)
        return self.metadata.get(name) if found is None else found
