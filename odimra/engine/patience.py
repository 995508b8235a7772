"""Waits for a store that is away: a job does not fail because the store restarts.

Used by :mod:`.context` and by the kinds of jobs that have steps of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")


async def patiently(step: Callable[[], Awaitable[T]], *, who: str = "a job") -> T:
    """Do ``step``; while the store is away, wait for it and try again."""
    delay = 0.1
    while True:
        try:
            return await step()
        except StoreUnavailable as error:
            log.warning("%s waits for the store: %s", who, error)
        # Real time on purpose: this waits for a server, not for the job.
        await asyncio.sleep(delay)
        delay = min(delay * 2, 2.0)
