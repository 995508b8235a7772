"""``odimra task``: list, show, watch, cancel and delete tasks."""

from __future__ import annotations

from typing import Any

import click

from odimra.client import tasks
from odimra.client.errors import BadUsage, NotFound
from odimra.client.lazy import COMMANDS
from odimra.client.running import Remote, remote
from odimra.client.watching import watch_all


@click.group("task", help=COMMANDS["task"][1])
def task() -> None:
    """Hold the commands together."""


@task.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(tasks.STATES, case_sensitive=False),
    multiple=True,
    help="Only tasks in this state; may be there more than once.",
)
@click.option("--unfinished", is_flag=True, help="Only tasks that have not ended.")
@click.option("--kind", help="Only tasks of this kind, such as system-reset.")
@click.option("--owner", help="Only tasks of this account.")
@click.option("--text", help="Only tasks with this in their name or id.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="How many at most, the newest.",
)
@remote
async def task_list(
    remote: Remote,
    states: tuple[str, ...],
    unfinished: bool,
    kind: str | None,
    owner: str | None,
    text: str | None,
    limit: int,
) -> None:
    """List the tasks that you may see, the newest first."""
    if states and unfinished:
        raise BadUsage("--state and --unfinished exclude each other")
    state = "unfinished" if unfinished else ",".join(states)
    wanted = {"state": state, "kind": kind, "owner": owner, "text": text}
    chosen = {name: value for name, value in wanted.items() if value}
    rows = await tasks.table(remote.api, limit, chosen)
    remote.out.records(tasks.ROWS, rows, "There are no such tasks.")


@task.command("show")
@click.argument("id")
@remote
async def task_show(remote: Remote, id: str) -> None:
    """Show the task ID with its sub-tasks and messages."""
    found = await remote.api.read(tasks.task_path(id))
    subs: list[dict[str, Any]] = []
    if "SubTasks" in found:
        link = found["SubTasks"]["@odata.id"]
        subs = [one async for one in tasks.members(remote.api, link)]
    out = remote.out
    if out.as_json:
        out.json({**found, "SubTasks": {**found["SubTasks"], "Members": subs}} if subs else found)
        return
    out.fields(tasks.described(found), found)
    for line in tasks.messages(found):
        out.fields([("Message", line)], None)
    if subs:
        out.records(tasks.COLUMNS, subs, "")


@task.command("watch")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@remote
async def task_watch(remote: Remote, ids: tuple[str, ...]) -> None:
    """Watch tasks until they have ended; with their sub-tasks, through restarts of the service.

    The exit code is 0 if all are completed, 1 if one has ended otherwise. Ctrl-C leaves them alone.
    """
    await watch_all(remote, [tasks.task_path(one) for one in ids])


@task.command("cancel")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@remote
async def task_cancel(remote: Remote, ids: tuple[str, ...]) -> None:
    """Ask tasks to end; they stay in the list."""
    for path in [tasks.task_path(one) for one in ids]:
        found = await remote.api.read(path)
        name = tasks.name_of(found)
        if found["TaskState"] in tasks.FINAL:
            remote.out.note(f"{name} has ended already: {found['TaskState']}")
            continue
        try:
            await remote.api.delete(tasks.monitor_of(found))
        except NotFound:
            # It was cancelled by somebody else meanwhile.
            remote.out.note(f"{name} is cancelled already")
            continue
        now = await remote.api.read(path)
        remote.out.done(f"{name} is {now['TaskState']}", now)


@task.command("delete")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--completed", is_flag=True, help="Remove all tasks that have ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
async def task_delete(remote: Remote, ids: tuple[str, ...], completed: bool, yes: bool) -> None:
    """Cancel tasks and remove them."""
    if bool(ids) == completed:
        raise BadUsage("what is to be removed?", "name tasks, or say --completed")
    what = "all tasks that have ended" if completed else f"{', '.join(ids)}, even if at work"
    if not yes:
        click.confirm(f"Remove {what}?", abort=True, err=True)
    if completed:
        action = "/redfish/v1/TaskService/Actions/TaskService.DeleteAllCompletedTasks"
        await remote.api.post(action, {}, repeatable=True)
        remote.out.done("All tasks that had ended are removed", {"removed": "completed"})
        return
    for path in [tasks.task_path(one) for one in ids]:
        answer = await remote.api.delete(path)
        name = path.removeprefix(tasks.TASKS + "/").replace("/SubTasks/", "/")
        gone = answer.status != 202
        text = f"{name} is removed" if gone else f"{name} is removed when it has ended"
        remote.out.done(text, {"Id": name, "removed": gone})
