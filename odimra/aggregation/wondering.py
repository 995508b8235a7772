"""Whether a system was reset, when the answer to the request was lost.

A BMC says when it last did, and whether it goes on with anything. Who has been at rest for a while
and names the same time as before has not got the request. Used by the job kind that asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from odimra.aggregation.bmc import Bmc, BmcError, Refused
from odimra.clock import Clock

#: Seconds for which a BMC may be away, and between two looks; for how long it has to be at rest.
WONDER, GLANCE, QUIET = 60.0, 2.0, 10.0
#: Tasks of a BMC that are looked at, the newest; states of those that go on.
MOST_TASKS = 20
UNFINISHED = frozenset(
    {"New", "Pending", "Starting", "Running", "Suspended", "Interrupted", "Stopping", "Cancelling",
     "Service"}
)  # fmt: skip
TASKS = "/redfish/v1/TaskService/Tasks"


def last_reset(resource: Mapping[str, Any]) -> str | None:
    """Return when a system was last reset, as it says; None if it does not."""
    value = resource.get("LastResetTime")
    return value if isinstance(value, str) else None


async def looked_for(
    bmc: Bmc, path: str, seen: str, clock: Clock, *, longest: float
) -> bool | None:
    """Tell whether the system at ``path`` was reset since ``seen``; None if that cannot be told.

    Returns within ``longest`` seconds, and :data:`WONDER` after it was heard of last.
    """
    since: float | None = None
    began = heard = clock.now_ms() / 1000
    while True:
        busy: bool | None = None
        with contextlib.suppress(BmcError):
            last = last_reset((await bmc.get(path)).body or {})
            if last is not None and last != seen:
                return True
            busy = None if last is None else await _busy(bmc)
        now = clock.now_ms() / 1000
        if busy is None:
            since = None
            if now - heard > WONDER:
                return None
        else:
            heard = now
            since = None if busy else since or now
        if since is not None and now - since >= QUIET:
            return False
        if now - began > longest:
            return None
        await clock.sleep(GLANCE)


async def _busy(bmc: Bmc) -> bool:
    """Tell whether a BMC goes on with anything. Raises BmcError."""
    try:
        members = ((await bmc.get(TASKS)).body or {}).get("Members")
    except Refused:
        return False  # it has no tasks
    found = members[-MOST_TASKS:] if isinstance(members, list) else []
    for one in found:
        uri = one.get("@odata.id") if isinstance(one, dict) else None
        if not isinstance(uri, str):
            continue
        with contextlib.suppress(Refused):
            task = (await bmc.get(uri)).body or {}
            if str(task.get("TaskState")) in UNFINISHED:
                return True
    return False
