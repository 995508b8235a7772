"""The JobService (v1_1_0) and its Jobs: requests performed at once, later, or again and again.

Who sees what: one's own jobs, all with ConfigureUsers; who changes them: ConfigureManager any,
ConfigureComponents one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from odimra.access import Principal
from odimra.clock import Clock, iso
from odimra.engine import ScheduledJob
from odimra.engine.recurrence import BadRecurrence
from odimra.jobs.planned.model import PREFIX, Plan, Request, Step
from odimra.jobs.planned.plans import Plans
from odimra.redfish import errors
from odimra.redfish.inner_calls import CallRefused
from odimra.redfish.job_json import (
    COLLECTION,
    JOB_SERVICE,
    JOBS,
    TYPE,
    JobRepresentation,
    job_uri,
    kept_id,
    owner_of,
    shown_id,
)
from odimra.redfish.resource import Body, Call, Collection, Listed, Reply, Resource
from odimra.store import DocumentMissing, LimitReached
from odimra.tasks import Task, Tasks

SERVICE_TYPE = "JobService.v1_1_0.JobService"
MOST_STEPS = 100
#: Refuses a request that its creator could not make now, without making it.
Check = Callable[[Request, Principal], Any]


def resources(
    plans: Plans, tasks: Tasks, check: Check, clock: Clock, *, most: int
) -> list[Resource]:
    """Return the routes; ``check`` raises for a payload that cannot be performed."""
    face = JobFace(plans, tasks, check, clock, most)
    one = f"{JOBS}/{{id}}"
    return [
        Resource(JOB_SERVICE, "JobService", SERVICE_TYPE, get=face.service),
        Resource(
            JOBS, "JobCollection", COLLECTION, get=face.collection, post=face.create,
            bodies={"POST": "Job.post.json"}, members=True,
        ),
        Resource(
            one, "Job", TYPE, get=face.read, patch=face.patch, delete=face.delete,
            bodies={"PATCH": "Job.patch.json"},
        ),
        Resource(f"{one}/Steps", "JobCollection", COLLECTION, get=face.steps),
        Resource(f"{one}/Steps/{{step}}", "Job", TYPE, get=face.step),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobList:
    """The jobs that somebody may see."""

    plans: Plans
    owner: str | None

    async def _ids(self) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            page = await self.plans.jobs.page(after, 500)
            found += [one.id for one in page if self.owner in (None, owner_of(one))]
            if len(page) < 500:
                return found
            after = page[-1].id

    async def count(self) -> int:
        """Return how many there are."""
        return await self.plans.jobs.count() if self.owner is None else len(await self._ids())

    async def page(self, skip: int, top: int) -> Sequence[str]:
        """Return the URIs of at most ``top`` jobs behind the first ``skip``."""
        return [job_uri(one) for one in (await self._ids())[skip : skip + top]]


class JobFace:
    """The handlers."""

    def __init__(self, plans: Plans, tasks: Tasks, check: Check, clock: Clock, most: int) -> None:
        self._plans = plans
        self._tasks = tasks
        self._check = check
        self._clock = clock
        self._most = most
        self._shown = JobRepresentation()

    async def service(self, _: Call) -> Reply:
        """``GET`` of the service."""
        return Reply(
            body={
                "@odata.id": JOB_SERVICE,
                "@odata.type": f"#{SERVICE_TYPE}",
                "@odata.context": "/redfish/v1/$metadata#JobService.JobService",
                "Id": "JobService",
                "Name": "Job Service",
                "Description": "Requests that are performed at once, later, or again and again",
                "DateTime": iso(self._clock.now_ms()),
                "ServiceEnabled": True,
                "Status": {"State": "Enabled", "Health": "OK"},
                "ServiceCapabilities": {
                    "MaxJobs": self._most,
                    "MaxSteps": MOST_STEPS,
                    "Scheduling": True,
                    "UserSpecifiedJobs": True,
                    "DocumentBasedJobs": False,
                },
                "Jobs": {"@odata.id": JOBS},
            }
        )

    async def collection(self, call: Call) -> Collection:
        """``GET`` of the jobs that the caller may see."""
        everything = "ConfigureUsers" in call.principal.privileges
        owner = None if everything else call.principal.account
        return Collection(JOBS, COLLECTION, "Job Collection", JobList(self._plans, owner))

    # One job

    async def _job(self, call: Call, *, change: bool = False) -> ScheduledJob:
        shown = call.params["id"]
        job = await self._plans.jobs.read(kept_id(shown))
        if job is None:
            raise errors.resource_not_found("Job", shown)
        own, held = owner_of(job) == call.principal.account, call.principal.privileges
        if not (own or "ConfigureUsers" in held):
            raise errors.insufficient_privilege()
        if change and not ((own and "ConfigureComponents" in held) or "ConfigureManager" in held):
            raise errors.insufficient_privilege()
        return job

    async def _run(self, job: ScheduledJob) -> Task | None:
        run = job.running or job.last
        return None if run is None else await self._tasks.get(run)

    async def _reply(self, job: ScheduledJob, status: int = 200) -> Reply:
        headers = {"Location": job_uri(job.id)} if status == 201 else {}
        body = self._shown.job(job, await self._run(job))
        return Reply(status, body, headers)

    async def read(self, call: Call) -> Reply:
        """``GET`` of a job."""
        return await self._reply(await self._job(call))

    async def create(self, call: Call) -> Reply:
        """``POST`` of a job: it runs at once, unless it names a time."""
        plan = self._plan(call)
        for one in plan.steps:
            await self._let(one, call, stepped=plan.stepped)
        try:
            made = await self._plans.create(plan)
        except BadRecurrence as error:
            raise errors.property_value_error(f"Schedule/{error.name}") from None
        except LimitReached:
            raise errors.create_limit_reached() from None
        return await self._reply(made, 201)

    async def _let(self, step: Step, call: Call, *, stepped: bool) -> None:
        """Refuse a step that its creator could not perform now."""
        try:
            await self._check(step.request, call.principal)
        except CallRefused as error:
            if error.status == 403:
                raise errors.insufficient_privilege() from None
            name = "TargetUri" if error.status in (404, 405) else "JsonBody"
            where = f"Steps/{step.id}/Payload" if stepped else "Payload"
            raise errors.property_value_error(f"{where}/{name}") from None

    def _plan(self, call: Call) -> Plan:
        body = call.body
        if ("Payload" in body) == ("Steps" in body):
            raise errors.property_missing("Payload")
        steps = body.get("Steps") or [{"Payload": body["Payload"]}]
        found: dict[str, Step] = {}
        for at, one in enumerate(steps, 1):
            id_ = one.get("Id", str(at))
            where = f"Steps/{at - 1}/Payload" if "Steps" in body else "Payload"
            found[id_] = Step(id_, one.get("Name", ""), _request(one["Payload"], where))
        order = body.get("StepOrder", list(found))
        if len(found) != len(steps) or sorted(order) != sorted(found):
            raise errors.property_value_error("StepOrder")
        start = body.get("StartTime")
        return Plan(
            body.get("Name", "Job"),
            call.principal.account,
            self._clock.now_ms(),
            [found[id_] for id_ in order],
            "Steps" in body,
            body.get("HidePayload", False),
            body.get("Schedule", {}),
            None if start is None else round(datetime.fromisoformat(start).timestamp() * 1000),
        )

    async def patch(self, call: Call) -> Reply:
        """``PATCH`` of JobState: it rests, goes on, or is cancelled."""
        job = await self._job(call, change=True)
        wanted = call.body.get("JobState")
        if wanted == "Suspended":
            await self._plans.jobs.pause(job.id)
        elif wanted == "Continue":
            await self._plans.jobs.resume(job.id)
        elif wanted == "Cancelled":
            await self._plans.jobs.pause(job.id)
            if job.running is not None:
                await self._tasks.cancel(job.running)
        return await self.read(call)

    async def delete(self, call: Call) -> Reply:
        """``DELETE`` of a job: what runs goes on."""
        job = await self._job(call, change=True)
        try:
            await self._plans.jobs.delete(job.id)
        except DocumentMissing:
            raise errors.resource_not_found("Job", shown_id(job.id)) from None
        return Reply(204)

    # Steps

    async def _stepped(self, call: Call) -> tuple[ScheduledJob, Plan]:
        job = await self._job(call)
        if not job.id.startswith(PREFIX) or not job.definition["stepped"]:
            raise errors.invalid_uri(call.uri)
        return job, Plan.load(job.definition)

    async def steps(self, call: Call) -> Collection:
        """``GET`` of the steps of a job."""
        job, plan = await self._stepped(call)
        uri = f"{job_uri(job.id)}/Steps"
        listed = Listed([f"{uri}/{one.id}" for one in plan.steps])
        return Collection(uri, COLLECTION, "Steps", listed)

    async def step(self, call: Call) -> Reply:
        """``GET`` of a step."""
        job, plan = await self._stepped(call)
        for at, one in enumerate(plan.steps):
            if one.id == call.params["step"]:
                return Reply(body=self._shown.step(job, at, await self._run(job)))
        raise errors.resource_not_found("Job", call.params["step"])


def _request(given: Body, where: str) -> Request:
    target = str(given["TargetUri"]).rstrip("/")
    if target == JOBS or target.startswith(JOBS + "/"):
        raise errors.property_value_error(f"{where}/TargetUri")
    try:
        body = orjson.loads(given.get("JsonBody") or "{}")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.property_value_error(f"{where}/JsonBody")
    return Request(given["HttpOperation"], target, body)
