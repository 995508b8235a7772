"""A worker process that fires scheduled jobs.

``python -m tests.engine.firing_worker URL NAMESPACE [DIES]``: with ``before`` or ``after`` it is
killed, as by SIGKILL, in the middle of its first firing, before or after the task is created.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from odimra.clock import SystemClock
from odimra.engine import Firing, ScheduledJob, ScheduledJobs, Scheduler, SchedulerOptions
from odimra.engine.scheduler import task_going
from odimra.store import Store, StoreOptions
from odimra.tasks import NewTask, TaskOptions, Tasks

#: Seconds after which another worker takes a firing over.
LEASE = 0.3


def new_task(job: ScheduledJob, firing: Firing) -> NewTask:
    """The run of a firing: its name says which."""
    return NewTask("scheduled", "ann", name=f"{job.id} {firing.number} {firing.scheduled}")


def scheduler_of(store: Store, tasks: Tasks, node: str = "") -> Scheduler:
    """A scheduler that is quick to notice things."""
    clock = SystemClock()
    options = SchedulerOptions(node, lease=LEASE, recheck=0.05, idle=0.02)
    return Scheduler(ScheduledJobs(store, clock), task_going(tasks), clock, options)


async def main(url: str, namespace: str, dies: str = "") -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    tasks = Tasks(store, TaskOptions(), SystemClock())

    async def fire(job: ScheduledJob, firing: Firing) -> str:
        if dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await tasks.create(new_task(job, firing), task_id=firing.run_id, once=firing.once)
        if dies == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return firing.run_id

    print("ready", flush=True)
    await scheduler_of(store, tasks, str(os.getpid())).run(asyncio.Event(), fire)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
