"""``/job-manager/jobs``: jobs are submitted, listed, and stopped; ``/job-manager/contracts``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from aiohttp.web import Request

from odimra.clock import iso
from odimra.dataone.asking import asked, following
from odimra.dataone.errors import JobFault, bad
from odimra.dataone.frame import ROOT, Answer, Ask, Route
from odimra.idempotency import KEY, LONGEST_KEY, REPLAYED
from odimra.jobs.submission.contracts import Action, Catalogue, Contract, Contracts
from odimra.jobs.submission.jobs import Jobs, Submission
from odimra.jobs.submission.listing import Listing
from odimra.jobs.submission.model import Job
from odimra.jobs.submission.starting import Startable
from odimra.tasks import NewTask, Tasks, states
from odimra.tasks.payload import mask, payload_of

SUBMIT = "ConfigureUsers"
LONGEST = 64
#: What of a body is known.
NAMES = frozenset({"contractName", "actionName", "actionVariables", "extIPID"})
#: What says that the variables of a job that is there are not those which were sent.
DIFFERENT = "X-Odimra-Variables"


class SubmittedJobs:
    """Submitted jobs; ``startables`` are the kinds that contracts may name."""

    def __init__(
        self,
        jobs: Jobs,
        listing: Listing,
        contracts: Contracts,
        startables: dict[str, Startable],
        tasks: Tasks,
    ) -> None:
        self._jobs = jobs
        self._listing = listing
        self._contracts = contracts
        self._startables = startables
        self._tasks = tasks

    def routes(self) -> list[Route]:
        """Return what is served."""
        one = "job-manager/jobs/*"
        return [
            Route("POST", "job-manager/jobs", self.submit, SUBMIT, keyed=True),
            Route("GET", "job-manager/jobs", self.listed),
            Route("GET", one, self.read),
            Route("POST", f"{one}/abort", self.abort, SUBMIT),
            Route("POST", f"{one}/suspend", self.suspend, SUBMIT),
            Route("POST", f"{one}/resume", self.resume, SUBMIT),
            Route("GET", "job-manager/contracts", self.contracts),
        ]

    # Submitting

    async def submit(self, ask: Ask) -> Answer:
        """Start a job, once for each key."""
        body = await ask.body()
        unknown = sorted(set(body) - NAMES)
        if unknown:
            raise bad(f"{unknown[0][:60]}: is no property of a submission")
        ext = _key(ask.request, body)
        variables = body.get("actionVariables")
        variables = {} if variables is None else variables
        if not isinstance(variables, dict):
            raise bad("actionVariables: has to be an object")
        catalogue = self._contracts.now()
        contract, action = _named(catalogue, body)
        queue = catalogue.queues[contract.queue]
        if not contract.enabled or not queue.enabled:
            raise bad(f"contractName: {contract.name} takes no jobs at present")
        startable = self._startables[action.kind]
        if startable.needs not in ask.principal.privileges:
            raise JobFault(403, f"This needs the privilege {startable.needs}")
        arguments = action.filled(variables)
        request = ask.request
        shown = {**body, "actionVariables": mask(variables)}
        payload = payload_of(request.method, request.path, request.headers, shown)
        ready = await startable.prepare(arguments, ask.principal, payload)
        found = await self._jobs.submit(
            Submission(
                ask.principal.account,
                contract.name,
                action.name,
                ext,
                variables,
                _fields(contract, action, ask.principal.session_id),
                _queued(ready.new, queue.name, queue.concurrency),
                ready.guards,
                ready.task_id,
            )
        )
        headers = {"Location": f"{ROOT}/job-manager/jobs/{found.job.number}"}
        if not found.existed:
            return Answer(_shown(found.job), 201, headers)
        headers[REPLAYED] = "true"
        if not found.same:
            headers[DIFFERENT] = "different"
        return Answer(_shown(found.job), 409, headers)

    # Looking

    async def listed(self, ask: Ask) -> Answer:
        """The jobs that filters mean, a page of them."""
        params = ask.request.query
        query = asked(params)
        page = await self._listing.page(query)
        body: dict[str, Any] = {"jobs": [_shown(one) for one in page.jobs]}
        if page.after is not None:
            body["next"] = f"{ROOT}/job-manager/jobs?{following(params, query, page.after)}"
        return Answer(body)

    async def read(self, ask: Ask) -> Answer:
        """One job."""
        return Answer(_shown(await self._job(ask)))

    async def _job(self, ask: Ask) -> Job:
        text = ask.params[0]
        found = None
        if text.isascii() and text.isdigit() and len(text) <= 15:
            found = await self._jobs.read(int(text))
        if found is None:
            raise JobFault(404, f"There is no job {text[:40]}")
        return found

    async def contracts(self, ask: Ask) -> Answer:
        """What can be submitted."""
        catalogue = self._contracts.now()
        shown = [
            {
                "name": one.name,
                "type": one.type,
                "actor": one.actor,
                "queue": one.queue,
                "enabled": one.enabled and catalogue.queues[one.queue].enabled,
                "actions": [
                    {
                        "name": action.name,
                        "trigger": action.trigger,
                        "kind": action.kind,
                        "workflowTemplate": dict(action.template),
                        "actionVariables": action.variables,
                    }
                    for action in one.actions.values()
                ],
            }
            for one in catalogue.contracts.values()
        ]
        return Answer({"contracts": shown})

    # Changing

    async def abort(self, ask: Ask) -> Answer:
        """Stop a job."""
        job = await self._job(ask)
        await self._tasks.cancel(job.task)
        return Answer(_shown(await self._job(ask)), 202)

    async def suspend(self, ask: Ask) -> Answer:
        """Have a job rest at its next step."""
        return await self._want(ask, states.SUSPEND)

    async def resume(self, ask: Ask) -> Answer:
        """Have a job go on."""
        return await self._want(ask, states.RUN)

    async def _want(self, ask: Ask, wanted: str) -> Answer:
        job = await self._job(ask)
        task = await self._tasks.get(job.task)
        if task is not None and task.children:
            children = await self._tasks.page(self._tasks.index(parent=task.id), 0, task.children)
            await asyncio.gather(*(self._want_one(one, wanted) for one in children))
        else:
            await self._tasks.want(job.task, wanted)
        self._tasks.forget(job.task)
        return Answer(_shown(await self._job(ask)), 202)

    async def _want_one(self, task_id: str, wanted: str) -> None:
        task = await self._tasks.get(task_id)
        if task is not None and not task.final:
            await self._tasks.want(task_id, wanted)


def _key(request: Request, body: dict[str, Any]) -> str:
    """Return the key of a submission: extIPID, of which Idempotency-Key is another name."""
    ext = body.get("extIPID")
    if ext is not None and (not isinstance(ext, str) or not 1 <= len(ext) <= LONGEST):
        raise bad(f"extIPID: has to be a text of 1 to {LONGEST} characters")
    keys = request.headers.getall(KEY, [])
    if not keys:
        return ext or ""
    key = keys[0].strip()
    if len(keys) > 1 or not 0 < len(key) <= LONGEST or not key.isprintable():
        raise bad(f"{KEY}: has to be one text of at most {min(LONGEST, LONGEST_KEY)} characters")
    if ext is not None and ext != key:
        raise bad(f"extIPID: is not what {KEY} says")
    return key


def _named(catalogue: Catalogue, body: dict[str, Any]) -> tuple[Contract, Action]:
    for name in ("contractName", "actionName"):
        if not isinstance(body.get(name), str):
            raise bad(f"{name}: {'has to be a text' if name in body else 'is missing'}")
    contract = catalogue.contracts.get(body["contractName"])
    if contract is None:
        raise JobFault(404, f"contractName: there is no contract {body['contractName'][:80]}")
    action = contract.actions.get(body["actionName"])
    if action is None:
        raise JobFault(404, f"actionName: {contract.name} has no action {body['actionName'][:80]}")
    return contract, action


def _fields(contract: Contract, action: Action, session: str | None) -> dict[str, str]:
    template = action.template
    return {
        "queue": contract.queue,
        "actor": contract.actor,
        "type": contract.type,
        "trigger": action.trigger,
        "template_id": str(template["id"]),
        "template_name": str(template["name"]),
        "template_revision": str(template["revision"]),
        "template_description": str(template.get("description", "")),
        "lcid": session or "",
    }


def _queued(new: NewTask, queue: str, limit: int) -> NewTask:
    if new.subtasks:
        return replace(new, subtasks=[_queued(one, queue, limit) for one in new.subtasks])
    return replace(new, queue=queue, queue_limit=limit)


def _shown(job: Job) -> dict[str, Any]:
    """Return a job as this API shows it; what there is none of is null."""

    def value(name: str) -> str | None:
        return job.value(name) or None

    return {
        "id": str(job.number),
        "status": value("status"),
        "statusMessage": _message(job),
        "createdAt": iso(int(job.fields["created"])),
        "updatedAt": iso(int(job.fields["updated"])),
        "submittedBy": value("by"),
        "queue": value("queue"),
        "actor": value("actor"),
        "contract": value("contract"),
        "contractType": value("type"),
        "contractAction": value("action"),
        "contractActionTrigger": value("trigger"),
        "contractActionWorkflowInstance": {
            "id": str(job.number),
            "workflowTemplateId": value("template_id"),
            "workflowTemplateName": value("template_name"),
            "workflowTemplateRevision": value("template_revision"),
            "workflowTemplateDescription": value("template_description"),
        },
        "dfic": {"dfiid": value("dfiid"), "lcid": value("lcid"), "userAttrs": {}},
        "extIPID": value("ext"),
    }


def _message(job: Job) -> str | None:
    """Return why a job has failed: the last critical message of its task."""
    kept = job.value("message")
    if not kept or job.value("status") != "ERROR":
        return None
    message = orjson.loads(kept)
    if message.get("t"):
        return str(message["t"])
    args: Sequence[Any] = message.get("a") or ()
    return ": ".join([str(message.get("i", "")).rpartition(".")[2], *map(str, args)])
