"""``odimra job``: jobs that are submitted, each made once."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote, urlencode

import click

from odimra.client import files
from odimra.client.answers import path_of
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column, when
from odimra.client.running import Remote, remote
from odimra.client.tasks import task_path
from odimra.client.watching import WATCH, watch_all

MANAGER = "/ghibli-rest/v2/job-manager"
JOBS = f"{MANAGER}/jobs"
STATUSES = ("SUBMITTED", "RUNNING", "SUSPENDED", "COMPLETED", "ERROR", "ABORTED")
CONFLICT = 409
DIFFERENT = "X-Odimra-Variables"

COLUMNS = (
    Column("ID", lambda job: job["id"]),
    Column("CONTRACT", lambda job: job.get("contract")),
    Column("ACTION", lambda job: job.get("contractAction")),
    Column("STATUS", lambda job: job.get("status")),
    Column("KEY", lambda job: job.get("extIPID")),
    Column("BY", lambda job: job.get("submittedBy")),
    Column("CREATED", lambda job: when(job.get("createdAt"))),
    Column("CHANGED", lambda job: when(job.get("updatedAt"))),
)
ACTION_COLUMNS = (
    Column("CONTRACT", lambda row: row["contract"]),
    Column("ACTION", lambda row: row["name"]),
    Column("KIND", lambda row: row.get("kind")),
    Column("VARIABLES", lambda row: sorted(row.get("actionVariables", {}).get("properties", {}))),
)


@click.group("job", help=COMMANDS["job"][1])
def job() -> None:
    """Hold the commands together."""


@job.command("submit")
@click.argument("contract")
@click.argument("action")
@click.option(
    "--var", "pairs", multiple=True, metavar="NAME=VALUE", help="A variable; JSON is understood."
)
@click.option("--vars", "file", metavar="FILE", help="A JSON object of variables (- is the input).")
@click.option("--key", help="Its key: sent again with the same, the job is made once.")
@WATCH
@remote
async def job_submit(
    remote: Remote,
    contract: str,
    action: str,
    pairs: tuple[str, ...],
    file: str | None,
    key: str | None,
    watch: bool,
) -> None:
    """Submit a job by the action ACTION of the contract CONTRACT."""
    variables = {**(files.document(file) if file else {}), **files.variables(pairs)}
    body = {
        "contractName": contract,
        "actionName": action,
        "actionVariables": variables,
        # With a key a lost answer does no harm: the job is there once.
        "extIPID": key or str(uuid.uuid4()),
    }
    answer = await remote.api.post(JOBS, body, repeatable=True, fine=(CONFLICT,))
    made = answer.document
    there = answer.status == CONFLICT and bool(key)
    if answer.headers.get(DIFFERENT):
        remote.out.note("the job that is there was submitted with other variables")
    if watch:
        remote.out.note(f"job {made['id']}")
        await watch_all(remote, [_task(made)])
        return
    was = "was submitted before" if there else "is submitted"
    remote.out.done(f"job {made['id']} {was}: {made['status']}", made)


def _task(made: dict[str, Any]) -> str:
    return task_path(f"task{made['dfic']['dfiid']}")


@job.command("list")
@click.option(
    "--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only with this status."
)
@click.option("--contract", help="Only of this contract.")
@click.option("--key", help="Only the one with this key.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most.")
@remote
async def job_list(
    remote: Remote, status: str | None, contract: str | None, key: str | None, limit: int
) -> None:
    """List jobs, the newest first."""
    wanted = {"status": status, "contract": contract, "extIPID": key}
    query = {name: value for name, value in wanted.items() if value}
    path = f"{JOBS}?{urlencode({**query, 'maxItems': min(limit, 1000)})}"
    found: list[dict[str, Any]] = []
    while path and len(found) < limit:
        page = await remote.api.read(path)
        found += page["jobs"]
        path = path_of(str(page.get("next") or ""))
    remote.out.records(COLUMNS, found[:limit], "There are no such jobs.")


@job.command("show")
@click.argument("id")
@remote
async def job_show(remote: Remote, id: str) -> None:
    """Show the job ID."""
    found = await remote.api.read(f"{JOBS}/{quote(id, safe='')}")
    pairs = [(column.heading, column.value(found)) for column in COLUMNS]
    pairs += [
        ("MESSAGE", found.get("statusMessage")),
        ("QUEUE", found.get("queue")),
        ("TASK", f"task{found['dfic']['dfiid']}"),
    ]
    remote.out.fields(pairs, found)


@job.command("contracts")
@remote
async def job_contracts(remote: Remote) -> None:
    """List what can be submitted, with its variables."""
    found = await remote.api.read(f"{MANAGER}/contracts")
    if remote.out.as_json:
        remote.out.json(found["contracts"])
        return
    rows = [
        {**action, "contract": contract["name"]}
        for contract in found["contracts"]
        for action in contract["actions"]
    ]
    remote.out.records(ACTION_COLUMNS, rows, "Nothing can be submitted.")
