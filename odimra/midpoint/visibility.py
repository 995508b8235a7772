"""Which tasks who asks may see and touch: their own, and all with ConfigureUsers.

As the Redfish face has it: see DESIGN, section 5. Used by the endpoints of this face.
"""

from __future__ import annotations

from odimra.jobs.bulk.runs import BulkRuns
from odimra.midpoint.asking import Ask
from odimra.midpoint.errors import MidpointError
from odimra.tasks import Task

SEES_ALL = "ConfigureUsers"


class Visible:
    """Finds the task that a request names."""

    def __init__(self, runs: BulkRuns) -> None:
        self._runs = runs

    async def task(self, ask: Ask) -> Task:
        """Return the task whose oid is the last part of the path. Raises 404."""
        oid = ask.params[0]
        task = await self._runs.find(oid)
        if task is None or task.parent is not None or not sees(ask, task):
            raise MidpointError(404, f"There is no task {oid[:80]}")
        return task


def sees(ask: Ask, task: Task) -> bool:
    """Tell whether who asks may see a task."""
    return task.owner == ask.principal.account or SEES_ALL in ask.principal.privileges
