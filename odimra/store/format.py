"""The mark that says in which format the data of a store is.

Each process looks at it before it does anything. Moving from one format to another is the affair of
who knows the data; here is only the mark.
"""

from __future__ import annotations

from dataclasses import dataclass

import odimra
from odimra.store.scripts import Script
from odimra.store.store import Store

LOOK = Script.from_package("odimra.store", "lua/format.lua")
MOVE = Script.from_package("odimra.store", "lua/format_move.lua")

#: The format that this version writes.
NEWEST = 2
#: The oldest that it can bring up to that.
OLDEST = 1
#: What stands in a store into which a backup is being brought: nobody can use it.
UNFINISHED = 0


class WrongFormat(Exception):
    """The data cannot be used as it is; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Mark:
    """In which format the data is, and the version of odimra that wrote so."""

    format: int
    by: str


class Format:
    """The mark of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        keys = store.keys
        self._key = keys.of("format")
        # The identity is there from the first start on; tasks and accounts for stores without it.
        self._witnesses = [
            keys.of("setting", "identity"),
            keys.index("tasks"),
            keys.index("accounts"),
            keys.events,
        ]

    async def look(self) -> Mark:
        """Return the mark; an empty store gets one. Raises StoreUnavailable."""
        found, by = await self._store.script(
            LOOK,
            keys=[self._key, *self._witnesses],
            args=[NEWEST, odimra.__version__],
            changes=(),
        )
        return Mark(int(found), (by or b"").decode())

    async def move(self, before: int, after: int) -> bool:
        """Say that the data is in another format; False if it was not in the one before."""
        return bool(
            await self._store.script(
                MOVE,
                keys=[self._key],
                args=[before, after, odimra.__version__],
                changes=(),
            )
        )


def check(mark: Mark) -> None:
    """Raise :class:`WrongFormat` unless this version works on data of the format."""
    if mark.format == NEWEST:
        return
    if mark.format == UNFINISHED:
        raise WrongFormat(
            "a backup was being brought into this store and that did not end: "
            "run 'odimra store restore' again"
        )
    if mark.format > NEWEST:
        raise WrongFormat(
            f"the data in the store is of format {mark.format}, written by odimra {mark.by}; this "
            f"is {odimra.__version__} and knows formats up to {NEWEST}: install {mark.by} or "
            f"newer, or run its 'odimra store downgrade --to {NEWEST}' first"
        )
    raise WrongFormat(
        f"the data in the store is of format {mark.format} and this version works on {NEWEST}: "
        "stop all its processes, take a backup, and run 'odimra store upgrade'"
    )
