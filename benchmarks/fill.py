"""Fills a store with finished tasks through the atomic steps of the service itself.

Each task goes through create, claim and change to Completed, as a worker would take it, with the
payload, messages and result of a real finished task as the pattern. No key is written by hand, so
whatever the steps keep (indexes, roll-up, events, slots) is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from odimra.clock import SystemClock
from odimra.store import Store, StoreOptions
from odimra.tasks import Change, NewTask, Task, TaskOptions, Tasks
from odimra.tasks.states import COMPLETED, RUNNING

BATCH = 500


async def fill(url: str, pattern_id: str, count: int, told: Callable[[int], None]) -> None:
    """Add `count` finished tasks like the task `pattern_id`.

    `told` hears how many are there now and then.
    """
    # A batch of 500 scripts on a busy core may take longer than a request may wait for one.
    store = await Store.open(StoreOptions(url, timeout=60, cache_entries=0))
    try:
        tasks = Tasks(store, TaskOptions(max_tasks=count + 1_000_000), SystemClock())
        pattern = await tasks.get(pattern_id)
        if pattern is None or not pattern.final:
            raise RuntimeError(f"{pattern_id} is no finished task to copy")
        for done in range(0, count, BATCH):
            size = min(BATCH, count - done)
            await asyncio.gather(*(_finished(tasks, pattern) for _ in range(size)))
            told(done + size)
    finally:
        await store.close()


async def _finished(tasks: Tasks, pattern: Task) -> None:
    task = await tasks.create(
        NewTask(
            kind=pattern.kind,
            owner=pattern.owner,
            name=pattern.name,
            args=pattern.args,
            payload=pattern.payload,
            description=pattern.description,
            estimated_duration=pattern.estimated_duration,
        )
    )
    outcome, taken = await tasks.claim(task.id, 0, state=RUNNING, kind_limit=0, target_limit=0)
    if outcome != "ok" or taken is None:
        raise RuntimeError(f"claim of a fresh task answered {outcome}")
    # The steps add the lifecycle messages themselves; only the others are the job's.
    messages = [one for one in pattern.messages if not one.message_id.startswith("TaskEvent.")]
    await tasks.change(
        task.id,
        Change(
            state=COMPLETED,
            percent=100,
            messages=messages,
            checkpoint=pattern.checkpoint,
            result=pattern.result,
            epoch=taken.epoch,
        ),
    )
