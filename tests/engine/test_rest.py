"""A task that comes to rest does so whole."""

from __future__ import annotations

import asyncio

from odimra.engine.registry import Registry
from odimra.engine.runner import Limits, Runner
from odimra.tasks import Tasks
from tests.fakes import FakeClock


async def test_a_signal_does_not_cut_it_short(tasks: Tasks, clock: FakeClock) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    class Job:
        async def suspend(self) -> None:
            begun.set()
            await go.wait()
            done.append("rests")

    runner = Runner(tasks, Registry(), Limits(), clock)
    run = asyncio.create_task(runner._rest(Job()))  # type: ignore[arg-type]
    await begun.wait()
    run.cancel()
    await asyncio.sleep(0)
    go.set()
    await run
    assert done == ["rests"]
