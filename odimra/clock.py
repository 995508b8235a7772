"""Time, passed in so that tests own it.

Everything that needs the time or waits takes a :class:`Clock`; nothing else in the package
reads a clock of its own. Knows nobody.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; cancellable."""
        await asyncio.sleep(seconds)


def iso(milliseconds: int) -> str:
    """Render epoch milliseconds as a Redfish Date-Time (DSP0266), to the millisecond."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def iso_seconds(milliseconds: int) -> str:
    """Render epoch milliseconds as a Redfish Date-Time, to the second."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"
