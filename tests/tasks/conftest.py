"""Helpers to bring a task where a test wants it."""

from __future__ import annotations

from odimra.tasks import Change, NewTask, Task, Tasks, states

#: How to get from New to each state, by moves that the table allows.
WAY_TO = {
    states.NEW: (),
    states.PENDING: (states.PENDING,),
    states.STARTING: (states.STARTING,),
    states.RUNNING: (states.RUNNING,),
    states.SUSPENDED: (states.RUNNING, states.SUSPENDED),
    states.INTERRUPTED: (states.RUNNING, states.INTERRUPTED),
    states.STOPPING: (states.RUNNING, states.STOPPING),
    states.SERVICE: (states.RUNNING, states.SERVICE),
    states.CANCELLING: (states.RUNNING, states.CANCELLING),
    states.COMPLETED: (states.RUNNING, states.COMPLETED),
    states.CANCELLED: (states.CANCELLED,),
    states.EXCEPTION: (states.EXCEPTION,),
}


def a_task(**values: object) -> NewTask:
    """Return what a plain task is created from."""
    return NewTask(**{"kind": "test", "owner": "ann", **values})  # type: ignore[arg-type]


async def bring(tasks: Tasks, state: str, **values: object) -> Task:
    """Create a task and bring it into ``state``."""
    task = await tasks.create(a_task(**values))
    for step in WAY_TO[state]:
        await tasks.change(task.id, Change(state=step))
    found = await tasks.get(task.id)
    assert found is not None and found.task_state == state
    return found


async def read(tasks: Tasks, task_id: str) -> Task:
    """Return a task that must be there."""
    found = await tasks.get(task_id)
    assert found is not None
    return found


async def events(tasks: Tasks, task_id: str | None = None) -> list[str]:
    """Return the lifecycle messages on the stream, of one task or of all."""
    entries = await tasks.store.call("XRANGE", tasks.store.keys.events, "-", "+")
    fields = (
        [dict(zip(entry[1][::2], entry[1][1::2], strict=True)) for entry in map(list, entries)]
        if entries and not isinstance(entries[0][1], dict)
        else [entry[1] for entry in entries]
    )
    return [
        one[b"message"].decode()
        for one in fields
        if task_id is None or one[b"task"].decode() == task_id
    ]
