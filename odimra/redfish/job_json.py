"""A Redfish Job as it is shown (Job v1_3_0): of a scheduled job, and of the task that runs it.

Jobs of the task scanner's scheduler are shown, too: there is one scheduler beneath both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.clock import iso
from odimra.engine import ScheduledJob
from odimra.jobs.invocation import Job
from odimra.jobs.planned.model import PREFIX, Plan, Request
from odimra.redfish.task_json import TASKS
from odimra.tasks import Task, states
from odimra.tasks.payload import mask

JOB_SERVICE = "/redfish/v1/JobService"
JOBS = f"{JOB_SERVICE}/Jobs"
TYPE = "Job.v1_3_0.Job"
COLLECTION = "JobCollection.JobCollection"
#: What is said of jobs of the other scheduler's users in front of their names.
SCAN = "scan:"
ENDED = ("Completed", "Cancelled", "Exception")
HEALTH = {"Completed": "OK", "Cancelled": "Warning", "Exception": "Critical"}


def job_uri(job_id: str) -> str:
    """Return where a scheduled job is."""
    return f"{JOBS}/{shown_id(job_id)}"


def shown_id(job_id: str) -> str:
    """Return the Id of a scheduled job."""
    return job_id.removeprefix(PREFIX) if job_id.startswith(PREFIX) else SCAN + job_id


def kept_id(shown: str) -> str:
    """Return the id of the scheduled job that is shown so."""
    return shown.removeprefix(SCAN) if shown.startswith(SCAN) else PREFIX + shown


def owner_of(job: ScheduledJob) -> str:
    """Return the account whose job it is."""
    return str(job.definition["owner"])


@dataclass(frozen=True, slots=True)
class JobRepresentation:
    """Renders jobs."""

    def job(self, job: ScheduledJob, run: Task | None) -> dict[str, Any]:
        """Return a Job; ``run`` is its last run, if that is there still."""
        uri = job_uri(job.id)
        state = state_of(job, run)
        body: dict[str, Any] = {
            "@odata.id": uri,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Job.Job",
            "Id": shown_id(job.id),
            "JobState": state,
            "JobStatus": HEALTH.get(state, "OK"),
            "JobType": "UserSpecified",
            "CreatedBy": owner_of(job),
            "PercentComplete": 100 if state == "Completed" else 0,
            "Messages": [],
        }
        started = job.next if state == "Pending" else None
        if run is not None and run.id == (job.running or job.last):
            body["Links"] = {
                "CreatedResources": [{"@odata.id": f"{TASKS}/{run.id}"}],
                "CreatedResources@odata.count": 1,
            }
            if started is None:
                started = run.start_time
                body["PercentComplete"] = run.percent_complete
        if started is not None:
            body["StartTime"] = iso(started)
        ended = run.end_time if run is not None and run.final else job.ended
        if state in ENDED and ended is not None:
            body["EndTime"] = iso(ended)
        return {**body, **self._planned(job, uri)}

    def _planned(self, job: ScheduledJob, uri: str) -> dict[str, Any]:
        if not job.id.startswith(PREFIX):
            scan = Job.load(job.definition)
            return {
                "Name": job.id,
                "Description": f"Invokes {scan.service}",
                "HidePayload": True,
                **({} if job.next is None else {"Schedule": {"InitialStartTime": iso(job.next)}}),
            }
        plan = Plan.load(job.definition)
        found: dict[str, Any] = {
            "Name": plan.name,
            "CreationTime": iso(plan.created),
            "HidePayload": plan.hide,
        }
        if plan.schedule:
            found["Schedule"] = dict(plan.schedule)
        if plan.stepped:
            found["StepOrder"] = [one.id for one in plan.steps]
            found["Steps"] = {"@odata.id": f"{uri}/Steps"}
        elif not plan.hide:
            found["Payload"] = payload(plan.steps[0].request)
        return found

    def step(self, job: ScheduledJob, at: int, run: Task | None) -> dict[str, Any]:
        """Return a step of a job as a Job."""
        plan = Plan.load(job.definition)
        one = plan.steps[at]
        done = int((run.checkpoint or {}).get("done", 0)) if run is not None else 0
        state = state_of(job, run)
        if state == "Completed" or at < done:
            state = "Completed"
        elif at > done and state in ("Running", "Exception", "Cancelled"):
            state = "Pending" if state == "Running" else "Cancelled"
        found: dict[str, Any] = {
            "@odata.id": f"{job_uri(job.id)}/Steps/{one.id}",
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Job.Job",
            "Id": one.id,
            "Name": one.name or f"Step {one.id}",
            "JobState": state,
            "JobStatus": HEALTH.get(state, "OK"),
            "PercentComplete": 100 if state == "Completed" else 0,
            "CreatedBy": plan.owner,
            "HidePayload": plan.hide,
        }
        if not plan.hide:
            found["Payload"] = payload(one.request)
        return found


def state_of(job: ScheduledJob, run: Task | None) -> str:
    """Return the JobState: of the run that goes on, else whether one comes, else how it ended."""
    if job.running is not None and run is not None and not run.final:
        if run.task_state in (states.NEW, states.PENDING):
            return "Pending"
        return "Stopping" if run.task_state == states.CANCELLING else run.task_state
    if job.paused:
        return "Suspended"
    if job.error is not None:
        return "Exception"
    if job.firing is not None or job.manual:
        return "Starting"
    if job.next is not None:
        return "Pending"
    if run is not None and run.final:
        return run.task_state
    return job.outcome or "New"


def payload(request: Request) -> dict[str, Any]:
    """Return the Payload of a request, its secrets masked."""
    body: Mapping[str, Any] = mask(dict(request.body))
    return {
        "HttpOperation": request.operation,
        "TargetUri": request.target,
        "HttpHeaders": [],
        "JsonBody": orjson.dumps(body).decode(),
    }
