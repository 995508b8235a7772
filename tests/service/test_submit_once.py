"""A submission makes one job, whichever process hears it, and though they are killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.chaos import processes
from tests.support.service import Service

JOBS = "/ghibli-rest/v2/job-manager/jobs"
PASSWORD = "correct horse battery"
SETTINGS = {
    "http": {"processes": 3, "plain_http": True},
    "engine": {"worker_processes": 1},
    "emulation": {"time_factor": 0},
}
SECONDS = 12


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(SETTINGS, first_password=PASSWORD) as running:
        yield running


def submission(key: str) -> dict[str, Any]:
    return {"contractName": "machines", "actionName": "rehearse", "extIPID": key}


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection each: so all processes hear of it.
        connector=aiohttp.TCPConnector(limit=100, force_close=True),
        headers={"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)},
    )


async def tasks(client: aiohttp.ClientSession, service: Service) -> int:
    async with client.get(f"{service.address}/redfish/v1/TaskService/Tasks") as answer:
        count: int = (await answer.json())["Members@odata.count"]
        return count


async def test_400_at_once_over_several_processes_make_one(service: Service) -> None:
    async with session() as client:

        async def one() -> tuple[int, str]:
            uri = service.address + JOBS
            async with client.post(uri, json=submission("k")) as answer:
                return answer.status, (await answer.json())["id"]

        found = await asyncio.gather(*(one() for _ in range(400)))
        assert Counter(status for status, _ in found) == {201: 1, 409: 399}
        assert {id_ for _, id_ in found} == {"1"}
        assert await tasks(client, service) == 1


async def test_a_process_that_dies_between_look_up_and_answer_doubles_nothing(
    service: Service,
) -> None:
    chance = random.Random(3)
    jobs: dict[str, set[str]] = {}
    first: Counter[str] = Counter()
    killed = 0
    async with session() as client:

        async def one(key: str) -> None:
            async with asyncio.timeout(60):
                while True:
                    try:
                        uri = service.address + JOBS
                        async with client.post(uri, json=submission(key)) as answer:
                            if answer.status not in (201, 409):
                                raise aiohttp.ClientError(answer.status)
                            jobs.setdefault(key, set()).add((await answer.json())["id"])
                            first[key] += answer.status == 201
                            return
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.02)  # as a client that has lost its answer

        async def kill() -> None:
            nonlocal killed
            while True:
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                found = [
                    pid
                    for name, pid in sorted(processes(service, store=False).items())
                    if name.startswith("api")
                ]
                # Somebody has to be left who can answer.
                if len(found) > 1:
                    os.kill(chance.choice(found), signal.SIGKILL)
                    killed += 1

        killing = asyncio.ensure_future(kill())
        keys, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            keys += 1
            await asyncio.gather(*(one(f"k{keys}") for _ in range(8)))
        killing.cancel()
        assert killed > 3 and keys > killed
        assert len(jobs) == keys
        assert all(len(ids) == 1 for ids in jobs.values()), "the same job for the same key"
        # Of a job whose process has died before it could answer nobody has heard the 201.
        assert all(count <= 1 for count in first.values())
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await tasks(client, service) == keys
                    break
                except (aiohttp.ClientError, KeyError):
                    await asyncio.sleep(0.1)
