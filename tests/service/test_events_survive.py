"""Events while processes die: every subscriber hears every change, in order, none missing."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.chaos import ask, kill_one, processes
from tests.support.follower import Follower
from tests.support.http import Client
from tests.support.lifecycle import disagreements, judge, order, since, stream
from tests.support.listener import Listener
from tests.support.service import Service

SECONDS = 18
SETTINGS = {
    "http": {"processes": 2},
    "engine": {"worker_processes": 2, "redelivery_seconds": 2},
    # A lease lives five seconds longer than a delivery may take.
    "events": {"processes": 2, "delivery_timeout_seconds": 0.5, "progress_interval_seconds": 0.2},
    "emulation": {"time_factor": 10},
}
SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
STREAM = "/redfish/v1/EventService/SSE"
TASKS = "/redfish/v1/TaskService/Tasks"
MACHINES = ("node-1", "node-2", "node-3", "store-1")


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(SETTINGS) as running:
        yield running


def gone(client: Client, uri: str) -> bool:
    """Delete a task, whoever is away just now, and tell whether it is gone."""
    answer = ask(client, "DELETE", uri)
    return answer is not None and answer.status in (204, 404)


def load(client: Client, service: Service, chance: random.Random) -> tuple[list[str], list[str]]:
    """Start operations and cancel some while processes are killed; return tasks and the killed."""
    accepted: list[str] = []
    killed: list[str] = []
    until = time.monotonic() + SECONDS
    kill_at = time.monotonic() + 1
    # Whichever serves the stream is among them; all others are left to chance.
    apis = [name for name in processes(service, store=False) if name.startswith("api")]
    while time.monotonic() < until:
        reset = f"/redfish/v1/Systems/{chance.choice(MACHINES)}/Actions/ComputerSystem.Reset"
        answer = ask(client, "POST", reset, {"ResetType": "ForceRestart"})
        if answer is not None and answer.status == 202:
            accepted.append(str(answer.body["Id"]))
            if chance.random() < 0.1:
                ask(client, "DELETE", str(answer.headers["Location"]))
        if time.monotonic() > kill_at:
            there = processes(service, store=False)
            if len(killed) % 3 == 2 and apis and apis[-1] in there:
                killed.append(apis.pop())
                os.kill(there[killed[-1]], signal.SIGKILL)
            else:
                killed.append(kill_one(service, chance, store=False))
            kill_at = time.monotonic() + chance.uniform(0.8, 2)
        time.sleep(0.1)  # a load of many operations, not of all that the machine can take
    return accepted, killed


def ended(client: Client, tasks: list[str], seconds: float) -> dict[str, dict[str, object]]:
    """Return the tasks once all have ended."""
    found = {}
    deadline = time.monotonic() + seconds
    for task in tasks:
        while True:
            answer = ask(client, "GET", f"{TASKS}/{task}")
            if answer is not None and answer.status == 200 and "EndTime" in answer.body:
                found[task] = answer.body
                break
            assert time.monotonic() < deadline, f"{task} is stuck or lost: {answer and answer.body}"
            time.sleep(0.05)
    return found


def wait(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)  # deliveries come by themselves


def heard(listener: Listener | Follower, event: str) -> bool:
    return any(record["EventId"] == event for record in listener.records())


def test_each_subscriber_hears_each_change_in_order_whoever_is_killed(service: Service) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance, fickle = random.Random(seed), random.Random(seed + 1)
    client = service.admin()
    retries = {"DeliveryRetryAttempts": 50, "DeliveryRetryIntervalSeconds": 1}
    assert client.patch("/redfish/v1/EventService", retries).status == 200
    with ExitStack() as running:
        # One takes everything; one is slow, refuses now and then, and is sent it again.
        def mood() -> int:
            time.sleep(0.05)  # so that a holder dies between a delivery and its record of it too
            return 503 if fickle.random() < 0.2 else 204

        listeners = {
            "steady": running.enter_context(Listener()),
            "moody": running.enter_context(Listener(mood)),
        }
        follower = running.enter_context(Follower(client, STREAM))
        subscriptions = {}
        for name, listener in listeners.items():
            wanted = {"Destination": listener.url, "Protocol": "Redfish", "Context": name}
            made = client.post(SUBSCRIPTIONS, {**wanted, "DeliveryRetryPolicy": "RetryForever"})
            assert made.status == 201, made.body
            subscriptions[name] = str(made.body["Id"])
        accepted, killed = load(client, service, chance)
        assert len(accepted) > 20 and len(killed) > 5, (seed, len(accepted), killed)
        tasks = ended(client, accepted, 60)
        for task in accepted[::5]:
            wait(partial(gone, client, f"{TASKS}/{task}"), 20, f"{task} stays")
        said = stream(service.store_url)
        for name, one in {**listeners, "follower": follower}.items():
            wait(partial(heard, one, said[-1].id), 40, f"{seed}: {name} hears no end")
        verdicts = {
            name: judge(listener.records(), since(said, subscriptions[name]))
            for name, listener in listeners.items()
        }
        behind = [one for one in said if order(one.id) > order(follower.start)]
        verdicts["follower"] = judge(follower.records(), behind)
    assert not disagreements(said, tasks), (seed, killed)
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict.events} events, {verdict.duplicates} of them came again")
        assert not verdict.wrong, (seed, name, killed, verdict.wrong[:10])
    assert verdicts["moody"].events > 100
    assert follower.connections > 1, (seed, killed)
