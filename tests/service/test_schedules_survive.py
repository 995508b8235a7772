"""What is scheduled happens once each time, whichever worker is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.jobs.yard import context
from tests.service.job_desk import JOBS, payload
from tests.support.chaos import ask, processes
from tests.support.http import Client
from tests.support.service import Service

TIMES = 5
EVERY = 5  # seconds
#: How often one worker is killed: the pause before another takes its place grows with each time,
#: and a fire that waits for more than ten seconds was missed and is not made good.
DEATHS = 4
SETTINGS = {
    "http": {"processes": 1},
    "engine": {"worker_processes": 2, "redelivery_seconds": 1},
    # A reset takes about a second: some are under way when their worker dies.
    "emulation": {"time_factor": 5},
}
RESET = "ComputerSystem.Reset of node-1"
TASKS = "/redfish/v1/TaskService/Tasks"
SCANS = "/openidm/taskscanner"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(SETTINGS) as running:
        yield running


def members(client: Client) -> list[dict[str, Any]]:
    found = client.get(f"{TASKS}?$expand=.($levels=1)").body["Members"]
    return [dict(one) for one in found]


def kill_a_worker(service: Service, chance: random.Random, killed: list[str]) -> str:
    workers = {
        name: pid
        for name, pid in processes(service, store=False).items()
        if name.startswith("worker")
    }
    if len(workers) < 2:  # the one that is left takes everything over
        return ""
    mortal = [name for name in sorted(workers) if killed.count(name) < DEATHS]
    if not mortal:
        return ""
    name = chance.choice(mortal)
    os.kill(workers[name], signal.SIGKILL)
    return name


def is_behind(client: Client, begins: datetime) -> bool:
    """Say whether a fire is due that has no reset yet: then whoever is there is left alive."""
    due = (datetime.now(UTC) - begins) // timedelta(seconds=EVERY) + 1
    found = ask(client, "GET", f"{TASKS}?$expand=.($levels=1)")
    if found is None:
        return True
    made = sum(one["Name"] == RESET for one in found.body["Members"])
    return made < min(due, TIMES)


def test_a_reset_and_a_scan_happen_once_each_time(service: Service) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance, client = random.Random(seed), service.admin()
    begins = datetime.now(UTC) + timedelta(seconds=2)
    schedule = {
        "InitialStartTime": begins.isoformat(),
        "RecurrenceInterval": f"PT{EVERY}S",
        "MaxOccurrences": TIMES,
    }
    made = client.post(JOBS, {"Payload": payload(ResetType="ForceRestart"), "Schedule": schedule})
    assert made.status == 201, made.body
    scan = {
        "type": "simple",
        "repeatInterval": EVERY * 1000,
        "repeatCount": TIMES - 1,
        "startTime": begins.isoformat(),
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
    }
    answer = client.request("PUT", "/openidm/scheduler/job/hourly", scan)
    assert answer.status == 201, answer.body
    killed: list[str] = []
    deadline = time.monotonic() + TIMES * EVERY + 60
    while True:
        time.sleep(chance.uniform(0.5, 1.5))
        if not is_behind(client, begins):
            killed.append(kill_a_worker(service, chance, killed))
        job = ask(client, "GET", made.headers["Location"])
        trigger = ask(client, "GET", f"{JOBS}/scan:hourly")
        if job is not None and trigger is not None:
            states = (job.body["JobState"], trigger.body["JobState"])
            if states == ("Completed", "Completed"):
                break
        assert time.monotonic() < deadline, (seed, killed, job and job.body)
    assert len([one for one in killed if one]) > TIMES, (seed, killed)
    found = members(client)
    resets = [one for one in found if one["Name"] == RESET]
    runs = [one for one in found if one["Name"] == "Job"]
    scans = client.request("GET", f"{SCANS}?_queryFilter=true").body["result"]
    assert (len(resets), len(runs), len(scans)) == (TIMES,) * 3, (seed, killed, found)
    assert {one["TaskState"] for one in (*resets, *runs)} == {"Completed"}
    assert Counter(one["progress"]["state"] for one in scans) == {"COMPLETED": TIMES}
    # Each run has one reset, and each reset its run.
    made_by = [link["@odata.id"] for run in runs for link in run["Links"]["CreatedResources"]]
    assert sorted(made_by) == sorted(one["@odata.id"] for one in resets)
