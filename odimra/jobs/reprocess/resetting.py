"""Takes back what was rated: from the newest period to an older one, step by step.

Each step removes some frames and moves the scope back behind what is left, so that there is never a
period which counts as rated and has no frame. The period that is named stays rated.
"""

from __future__ import annotations

from odimra.rating.scopes import Scopes
from odimra.rating.usage import Usage
from odimra.store import Script, Store

RESET = Script.from_package("odimra.jobs.reprocess", "lua/reset.lua")

#: Frames that one step removes.
STEP = 200


class Resetting:
    """Moves scopes back; ``period`` is how long a period is, in seconds."""

    def __init__(self, store: Store, scopes: Scopes, usage: Usage, *, period: int) -> None:
        self._store = store
        self._scopes = scopes
        self._usage = usage
        self._period = period

    async def reset(self, scope: str, last: int) -> None:
        """Let ``last`` be the last period of a scope that is rated."""
        more = True
        while more:
            said = await self._store.script(
                RESET,
                keys=[self._scopes.key(scope), self._usage.frames(scope)],
                args=[self._usage.frame(scope, 0)[:-1], last, self._period, STEP],
            )
            more = said == b"more"
