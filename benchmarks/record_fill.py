"""Fills a store with records through the service's own step, one write each.

Each looks like a user with a date on which its time is up: that of every so many has passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from odimra.clock import SystemClock
from odimra.records.records import RecordOptions, Records
from odimra.store import Store, StoreOptions

TYPE = "managed/user"
BATCH = 500
PAST, FUTURE = "2019-10-09T10:48:14.000Z", "2999-10-09T10:48:14.000Z"


def user(number: int, every: int) -> dict[str, Any]:
    """Return the content of a record, about 300 bytes of JSON."""
    return {
        "userName": f"user{number:07d}",
        "mail": f"user{number:07d}@example.com",
        "givenName": "Ada",
        "sn": f"Example {number}",
        "active": True,
        "accountStatus": "active",
        "sunset": {"date": PAST if number % every == 0 else FUTURE},
        "address": {"street": "1 Long Road Without End", "city": "Somewhere", "zip": "12345"},
        "groups": ["staff", "users", "printers"],
    }


async def fill(url: str, have: int, want: int, every: int, told: Callable[[int], None]) -> None:
    """Make as many records more as there are to be; the time of every ``every``-th is up.

    ``told`` hears how many are there now and then.
    """
    store = await Store.open(StoreOptions(url, timeout=60, cache_entries=0))
    try:
        records = Records(store, RecordOptions(), SystemClock())
        for first in range(have, want, BATCH):
            numbers = range(first, min(first + BATCH, want))
            await asyncio.gather(
                *(records.create(TYPE, user(one, every), f"u{one:07d}") for one in numbers)
            )
            told(numbers[-1] + 1)
    finally:
        await store.close()
