"""Job kinds for tests: they count in the store, so that any process can tell what ran."""

from __future__ import annotations

import asyncio

from odimra.clock import SystemClock
from odimra.engine import JobContext, JobSuspended, Outcome, Registry
from odimra.store import Store
from odimra.tasks import Effect, Result, TaskMessage, TaskOptions, Tasks, states


class Steps:
    """Does ``args['steps']`` steps, each counted in the store as it is done.

    ``args['gap']`` seconds lie between what a step does and its checkpoint.
    """

    name = "steps"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, job: JobContext) -> Outcome:
        done = job.checkpoint["done"] if job.checkpoint else 0
        total = job.args["steps"]
        counts = self._store.keys.of("counts", job.task.id)
        while done < total:
            await self._store.call("HINCRBY", counts, str(done), 1)
            done += 1
            await asyncio.sleep(job.args.get("gap", 0))
            await job.progress(100 * done // total, checkpoint={"done": done})
            await job.sleep(job.args.get("pause", 0))
        return Outcome(
            result=Result(200, {"steps": total}),
            effects=[Effect(self._store.keys.of("machine", job.task.id), {"done": "yes"})],
        )


class Breaks:
    """Fails as a bug would."""

    name = "breaks"

    async def run(self, job: JobContext) -> Outcome:
        raise RuntimeError("a secret reason")


class Refuses:
    """Ends in Exception in an orderly way."""

    name = "refuses"

    async def run(self, job: JobContext) -> Outcome:
        await job.message(TaskMessage("Vendor.1.0.Look", ("x",), "Warning"))
        return Outcome(states.EXCEPTION, Result(409, {"error": {}}))


class Forever:
    """Runs until it is stopped; starts slowly."""

    name = "forever"
    claim_state = states.STARTING

    async def run(self, job: JobContext) -> Outcome:
        await job.running()
        while True:
            await job.sleep(0.05)


class Torn:
    """Is told to rest, and then ``args['then']``, before it notices the first."""

    name = "torn"

    def __init__(self, store: Store) -> None:
        self._tasks = Tasks(store, TaskOptions(), SystemClock())  # nobody is signalled by it

    async def run(self, job: JobContext) -> Outcome:
        if job.checkpoint is None:
            await job.progress(checkpoint={"told": True})
            await self._tasks.want(job.task.id, states.SUSPEND)
            if job.args["then"] == states.CANCEL:
                await self._tasks.cancel(job.task.id)
            elif job.args["then"] == states.RUN:
                await self._tasks.want(job.task.id, states.RUN)
            raise JobSuspended
        return Outcome()


class Slow(Torn):
    """The same, of a kind that starts slowly."""

    name = "slow"
    claim_state = states.STARTING


class Deaf:
    """Catches what it should let pass, as careless code does, and has to be stopped anyway."""

    name = "deaf"

    async def run(self, job: JobContext) -> Outcome:
        while True:
            try:
                await asyncio.sleep(0.01)
                await job.progress()
            except Exception:  # noqa: BLE001 - that is what is wrong with it
                continue


class Verbose:
    """Ends with a result that is longer than any that is kept."""

    name = "verbose"

    async def run(self, job: JobContext) -> Outcome:
        return Outcome(result=Result(200, {"text": "x" * 300_000}))


def registry(store: Store) -> Registry:
    """Return all of them."""
    kinds = Registry()
    for kind in (
        *(Steps(store), Breaks(), Refuses(), Forever(), Deaf(), Verbose()),
        *(Torn(store), Slow(store)),
    ):
        kinds.add(kind)
    return kinds
