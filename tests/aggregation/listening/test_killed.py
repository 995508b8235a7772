"""Processes that listen are killed at any moment: others go on, and nothing is told twice."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from odimra.aggregation.sources import Source
from odimra.emulation.bmcs.serving import Station
from odimra.store import Store
from tests.aggregation.listening.conftest import Stand, until
from tests.aggregation.listening.test_subscribed import SYSTEM, subscribed, subscriptions
from tests.aggregation.listening.test_watched import heard, instead, no_events, seen

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


@asynccontextmanager
async def holders(stand: Stand, store: Store, key: Path) -> AsyncIterator[Start]:
    """Start processes that listen; all are killed in the end."""
    running: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        given = (store.options.url, store.options.namespace, str(key), stand.address)
        command = (sys.executable, "-m", "tests.aggregation.listening.holder", *given)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        running.append(process)
        return process

    try:
        yield start
    finally:
        for one in running:
            if one.returncode is None:
                one.kill()
            await one.wait()


async def test_a_killed_listener_has_a_successor(
    stand: Stand, station: Station, source: Source, store: Store, tmp_path: Path
) -> None:
    async with holders(stand, store, tmp_path / "key") as start:
        first = await start()
        await subscribed(station, stand, source)
        (before,) = subscriptions(station)
        first.kill()
        await first.wait()
        # The BMC posts to the API processes: nothing waits for a successor.
        station.bmc._change(SYSTEM, {"AssetTag": "x"})
        assert await heard(stand) == [("ResourceChanged", "ComputerSystem", "OK")]
        station.bmc.subscriptions._all.clear()
        await start()
        await until(lambda: subscriptions(station))
        assert subscriptions(station) != [before]


async def test_what_is_seen_is_told_once_whoever_is_killed(
    stand: Stand, station: Station, source: Source, store: Store, tmp_path: Path
) -> None:
    instead(station, no_events)
    chance = random.Random(7)
    told: list[str] = []
    async with holders(stand, store, tmp_path / "key") as start:
        holder = await start()
        await until(lambda: seen(stand, source, SYSTEM))
        for turn in range(4):
            station.bmc._change(SYSTEM, {"PowerState": "Off" if turn % 2 == 0 else "On"})
            await asyncio.sleep(chance.uniform(0, 0.15))  # somewhere between two looks
            holder.kill()
            await holder.wait()
            holder = await start()
            told += [one[0] for one in await heard(stand)]
    assert told == ["ResourcePoweredOff", "ResourcePoweredOn"] * 2
    assert await stand.told() == []
