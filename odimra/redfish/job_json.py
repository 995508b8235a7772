"""A Redfish Job as it is shown (Job v1_3_0): of a scheduled job, and of the task that runs it.

JobState is that of the run that goes on; else whether one comes; else how the last one ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from odimra.clock import iso
from odimra.engine import ScheduledJob
from odimra.jobs.invocation import Job
from odimra.jobs.planned.model import PREFIX, Plan, Reached, Request
from odimra.redfish.job_uris import job_uri, shown_id
from odimra.redfish.task_json import TASKS, TaskRepresentation
from odimra.tasks import Task, TaskMessage, states
from odimra.tasks.payload import payload_of

TYPE = "Job.v1_3_0.Job"
COLLECTION = "JobCollection.JobCollection"
#: JobStates from which a job goes nowhere by itself.
ENDED = ("Completed", "Cancelled", "Exception")
ACTIONS = ("Cancel", "ForceStart", "Resume", "Suspend")
_EVENT = "TaskEvent.1.0."
#: What a run's task is told of is told of its job.
JOB_EVENTS: Mapping[str, str] = {
    "TaskStarted": "JobStarted",
    "TaskCompletedOK": "JobCompletedOK",
    "TaskCompletedWarning": "JobCompletedOK",
    "TaskAborted": "JobCompletedException",
    "TaskCancelled": "JobCancelled",
    "TaskPaused": "JobSuspended",
    "TaskResumed": "JobResumed",
}
_OF_END = {
    states.COMPLETED: "JobCompletedOK",
    states.CANCELLED: "JobCancelled",
    states.EXCEPTION: "JobCompletedException",
}
SEVERITIES = ("OK", "Warning", "Critical")


def planned(job: ScheduledJob) -> bool:
    """Tell whether a job was made here, not by the scanner's scheduler."""
    return job.id.startswith(PREFIX)


def etag_of(body: Mapping[str, Any]) -> str:
    """Return the entity tag of a job: it is made of several things, so of what is shown."""
    return hashlib.blake2b(orjson.dumps(body), digest_size=12).hexdigest()


def state_of(job: ScheduledJob, run: Task | None) -> str:
    """Return the JobState; ``run`` is the job's last run, if that is there still."""
    if job.running is not None and run is not None and not run.final:
        if run.task_state in (states.NEW, states.PENDING):
            return "Pending"
        return "Stopping" if run.task_state == states.CANCELLING else run.task_state
    if job.firing is not None:
        return "Starting"
    coming = job.next is not None or bool(job.manual)
    if job.paused and coming:
        return "Suspended"
    if job.error is not None:
        return "Exception"
    if coming:
        return "Starting" if job.manual else "Pending"
    if _cancelled(job):
        return "Cancelled"
    if job.outcome is not None:
        return job.outcome
    # What does not wait for its runs knows of none that goes on.
    return "Running" if job.number else "New"


def _cancelled(job: ScheduledJob) -> bool:
    """Tell whether it was cancelled since its last run, which may have ended as it liked."""
    return job.cancelled is not None and (job.ended is None or job.ended < job.cancelled)


class JobRepresentation:
    """Renders jobs with the wording of the message registries."""

    def __init__(self, tasks: TaskRepresentation) -> None:
        self._tasks = tasks

    def job(self, job: ScheduledJob, run: Task | None) -> dict[str, Any]:
        """Return a Job; ``run`` is its last run, if that is there still."""
        uri, state = job_uri(job.id), state_of(job, run)
        said = [self._tasks.message(one) for one in _messages(job, run)]
        body: dict[str, Any] = {
            "@odata.id": uri,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Job.Job",
            "Id": shown_id(job.id),
            "JobState": state,
            "JobStatus": _worst(said),
            "JobType": "UserSpecified",
            "CreatedBy": job.owner,
            "PercentComplete": _percent(job, run, state),
            "Messages": said,
            "Actions": {
                f"#Job.{name}": {"target": f"{uri}/Actions/Job.{name}"} for name in ACTIONS
            },
        }
        if run is not None:
            body["Links"] = _created([f"{TASKS}/{run.id}"])
        started = _started(job, run, state)
        if started is not None:
            body["StartTime"] = iso(started)
        ended = _ended(job, run, state)
        if ended is not None:
            body["EndTime"] = iso(ended)
        return {**body, **(_of_plan(job, uri) if planned(job) else _of_scan(job))}

    def step(self, job: ScheduledJob, at: int, run: Task | None) -> dict[str, Any]:
        """Return a step of a job as a Job."""
        plan = Plan.load(job.definition)
        one = plan.steps[at]
        reached = _reached(job, run)
        state = state_of(job, run)
        going = run is not None and not run.final and run.id == job.running
        if at < reached.done and (going or state in ENDED):
            state = "Completed"
        elif at > reached.done and (going or state in ENDED):
            # A step behind the one at which it ended is not done any more.
            state = "Pending" if going else "Cancelled"
        uri = f"{job_uri(job.id)}/Steps/{one.id}"
        found: dict[str, Any] = {
            "@odata.id": uri,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Job.Job",
            "Id": one.id,
            "Name": one.name or f"Step {one.id}",
            "JobState": state,
            "JobStatus": {"Exception": "Critical", "Cancelled": "Warning"}.get(state, "OK"),
            "JobType": "UserSpecified",
            "PercentComplete": 100 if state == "Completed" else 0,
            "CreatedBy": plan.owner,
            "HidePayload": plan.hide,
        }
        found |= self._times(job, run, reached, at, state)
        made = reached.made[at] if at < reached.done else reached.now if at == reached.done else ""
        if made:
            found["Links"] = _created([made])
        if not plan.hide:
            found["Payload"] = payload(one.request)
        return found

    @staticmethod
    def _times(
        job: ScheduledJob, run: Task | None, reached: Reached, at: int, state: str
    ) -> dict[str, str]:
        """Return when a step began and ended: it begins when the one before it has ended."""
        if at > reached.done or state not in (*ENDED, "Running", "Stopping"):
            return {}
        began = reached.ended[at - 1] if at else None if run is None else run.start_time
        found = {} if began is None else {"StartTime": iso(began)}
        ended = reached.ended[at] if at < reached.done else _ended(job, run, state)
        if ended is not None:
            found["EndTime"] = iso(ended)
        return found


