"""Scheduled jobs and their triggers over HTTP: ``scheduler/job``, ``scheduler/trigger``.

Called by :mod:`.frame`; what a job shows is in :mod:`.job_json`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import orjson

from odimra.crest import job_json
from odimra.crest.asking import Ask
from odimra.crest.endpoint import Answer, Endpoint
from odimra.crest.errors import CrestError, bad, not_found
from odimra.crest.frame import ROOT
from odimra.crest.listing import envelope
from odimra.engine import ScheduledJob, ScheduledJobs, quartz
from odimra.engine.scheduled import BLOCKED, NORMAL
from odimra.jobs.invocation import Job, Services, configured
from odimra.jobs.planned.model import PREFIX
from odimra.store import DocumentExists, DocumentMissing
from odimra.tasks.payload import payload_of

#: Longest name of a job, in characters.
LONGEST_NAME = 255
#: What ``PUT`` does when others keep creating and deleting the job meanwhile.
TRIES = 5
SUCCESS = {"success": True}
#: Longest job, in bytes of compact JSON; twice as much is shown of it, with its trigger.
LONGEST_JOB = 256 * 1024
#: Jobs that are read together.
PAGE = 50


#: Whether the run of that task goes on.
Going = Callable[[str], Awaitable[bool]]


async def pages(jobs: ScheduledJobs) -> AsyncIterator[list[ScheduledJob]]:
    """Yield every job, some at a time."""
    after = ""
    # By their ids: of a page of jobs none may be left, as they may be deleted meanwhile.
    while ids := await jobs.ids(after, PAGE):
        shown = [one for one in ids if not one.startswith(PREFIX)]
        found = await asyncio.gather(*map(jobs.read, shown))
        yield [job for job in found if job is not None]
        after = ids[-1]


def own(job_id: str) -> str:
    """Return the id of a job that is shown here. Raises DocumentMissing for those that are not."""
    if job_id.startswith(PREFIX):  # Redfish Jobs are shown by the JobService
        raise DocumentMissing(job_id)
    return job_id


class JobsEndpoint(Endpoint):
    """``scheduler/job``."""

    asking = frozenset({"listcurrentlyexecutingjobs"})

    def __init__(
        self,
        jobs: ScheduledJobs,
        services: Services,
        going: Going,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._jobs = jobs
        self._services = services
        self._going = going
        self._new_id = new_id

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One job."""
        if resource_id is None:
            raise bad("Empty resourceId")
        job = await self._jobs.read(own(resource_id))
        if job is None:
            raise DocumentMissing(resource_id)
        return _answer(job)

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The jobs that are meant."""
        if ask.param("_queryId") not in (None, "query-all-ids"):
            raise bad("only query-id of 'query-all-ids' is supported.")
        shown = (job_json.job(one) async for page in pages(self._jobs) for one in page)
        return Answer(await envelope(ask, shown, self._shown))

    async def _shown(self, name: str) -> dict[str, Any] | None:
        job = await self._jobs.read(name)
        return None if job is None else job_json.job(job)

    async def create(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """A new job."""
        named = resource_id or self._new_id()
        if len(named) > LONGEST_NAME:
            raise bad(f"_id: is longer than {LONGEST_NAME} characters")
        if named.startswith(PREFIX):
            raise bad(f"_id: begins with {PREFIX}, as only those of Redfish Jobs do")
        job = self._job(ask)
        made = await self._jobs.create(
            named, job.stored(), job.schedule, owner=job.owner, concurrent=job.concurrent
        )
        return _answer(made, 201)

    async def update(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """Another definition; the schedule begins anew."""
        job = self._job(ask)
        changed = await self._jobs.update(
            own(resource_id),
            job.stored(),
            job.schedule,
            owner=job.owner,
            concurrent=job.concurrent,
            rev=_revision(ask),
        )
        return _answer(changed)

    async def put(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """A job, whether there was one or not."""
        for _ in range(TRIES):
            try:
                return await self.create(ask, resource_id)
            except DocumentExists:
                pass
            try:
                return await self.update(ask, resource_id)
            except DocumentMissing:
                continue
        raise bad("The schedule is created and deleted by others all the time")

    async def delete(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """No job any more; what runs goes on. The answer shows what it was."""
        return _answer(await self._jobs.delete(own(resource_id), rev=_revision(ask)))

    async def action(self, ask: Ask, resource_id: str | None, name: str, *args: str) -> Answer:
        """Pause, resume, trigger one job; pause and resume all; list those that run."""
        if resource_id is None:
            return await self._of_all(name)
        verbs = {
            "trigger": self._jobs.trigger,
            "pause": self._jobs.pause,
            "resume": self._jobs.resume,
        }
        verb = verbs.get(name.lower())
        if verb is None:
            raise bad(f"Unknown action: {name[:50]}")
        await verb(own(resource_id))
        return Answer(SUCCESS)

    async def _of_all(self, name: str) -> Answer:
        match name.lower():
            case "pausejobs":
                await self._jobs.pause_all(but=PREFIX)
            case "resumejobs":
                await self._jobs.resume_all(but=PREFIX)
            case "listcurrentlyexecutingjobs":
                return Answer(await self._executing())
            case _:
                raise bad(f"Unknown action: {name[:50]}")
        return Answer(SUCCESS)

    async def _executing(self) -> list[dict[str, Any]]:
        found = []
        async for page in pages(self._jobs):
            runs = await asyncio.gather(*map(self._runs, page))
            found += [job_json.job(one) for one, run in zip(page, runs, strict=True) if run]
        return found

    async def _runs(self, job: ScheduledJob) -> bool:
        if job.firing is not None or job.running is not None:
            return True
        # Of one that may run concurrently nobody waits for the run.
        return job.last is not None and await self._going(job.last)

    def _job(self, ask: Ask) -> Job:
        request = ask.request
        payload = payload_of(request.method, request.path_qs, request.headers, ask.content)
        job = Job(configured(ask.content), ask.principal.account, payload)
        size = len(orjson.dumps(job.config))
        if size > LONGEST_JOB:
            raise CrestError(413, f"The job has {size} bytes of JSON, at most {LONGEST_JOB}")
        self._services.check(job)
        return job


class TriggersEndpoint(Endpoint):
    """``scheduler/trigger``: when each job fires."""

    def __init__(self, jobs: ScheduledJobs) -> None:
        self._jobs = jobs

    async def _trigger(self, trigger_id: str) -> dict[str, Any] | None:
        name = trigger_id.removeprefix(job_json.TRIGGER)
        shown = name != trigger_id and not name.startswith(PREFIX)
        job = await self._jobs.read(name) if shown else None
        return next(iter([] if job is None else job_json.triggers(job)), None)

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One trigger."""
        trigger = await self._trigger(resource_id or "")
        if trigger is not None:
            return Answer(trigger, rev=trigger["_rev"])
        raise not_found("Trigger does not exist")

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The triggers that are meant."""
        found = (
            one
            async for page in pages(self._jobs)
            for job in page
            for one in job_json.triggers(job)
        )
        return Answer(await envelope(ask, found, self._trigger))


class SchedulerEndpoint(Endpoint):
    """``scheduler``: what concerns no single job."""

    # Only says whether an expression is one.
    writing = Endpoint.reading

    def __init__(self, jobs: ScheduledJobs) -> None:
        self._jobs = jobs

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """Which triggers wait, and which a worker has in hand."""
        if resource_id == "waitingTriggers":
            return Answer({"_id": resource_id, "names": await self._waiting()})
        if resource_id == "acquiredTriggers":
            return Answer({"_id": resource_id, **await self._acquired()})
        raise not_found(f"Resource 'scheduler/{resource_id or ''}' not found")

    async def _waiting(self) -> list[str]:
        """Return the triggers that will fire, the next first."""
        found = [
            (one.next, one.id)
            async for page in pages(self._jobs)
            for one in page
            if one.next is not None and one.firing is None and one.state in (NORMAL, BLOCKED)
        ]
        return [job_json.TRIGGER + name for _, name in sorted(found)]

    async def _acquired(self) -> dict[str, list[str]]:
        """Return the triggers that fire now, by the worker that sees to it."""
        nodes: dict[str, list[str]] = {}
        async for page in pages(self._jobs):
            for one in page:
                if one.firing is not None and one.schedule_properties is not None:
                    nodes.setdefault(one.node or "", []).append(job_json.TRIGGER + one.id)
        return nodes

    async def action(self, ask: Ask, resource_id: str | None, name: str, *args: str) -> Answer:
        """Whether a text is a cron expression."""
        if resource_id is not None or name.lower() != "validatequartzcronexpression":
            raise bad(f"Unknown action: {name[:50]}")
        text = ask.content.get("cronExpression")
        if not isinstance(text, str):
            raise bad("cronExpression: is missing, or no text")
        try:
            quartz.parse(text)
        except quartz.BadCron:
            return Answer({"valid": False})
        return Answer({"valid": True})


def _revision(ask: Ask) -> int | None:
    return None if ask.if_match in (None, "*") else job_json.revision(ask.if_match or "")


def _answer(job: ScheduledJob, status: int = 200) -> Answer:
    location = f"{ROOT}/scheduler/job/{quote(job.id, safe='')}"
    headers = {"Location": location} if status == 201 else {}
    return Answer(job_json.job(job), status, job_json.rev(job), headers)
