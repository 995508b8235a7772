"""Runs of scans over HTTP: ``taskscanner``.

Called by :mod:`.frame`. The same runs are tasks of the Redfish face.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from odimra.access import Principal
from odimra.clock import iso
from odimra.crest.asking import Ask
from odimra.crest.endpoint import Answer, Endpoint
from odimra.crest.errors import CrestError, bad, not_found
from odimra.crest.listing import envelope
from odimra.engine import ScheduledJobs
from odimra.jobs.invocation import TASK_SCANNER, Job, Services
from odimra.jobs.scanner.definition import Scan
from odimra.jobs.scanner.runs import ERROR, NotCancellable, Run, Runs
from odimra.tasks.payload import payload_of

#: The privilege to see and to cancel what others run; tasks are seen by the same rule.
SEES_ALL = "ConfigureUsers"
#: What the names of scans in configuration files begin with.
IN_FILES = "schedule/"
PAGE = 500


def representation(run: Run) -> dict[str, Any]:
    """Return a run as it is shown."""
    return {
        "_id": run.id,
        "name": run.name,
        "progress": {
            "state": run.state,
            "processed": run.processed,
            "total": run.total,
            "successes": run.successes,
            "failures": run.failures,
        },
        "started": iso(run.started),
        "ended": None if run.ended is None else iso(run.ended),
    }


class TaskScannerEndpoint(Endpoint):
    """``taskscanner``."""

    def __init__(self, runs: Runs, jobs: ScheduledJobs, services: Services) -> None:
        self._runs = runs
        self._jobs = jobs
        self._services = services

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One run; of the collection all, as older clients ask for them."""
        if resource_id is None:
            return Answer({"tasks": [run async for run in self._all(ask.principal)]})
        return Answer(representation(await self._run(ask, resource_id)))

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The runs that are meant."""
        return Answer(await envelope(ask, self._all(ask.principal), self._shown))

    async def action(self, ask: Ask, resource_id: str | None, name: str, *args: str) -> Answer:
        """``execute`` a scan, ``cancel`` a run."""
        if resource_id is None:
            if name.lower() != "execute":
                raise bad(f"Unknown action: {name[:50]}")
            return await self._execute(ask)
        run = await self._run(ask, resource_id)
        if name.lower() != "cancel":
            raise bad(f"Action '{name[:50]}' on Task '{run.id}' not supported")
        try:
            await self._runs.cancel(run.id)
        except NotCancellable:
            return Answer({"_id": run.id, "status": "FAILURE"})
        return Answer({"_id": run.id, "status": "SUCCESS"})

    async def _execute(self, ask: Ask) -> Answer:
        named = ask.param("name")
        scheduled = None
        if named:
            scheduled = await self._jobs.read(named)
            if scheduled is None and named.startswith(IN_FILES):
                scheduled = await self._jobs.read(named.removeprefix(IN_FILES))
        job = None if scheduled is None else Job.load(scheduled.definition)
        if named is None or job is None or job.service != TASK_SCANNER:
            shown = "null" if named is None else named[:100]
            raise bad(f"Error obtaining named config: '{shown}'")
        request = ask.request
        payload = payload_of(request.method, request.path_qs, request.headers, ask.body)
        run_id = await self._services.run(named, job, ask.principal.account, payload)
        if Scan.load(job.context).wait:
            run = await self._runs.ended(run_id)
            if run is not None and run.state == ERROR:
                raise bad("Error during query", detail=await self._runs.why(run_id))
        return Answer({"_id": run_id})

    async def _run(self, ask: Ask, run_id: str) -> Run:
        owner = await self._runs.owner(run_id)
        run = None if owner is None else await self._runs.read(run_id)
        if run is None:
            raise not_found(f"Task with id '{run_id[:100]}' not found.")
        if owner != ask.principal.account and SEES_ALL not in ask.principal.privileges:
            raise CrestError(403, "It is another account's run")
        return run

    async def _all(self, principal: Principal) -> AsyncIterator[dict[str, Any]]:
        owner = None if SEES_ALL in principal.privileges else principal.account
        for skip in range(0, await self._runs.count(), PAGE):
            for run in await self._runs.page(skip, PAGE, owner=owner):
                yield representation(run)

    async def _shown(self, run_id: str) -> dict[str, Any] | None:
        run = await self._runs.read(run_id)
        return None if run is None else representation(run)
