"""The counts of tasks, made from the tasks themselves; for stores that were written without them.

While nothing else works on the store. Called by whoever brings a store from one format to another.
"""

from __future__ import annotations

import uuid

import odimra
from odimra.store import Script, Store

RECOUNT = Script.from_package("odimra.tasks", "lua/recount.lua")
RECOUNTED = Script.from_package("odimra.tasks", "lua/recounted.lua")
#: Tasks that are counted in one step.
BATCH = 2_000
#: Names of minutes are numbers; so many are there at most, and some to spare.
MINUTES = 27 * 60


async def recount(store: Store, before: int, after: int) -> int:
    """Count all top-level tasks by kind and state, and return how many there are.

    The counts are in force in the step that says that the data is of the format ``after``. Of
    several that do this at once one has done it; who is killed in the middle has changed nothing.
    """
    keys = store.keys
    fresh, counted = keys.of("tally", "fresh", uuid.uuid4().hex), 0
    while True:
        args: list[str | int] = [keys.root, counted, BATCH]
        found = int(await store.script(RECOUNT, keys=[fresh], args=args, changes=()))
        counted += found
        if found < BATCH:
            break
    await store.script(
        RECOUNTED,
        keys=[fresh, keys.of("tally"), keys.of("format")],
        args=[before, after, odimra.__version__],
        changes=(),
    )
    return counted


async def forget_counts(store: Store, now_ms: int) -> None:
    """Remove what is counted of tasks, for versions that count nothing."""
    keys = store.keys
    minute = now_ms // 60_000
    history = [keys.of("history", str(minute - ago)) for ago in range(-5, MINUTES)]
    await store.call("DEL", keys.of("tally"), keys.of("totals"), *history)
