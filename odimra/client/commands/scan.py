"""``odimra scan``: the task scanner."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from odimra.client.files import document
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column, when
from odimra.client.running import Remote, remote
from odimra.client.watching import WATCH, started

RUNS = "/openidm/taskscanner"
JOBS = "/openidm/scheduler/job"
SCANNER = "taskscanner"


def _progress(name: str) -> Any:
    return lambda run: run["progress"].get(name)


RUN_COLUMNS = (
    Column("ID", lambda run: run["_id"]),
    Column("NAME", lambda run: run.get("name")),
    Column("STATE", _progress("state")),
    Column("TOTAL", _progress("total"), right=True),
    Column("DONE", _progress("processed"), right=True),
    Column("GOOD", _progress("successes"), right=True),
    Column("BAD", _progress("failures"), right=True),
    Column("STARTED", lambda run: when(run.get("started"))),
    Column("ENDED", lambda run: when(run.get("ended"))),
)


def _schedule(job: dict[str, Any]) -> str:
    if job.get("type") == "cron":
        return str(job.get("schedule") or "")
    return f"every {int(job.get('repeatInterval') or 0) / 1000:g} s"


JOB_COLUMNS = (
    Column("NAME", lambda job: job["_id"]),
    Column("ENABLED", lambda job: job.get("enabled")),
    Column("SCHEDULE", _schedule),
    Column("NEXT RUN", lambda job: when(job.get("nextRunDate"))),
    Column("LAST RUN", lambda job: when(job.get("previousRunDate"))),
)


@click.group("scan", help=COMMANDS["scan"][1])
def scan() -> None:
    """Hold the commands together."""


@scan.command("list")
@remote
async def scan_list(remote: Remote) -> None:
    """List the runs that are kept."""
    found = await remote.api.read(RUNS)
    remote.out.records(RUN_COLUMNS, found.get("tasks", []), "No scan has run.")


@scan.command("show")
@click.argument("id")
@remote
async def scan_show(remote: Remote, id: str) -> None:
    """Show the run ID."""
    run = await remote.api.read(f"{RUNS}/{quote(id, safe='')}")
    remote.out.fields([(one.heading, one.value(run)) for one in RUN_COLUMNS], run)


@scan.command("run")
@click.argument("name")
@WATCH
@remote
async def scan_run(remote: Remote, name: str, watch: bool) -> None:
    """Run the scan of the scheduled job NAME now."""
    action = f"{RUNS}?_action=execute&name={quote(name, safe='')}"
    # One whose job says waitForCompletion is answered when it has ended.
    run = (await remote.api.post(action, {}, starts=True, seconds=None)).document
    await started(remote, f"task{run['_id']}", watch, f"scan {name}", run)


@scan.command("cancel")
@click.argument("id")
@remote
async def scan_cancel(remote: Remote, id: str) -> None:
    """Ask the run ID to end; what its scripts have written stays."""
    answer = await remote.api.post(
        f"{RUNS}/{quote(id, safe='')}?_action=cancel", {}, repeatable=True
    )
    remote.out.done(f"{id} shall end", answer.body)


@scan.command("jobs")
@remote
async def scan_jobs(remote: Remote) -> None:
    """List the scheduled jobs that run scans."""
    found: list[dict[str, Any]] = []
    cookie = ""
    while True:
        more = f"&_pagedResultsCookie={quote(cookie, safe='')}" if cookie else ""
        page = await remote.api.read(f"{JOBS}?_queryFilter=true&_pageSize=200{more}")
        found += [one for one in page["result"] if str(one["invokeService"]).endswith(SCANNER)]
        cookie = page.get("pagedResultsCookie") or ""
        if not cookie:
            break
    remote.out.records(JOB_COLUMNS, found, "No scan is scheduled.")


@scan.command("schedule")
@click.argument("name")
@click.argument("file")
@remote
async def scan_schedule(remote: Remote, name: str, file: str) -> None:
    """Make or replace the scheduled job NAME by the JSON in FILE (- is the input)."""
    body = {"invokeService": SCANNER, **document(file)}
    path = f"{JOBS}/{quote(name, safe='')}"
    job = (await remote.api.ask("PUT", path, json=body, repeatable=True)).document
    following = when(job.get("nextRunDate")) or "when it is asked for"
    remote.out.done(f"{name} runs next {following}", job)


@scan.command("unschedule")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
async def scan_unschedule(remote: Remote, name: str, yes: bool) -> None:
    """Remove the scheduled job NAME; its runs stay."""
    if not yes:
        click.confirm(f"Remove the scheduled job {name}?", abort=True, err=True)
    await remote.api.delete(f"{JOBS}/{quote(name, safe='')}")
    remote.out.done(f"{name} is removed", {"_id": name, "removed": True})
