"""How far the delivery of subscriptions is behind what has happened, and what went wrong last.

Called by those who show it; reads only, in one step for all subscriptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from odimra.events.subscriptions import Subscriptions
from odimra.store import Script, Store

BACKLOG = Script.from_package("odimra.events", "lua/later.lua", "lua/backlog.lua")

#: Events that are counted at most, of all subscriptions together: nobody waits long for the server.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Where a delivery stands.

    ``behind``: events that it has not come to yet, whether they are wanted or not; with ``more``
    there are more than these. ``age_ms`` is the time since the oldest of them. ``failures`` in a
    row, the next try is at ``retry_at``; ``wrong`` is why the last one failed, at ``wrong_at``
    (both 0 and empty when none has). Times in ms since the epoch. ``held``: some process has it.
    """

    behind: int
    more: bool
    age_ms: int
    failures: int
    retry_at: int
    wrong: str = field(repr=False)
    wrong_at: int
    held: bool


class Backlogs:
    """Reads how far deliveries are."""

    def __init__(self, store: Store, subscriptions: Subscriptions) -> None:
        self._store = store
        self._subscriptions = subscriptions

    async def of(self, ids: Sequence[str]) -> dict[str, Backlog]:
        """Return where the deliveries of some subscriptions stand, by their ids."""
        if not ids:
            return {}
        keys = [self._store.keys.events]
        for one in ids:
            keys += (self._subscriptions.delivery(one), self._subscriptions.lease(one))
        reply = await self._store.script(BACKLOG, keys=keys, args=[MOST], changes=())
        return {one: _load(found) for one, found in zip(ids, reply, strict=True)}

    async def all(self) -> dict[str, Backlog]:
        """Return where all deliveries stand; there are as many as subscriptions may be."""
        return await self.of(await self._subscriptions.ids())


def _load(reply: Sequence[bytes | int]) -> Backlog:
    behind, more, age, failures, retry_at, wrong, wrong_at, held = reply
    text = wrong.decode() if isinstance(wrong, bytes) else ""
    return Backlog(
        int(behind),
        bool(more),
        int(age),
        int(failures),
        int(retry_at),
        text,
        int(wrong_at),
        bool(held),
    )