def _reached(job: ScheduledJob, run: Task | None) -> Reached:
    if run is not None and run.id == job.running and not run.final:
        return Reached.load(run.checkpoint)
    return Reached.load(job.reached)


def _percent(job: ScheduledJob, run: Task | None, state: str) -> int:
    if state == "Completed":
        return 100
    if run is not None and (state in ENDED or not run.final):
        return run.percent_complete
    return 0


def _started(job: ScheduledJob, run: Task | None, state: str) -> int | None:
    """Return when it was last started or is scheduled to start."""
    if job.next is not None and state in ("Pending", "Suspended") and (run is None or run.final):
        return job.next
    return run.start_time if run is not None else job.previous


def _ended(job: ScheduledJob, run: Task | None, state: str) -> int | None:
    if state not in ENDED:
        return None
    if _cancelled(job):
        return job.cancelled
    return run.end_time if run is not None and run.end_time is not None else job.ended


def _messages(job: ScheduledJob, run: Task | None) -> Iterable[TaskMessage]:
    """Yield what was told of the last run, as of the job, and how the job is since."""
    me = shown_id(job.id)
    if run is not None:
        for one in run.messages:
            event = one.message_id.removeprefix(_EVENT)
            if one.message_id.startswith(_EVENT) and one.args == (run.id,) and event in JOB_EVENTS:
                yield _event(JOB_EVENTS[event], me)
            else:
                yield one
    elif job.outcome is not None:
        if job.said is not None:
            yield TaskMessage.load(job.said, job.last or "")
        yield _event(_OF_END[job.outcome], me)
    if _cancelled(job):
        yield _event("JobCancelled", me)
    if job.paused and (run is None or run.task_state != states.SUSPENDED):
        yield _event("JobSuspended", me)


def _event(name: str, job_id: str) -> TaskMessage:
    return TaskMessage(f"JobEvent.1.1.{name}", (job_id,))


def _worst(said: Iterable[Mapping[str, Any]]) -> str:
    return max((str(one["MessageSeverity"]) for one in said), key=SEVERITIES.index, default="OK")


def _created(uris: list[str]) -> dict[str, Any]:
    return {
        "CreatedResources": [{"@odata.id": uri} for uri in uris],
        "CreatedResources@odata.count": len(uris),
    }


def _of_plan(job: ScheduledJob, uri: str) -> dict[str, Any]:
    plan = Plan.load(job.definition)
    found: dict[str, Any] = {
        "Name": plan.name,
        "CreationTime": iso(plan.created),
        "HidePayload": plan.hide,
    }
    if plan.longest:
        found["MaxExecutionTime"] = plan.longest
    if plan.schedule:
        found["Schedule"] = dict(plan.schedule)
    if plan.stepped:
        found["StepOrder"] = [one.id for one in plan.steps]
        found["Steps"] = {"@odata.id": f"{uri}/Steps"}
    elif not plan.hide:
        found["Payload"] = payload(plan.steps[0].request)
    return found


def _of_scan(job: ScheduledJob) -> dict[str, Any]:
    """Return what is shown of a job of the scanner: of its schedule what Redfish has a word for."""
    scan, given = Job.load(job.definition), job.schedule_properties or {}
    schedule: dict[str, Any] = {}
    if job.next is not None:
        schedule["InitialStartTime"] = iso(job.next)
    if given.get("type") == "simple":
        schedule["InitialStartTime"] = iso(job.anchor)
        if given["repeatInterval"]:
            schedule["RecurrenceInterval"] = f"PT{given['repeatInterval'] / 1000:g}S"
            if given["repeatCount"] >= 0:
                schedule["MaxOccurrences"] = given["repeatCount"] + 1
    return {
        "Name": job.id,
        "Description": f"Invokes {scan.service}",
        "HidePayload": True,
        **({"Schedule": schedule} if schedule else {}),
    }


def payload(request: Request) -> dict[str, Any]:
    """Return the Payload of a request, its secrets masked."""
    shown = payload_of(request.operation, request.target, request.header_pairs, request.body)
    return {
        "HttpOperation": shown.http_operation,
        "TargetUri": shown.target_uri,
        "HttpHeaders": list(shown.http_headers),
        "JsonBody": shown.json_body,
    }
