"""Watches tasks for a command, and makes its exit code of how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from odimra.client import tasks
from odimra.client.answers import Answer
from odimra.client.boards import board
from odimra.client.errors import ClientError, OperationFailed, ServiceFailed
from odimra.client.following import Follower, Seen, outcome
from odimra.client.running import Remote

#: The flag of the commands that start something.
WATCH = click.option("--watch", is_flag=True, help="Watch the task until it has ended.")


async def watch_all(remote: Remote, paths: list[str]) -> list[Seen]:
    """Watch tasks until all have ended. Raises :class:`OperationFailed` if one is not completed."""
    names = [tasks.name_of({"@odata.id": path}) for path in paths]
    remote.on_interrupt[:] = [
        f"What was watched goes on. To watch it again: odimra task watch {' '.join(names)}"
    ]
    with board(remote.out) as shown:
        async with asyncio.TaskGroup() as group:
            watched = [group.create_task(_end(remote, path, shown)) for path in paths]
    ended: list[Seen] = []
    failures: list[ClientError] = []
    for one in watched:
        match one.result():
            case ClientError() as error:
                failures.append(error)
            case seen:
                ended.append(seen)
                failures += [failed] if (failed := outcome(seen)) else []
    if len(failures) > 1:
        for failure in failures:
            remote.out.note(str(failure))
        raise OperationFailed(f"{len(failures)} of {len(paths)} have not ended well")
    if failures:
        raise failures[0]
    return ended


async def _end(remote: Remote, path: str, shown: Any) -> Seen | ClientError:
    """Return how a task has ended: one that is gone does not end the others."""
    try:
        return await Follower(remote.api, path, shown).end()
    except ClientError as error:
        return error


async def started(
    remote: Remote, answer: Answer | str, watch: bool, what: str, record: Any = None
) -> None:
    """Tell of the task that a request has started, and watch it if that is wanted.

    ``answer`` is the 202, or the name of the task. ``record`` is told in JSON in place of the task.
    """
    if isinstance(answer, str):
        task = await remote.api.read(tasks.task_path(answer))
    else:
        task = started_task(answer)
    name = tasks.name_of(task)
    if not watch:
        remote.out.done(f"{what}: {name}", record or task)
        if remote.out.for_people:
            remote.out.note(f"To watch it: odimra task watch {name}")
        return
    if not remote.out.for_people:
        remote.out.note(f"{what}: {name}")
    await watch_all(remote, [str(task["@odata.id"])])


def started_task(answer: Answer) -> dict[str, Any]:
    """Return the Task in a 202. Raises :class:`ServiceFailed` for anything else."""
    if answer.status == 202 and answer.raw:
        task = answer.document
        if "TaskState" in task:
            return task
    raise ServiceFailed(f"no task was started: the answer is HTTP status {answer.status}")
