"""The JobService (v1_1_0) and its Jobs: requests performed at once, later, or again and again.

Who sees what: one's own jobs, all with ConfigureUsers; who changes them: ConfigureManager any,
ConfigureComponents one's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from odimra.access import Principal
from odimra.clock import Clock, iso
from odimra.engine import ScheduledJob
from odimra.engine.recurrence import BadRecurrence
from odimra.jobs.planned.model import Plan, Request, Step
from odimra.jobs.planned.plans import NeverRuns, Plans
from odimra.redfish import errors
from odimra.redfish.inner_calls import CallRefused, NotForJobs
from odimra.redfish.job_bodies import changed, plan_of
from odimra.redfish.job_json import (
    COLLECTION,
    ENDED,
    TYPE,
    JobRepresentation,
    etag_of,
    planned,
    state_of,
)
from odimra.redfish.job_uris import JOB_SERVICE, JOBS, job_uri, kept_id, shown_id
from odimra.redfish.resource import Body, Call, Collection, Handler, Listed, Reply, Resource
from odimra.store import DocumentMissing, LimitReached
from odimra.tasks import Task, Tasks

SERVICE_TYPE = "JobService.v1_1_0.JobService"
CANCEL_ALL = "JobService.CancelAllJobs"
MOST_STEPS = 100
#: Refuses a request that its creator could not make now, without making it.
Check = Callable[[Request, Principal], Awaitable[None]]


def resources(
    plans: Plans,
    tasks: Tasks,
    shown: JobRepresentation,
    check: Check,
    clock: Clock,
    *,
    most: int,
) -> list[Resource]:
    """Return the routes; ``check`` raises for a payload that cannot be performed."""
    face = JobFace(plans, tasks, shown, check, clock, most)
    one = f"{JOBS}/{{id}}"

    def action(name: str, handler: Handler) -> Resource:
        return Resource(f"{one}/Actions/Job.{name}", "Job", post=handler, action=f"Job.{name}")

    return [
        Resource(JOB_SERVICE, "JobService", SERVICE_TYPE, get=face.service),
        Resource(
            f"{JOB_SERVICE}/Actions/{CANCEL_ALL}", "JobService", post=face.cancel_all,
            action=CANCEL_ALL,
        ),
        Resource(
            JOBS, "JobCollection", COLLECTION, get=face.collection, post=face.create,
            bodies={"POST": "Job.post.json"}, members=True,
        ),
        Resource(
            one, "Job", TYPE, get=face.read, patch=face.patch, delete=face.delete,
            bodies={"PATCH": "Job.patch.json"},
        ),
        action("Cancel", face.cancel),
        action("ForceStart", face.start),
        action("Resume", face.resume),
        action("Suspend", face.suspend),
        Resource(f"{one}/Steps", "JobCollection", COLLECTION, get=face.steps),
        Resource(f"{one}/Steps/{{step}}", "Job", TYPE, get=face.step),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobList:
    """The jobs that somebody may see: those of ``owner``, all if that is None."""

    plans: Plans
    owner: str | None

    async def count(self) -> int:
        """Return how many there are."""
        return await self.plans.jobs.counted(self.owner)

    async def page(self, skip: int, top: int) -> Sequence[str]:
        """Return the URIs of at most ``top`` jobs behind the first ``skip``."""
        return [job_uri(one) for one in await self.plans.jobs.slice(self.owner, skip, top)]


class JobFace:
    """The handlers."""

    def __init__(
        self,
        plans: Plans,
        tasks: Tasks,
        shown: JobRepresentation,
        check: Check,
        clock: Clock,
        most: int,
    ) -> None:
        self._plans = plans
        self._tasks = tasks
        self._check = check
        self._clock = clock
        self._most = most
        self._shown = shown

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
                "Actions": {
                    f"#{CANCEL_ALL}": {"target": f"{JOB_SERVICE}/Actions/{CANCEL_ALL}"},
                },
            }
        )

    async def cancel_all(self, _: Call) -> Reply:
        """The action: no job fires any more, and none runs."""
        await self._plans.cancel_all()
        return Reply(204)

    async def collection(self, call: Call) -> Collection:
        """``GET`` of the jobs that the caller may see."""
        everything = "ConfigureUsers" in call.principal.privileges
        owner = None if everything else call.principal.account
        return Collection(JOBS, COLLECTION, "Job Collection", JobList(self._plans, owner))

    # One job

    async def _job(self, call: Call) -> ScheduledJob:
        shown = call.params["id"]
        job = await self._plans.jobs.read(kept_id(shown))
        if job is None:
            raise _not_found(shown)
        if job.owner != call.principal.account and (
            "ConfigureUsers" not in call.principal.privileges
        ):
            raise errors.insufficient_privilege()
        return job

    async def _changed(self, call: Call) -> ScheduledJob:
        """Return the job that a request changes, if it may and its If-Match is met."""
        job, held = await self._job(call), call.principal.privileges
        own = job.owner == call.principal.account
        if not ((own and "ConfigureComponents" in held) or "ConfigureManager" in held):
            raise errors.insufficient_privilege()
        if call.if_match not in (None, ("*",)):
            tag = f'"{etag_of(await self._body(job))}"'
            if tag not in (call.if_match or ()):
                raise errors.precondition_failed()
        return job

    async def _run(self, job: ScheduledJob) -> Task | None:
        run = job.running or job.last
        return None if run is None else await self._tasks.get(run)

    async def _body(self, job: ScheduledJob) -> Body:
        return self._shown.job(job, await self._run(job))

    async def _reply(self, job: ScheduledJob, status: int = 200) -> Reply:
        body = await self._body(job)
        headers = {"Location": body["@odata.id"]} if status == 201 else {}
        return Reply(status, body, headers, etag_of(body))

    async def _now(self, call: Call) -> Reply:
        return await self._reply(await self._job(call))

    async def read(self, call: Call) -> Reply:
        """``GET`` of a job."""
        return await self._now(call)

    async def create(self, call: Call) -> Reply:
        """``POST`` of a job: it runs at once, unless it names a time."""
        plan = plan_of(call.body, call.principal.account, self._clock.now_ms())
        for at, one in enumerate(plan.steps):
            await self._let(one, call, f"Steps/{at}/Payload" if plan.stepped else "Payload")
        try:
            made = await self._plans.create(plan)
        except (BadRecurrence, NeverRuns) as error:
            raise _bad_schedule(error) from None
        except LimitReached:
            raise errors.create_limit_reached() from None
        except DocumentMissing as error:  # of a request that has come again
            raise _not_found(shown_id(str(error))) from None
        return await self._reply(made, 201)

    async def _let(self, step: Step, call: Call, where: str) -> None:
        """Refuse a step that its creator could not perform now."""
        try:
            await self._check(step.request, call.principal)
        except NotForJobs:
            raise errors.property_value_error(f"{where}/TargetUri") from None
        except CallRefused as error:
            if error.status == 403:
                raise errors.insufficient_privilege() from None
            name = "TargetUri" if error.status in (404, 405) else "JsonBody"
            raise errors.property_value_error(f"{where}/{name}") from None

    async def patch(self, call: Call) -> Reply:
        """``PATCH``: when it runs, then how it is."""
        job = await self._changed(call)
        if set(call.body) - {"JobState"}:
            job = await self._replan(job, call.body)
        if "JobState" in call.body:
            await self._steer(job, call.body["JobState"])
        return await self._now(call)

    async def _replan(self, job: ScheduledJob, body: Body) -> ScheduledJob:
        if not planned(job):
            # Those who made it have another word for when it runs.
            named = sorted(set(body) - {"JobState"})
            raise errors.together(errors.property_not_writable(one) for one in named)
        plan, begins = changed(Plan.load(job.definition), body)
        try:
            return await self._plans.update(job, plan, begins=begins, rev=job.rev)
        except (BadRecurrence, NeverRuns) as error:
            raise _bad_schedule(error) from None
        except DocumentMissing:
            raise _not_found(shown_id(job.id)) from None

    async def _steer(self, job: ScheduledJob, wanted: str) -> None:
        over = state_of(job, await self._run(job)) in ENDED
        if over and wanted != "Cancelled":
            # What has ended neither rests nor goes on; another time to run makes it begin anew.
            raise errors.property_value_error("JobState")
        try:
            if wanted == "Suspended":
                await self._plans.suspend(job)
            elif wanted == "Cancelled":
                await self._plans.cancel(job.id)
            else:
                await self._plans.resume(job)
        except DocumentMissing:
            raise _not_found(shown_id(job.id)) from None

    async def delete(self, call: Call) -> Reply:
        """``DELETE`` of a job: what runs goes on."""
        job = await self._changed(call)
        try:
            # What If-Match was met by must be what is removed.
            await self._plans.jobs.delete(job.id, rev=None if call.if_match is None else job.rev)
        except DocumentMissing:
            raise _not_found(shown_id(job.id)) from None
        return Reply(204)

    # Actions

    async def _act(self, call: Call, act: Callable[[ScheduledJob], Awaitable[object]]) -> Reply:
        try:
            await act(await self._changed(call))
        except DocumentMissing:
            raise _not_found(call.params["id"]) from None
        return Reply(204)

    async def cancel(self, call: Call) -> Reply:
        """The action Job.Cancel."""
        return await self._act(call, lambda job: self._plans.cancel(job.id))

    async def suspend(self, call: Call) -> Reply:
        """The action Job.Suspend."""
        return await self._act(call, self._unless_over(self._plans.suspend))

    async def resume(self, call: Call) -> Reply:
        """The action Job.Resume."""
        return await self._act(call, self._unless_over(self._plans.resume))

    async def start(self, call: Call) -> Reply:
        """The action Job.ForceStart: it does not wait for its time."""

        async def force(job: ScheduledJob) -> None:
            if state_of(job, await self._run(job)) != "Pending" or job.next is None:
                raise errors.resource_in_use()
            await self._plans.start(job)

        return await self._act(call, force)

    def _unless_over(
        self, act: Callable[[ScheduledJob], Awaitable[None]]
    ) -> Callable[[ScheduledJob], Awaitable[None]]:
        async def checked(job: ScheduledJob) -> None:
            if state_of(job, await self._run(job)) in ENDED:
                raise errors.resource_in_use()
            await act(job)

        return checked

    # Steps

    async def _stepped(self, call: Call) -> tuple[ScheduledJob, Plan]:
        job = await self._job(call)
        if not planned(job) or not job.definition["stepped"]:
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
                body = self._shown.step(job, at, await self._run(job))
                return Reply(body=body, etag=etag_of(body))
        raise _not_found(call.params["step"])


def _not_found(shown: str) -> Exception:
    return errors.resource_not_found("Job", shown)


def _bad_schedule(error: BadRecurrence | NeverRuns) -> Exception:
    name = f"Schedule/{error.name}" if isinstance(error, BadRecurrence) else "Schedule"
    return errors.property_value_error(name)
