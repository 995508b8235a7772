"""Time, passed in so that tests own it.

Everything that needs the time or waits takes a :class:`Clock`; nothing else in the package
reads a clock of its own. Knows nobody.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
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
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


def iso_seconds(milliseconds: int) -> str:
    """Render epoch milliseconds as a Redfish Date-Time, to the second."""
    return f"{_second(milliseconds // 1000)}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    # What happens at the same time is shown at the same time: the rendering is most of the work.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
