"""Workers are killed while they rate: the frames are those of a run that nobody has disturbed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from odimra.store import Store
from odimra.tasks import states
from tests.jobs.killing import Workers
from tests.rating.yard import PERIOD, Yard, sample

SCOPES = [f"p{number}" for number in range(10)]
PERIODS = 1000


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store, "tests.rating.worker")
    yield running
    await running.end()


async def prepare(yard: Yard) -> None:
    chance = random.Random(1)
    for scope in SCOPES:
        await yard.scope(scope, PERIODS * PERIOD)
        # Not every period has usage.
        await yard.usage.push(
            sample(scope, number * PERIOD, str(chance.randint(1, 999) / 10), id=str(one))
            for number in range(PERIODS)
            for one in range(chance.randint(0, 2))
        )
    service = await yard.rules.add_service("cpu")
    for day, cost in enumerate(("0.1", "0.07", "0.3333", "12")):
        await yard.rules.add_mapping(
            {
                "service_id": service["service_id"],
                "cost": cost,
                "start": day * 250 * PERIOD,
                "end": (day + 1) * 250 * PERIOD,
            },
            by="ann",
            force=True,
        )


async def test_frames_of_a_disturbed_run_are_those_of_an_undisturbed_one(
    store: Store, workers: Workers
) -> None:
    chance = random.Random(7)
    async with Yard(store) as yard:
        await prepare(yard)
        for _ in range(2):
            await workers.start()
        task = await yard.reprocess(SCOPES, 0, (PERIODS - 1) * PERIOD)
        ended, kills = asyncio.create_task(yard.ended(task)), 0
        while not ended.done():
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            await workers.kill(0)
            await workers.start()
            kills += 1
        assert ended.result().task_state == states.COMPLETED
        children = await yard.tasks.page(yard.tasks.index(parent=task.id), 0, 100)
        found = await asyncio.gather(*map(yard.tasks.get, children))
        epochs = [one.epoch for one in found if one is not None]
        assert kills >= 2 and max(epochs) >= 2, "nobody was disturbed"
        disturbed = {scope: await yard.bytes_of(scope) for scope in SCOPES}
        again = await yard.reprocess(SCOPES, 0, (PERIODS - 1) * PERIOD)
        assert (await yard.ended(again)).task_state == states.COMPLETED
        undisturbed = {scope: await yard.bytes_of(scope) for scope in SCOPES}
    assert disturbed == undisturbed
    assert all(len(frames) > PERIODS / 2 for frames in undisturbed.values())
