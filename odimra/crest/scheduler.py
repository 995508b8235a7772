"""Scheduled jobs and their triggers over HTTP: ``scheduler/job``, ``scheduler/trigger``.

Called by :mod:`.frame`; what a job shows is in :mod:`.job_json`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from odimra.crest import job_json
from odimra.crest.asking import Ask
from odimra.crest.endpoint import Answer, Endpoint
from odimra.crest.errors import bad, not_found
from odimra.crest.frame import ROOT
from odimra.crest.listing import envelope
from odimra.engine import ScheduledJob, ScheduledJobs, quartz
from odimra.jobs.invocation import Job, Services, configured
from odimra.store import DocumentExists, DocumentMissing
from odimra.tasks.payload import payload_of

#: Longest name of a job, in characters.
LONGEST_NAME = 255
#: What ``PUT`` does when others keep creating and deleting the job meanwhile.
TRIES = 5
SUCCESS = {"success": True}


async def all_jobs(jobs: ScheduledJobs) -> list[ScheduledJob]:
    """Return every job; a limit bounds them."""
    found: list[ScheduledJob] = []
    while page := await jobs.page(found[-1].id if found else ""):
        found += page
    return found


class JobsEndpoint(Endpoint):
    """``scheduler/job``."""

    def __init__(
        self,
        jobs: ScheduledJobs,
        services: Services,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._jobs = jobs
        self._services = services
        self._new_id = new_id

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One job."""
        if resource_id is None:
            raise bad("Empty resourceId")
        job = await self._jobs.read(resource_id)
        if job is None:
            raise DocumentMissing(resource_id)
        return _answer(job)

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The jobs that are meant."""
        if ask.param("_queryId") not in (None, "query-all-ids"):
            raise bad("only query-id of 'query-all-ids' is supported.")
        jobs = await all_jobs(self._jobs)
        return Answer(envelope(ask, [job_json.job(one) for one in jobs]))

    async def create(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """A new job."""
        named = resource_id or self._new_id()
        if len(named) > LONGEST_NAME:
            raise bad(f"_id: is longer than {LONGEST_NAME} characters")
        job = self._job(ask)
        made = await self._jobs.create(named, job.stored(), job.schedule, concurrent=job.concurrent)
        return _answer(made, 201)

    async def update(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """Another definition; the schedule begins anew."""
        job = self._job(ask)
        changed = await self._jobs.update(
            resource_id, job.stored(), job.schedule, concurrent=job.concurrent, rev=_revision(ask)
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
        return _answer(await self._jobs.delete(resource_id, rev=_revision(ask)))

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
        await verb(resource_id)
        return Answer(SUCCESS)

    async def _of_all(self, name: str) -> Answer:
        match name.lower():
            case "pausejobs":
                await self._jobs.pause_all()
            case "resumejobs":
                await self._jobs.resume_all()
            case "listcurrentlyexecutingjobs":
                jobs = await all_jobs(self._jobs)
                return Answer([job_json.job(one) for one in jobs if one.running is not None])
            case _:
                raise bad(f"Unknown action: {name[:50]}")
        return Answer(SUCCESS)

    def _job(self, ask: Ask) -> Job:
        request = ask.request
        payload = payload_of(request.method, request.path_qs, request.headers, ask.content)
        job = Job(configured(ask.content), ask.principal.account, payload)
        self._services.check(job)
        return job


class TriggersEndpoint(Endpoint):
    """``scheduler/trigger``: when each job fires."""

    def __init__(self, jobs: ScheduledJobs) -> None:
        self._jobs = jobs

    async def _all(self) -> list[dict[str, Any]]:
        return [one for job in await all_jobs(self._jobs) for one in job_json.triggers(job)]

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One trigger."""
        name = (resource_id or "").removeprefix(job_json.TRIGGER)
        job = await self._jobs.read(name) if name != resource_id else None
        for trigger in [] if job is None else job_json.triggers(job):
            return Answer(trigger, rev=trigger["_rev"])
        raise not_found("Trigger does not exist")

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The triggers that are meant."""
        return Answer(envelope(ask, await self._all()))


class SchedulerEndpoint(Endpoint):
    """``scheduler``: what concerns no single job."""

    # Only says whether an expression is one.
    writing = Endpoint.reading

    def __init__(self, jobs: ScheduledJobs) -> None:
        self._jobs = jobs

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """Which triggers wait, and which a worker has in hand."""
        jobs = await all_jobs(self._jobs)
        if resource_id == "waitingTriggers":
            waiting = [one for one in jobs if one.next is not None and one.firing is None]
            waiting.sort(key=lambda one: one.next or 0)
            names = [job_json.TRIGGER + one.id for one in waiting]
            return Answer({"_id": resource_id, "names": names})
        if resource_id == "acquiredTriggers":
            nodes: dict[str, list[str]] = {}
            for one in jobs:
                if one.firing is not None:
                    nodes.setdefault(one.node or "", []).append(job_json.TRIGGER + one.id)
            return Answer({"_id": resource_id, **nodes})
        raise not_found(f"Resource 'scheduler/{resource_id or ''}' not found")

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
