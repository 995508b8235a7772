"""`make soak`: a load for hours while servers and workers are killed.

Operations start and are followed without pause; at random moments a worker, an API process, a
deliverer of events or the store is killed. At the end every operation that was accepted must have
come to its end, once, and a subscriber must have heard every event, in order. Run as
`python -m benchmarks.soak --minutes 60 --seed 1`; ends with status 1 when anything is missing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from rich.console import Console

from tests.support.chaos import ask, kill_one
from tests.support.http import Client
from tests.support.lifecycle import Verdict, since, stream
from tests.support.lifecycle import judge as compare
from tests.support.listener import Listener
from tests.support.service import Service

console = Console()

SETTINGS = {
    "tasks": {"max": 1_000_000, "auto_delete_minutes": None, "max_events": 10_000_000},
    "events": {"delivery_timeout_seconds": 1},
    "engine": {"worker_processes": 2, "redelivery_seconds": 2},
    "emulation": {"time_factor": 20},
}
MACHINES = ("node-1", "node-2", "node-3", "store-1")
#: Seconds between two operations: a little less than the four machines can take.
PAUSE = 0.08
RESET = "/redfish/v1/Systems/{}/Actions/ComputerSystem.Reset"


def load(client: Client, service: Service, chance: random.Random, until: float) -> list[str]:
    """Start operations and kill processes until the time is up; return the accepted tasks."""
    accepted: list[str] = []
    kill_at = time.monotonic() + 2
    while time.monotonic() < until:
        answer = ask(
            client, "POST", RESET.format(chance.choice(MACHINES)), {"ResetType": "ForceRestart"}
        )
        if answer is not None and answer.status == 202:
            accepted.append(answer.body["@odata.id"])
        time.sleep(PAUSE)
        if time.monotonic() > kill_at:
            console.print(f"  {len(accepted):6} accepted; killed {kill_one(service, chance)}")
            kill_at = time.monotonic() + chance.uniform(3, 15)
    return accepted


def judge(client: Client, accepted: list[str], patience: float) -> list[str]:
    """Return what is wrong with the tasks once they have had time to end."""
    wrong = []
    deadline = time.monotonic() + patience
    for uri in accepted:
        while True:
            answer = ask(client, "GET", uri)
            if answer is not None and answer.status == 404:
                wrong.append(f"{uri} is lost")
                break
            if answer is not None and answer.status == 200 and "EndTime" in answer.body:
                ends = [
                    m["MessageId"]
                    for m in answer.body["Messages"]
                    if ".TaskCompleted" in m["MessageId"]
                ]
                if answer.body["TaskState"] != "Completed" or len(ends) != 1:
                    wrong.append(f"{uri} is {answer.body['TaskState']} with {len(ends)} ends")
                break
            if time.monotonic() > deadline:
                wrong.append(f"{uri} is stuck")
                break
            time.sleep(0.1)
    return wrong


def subscribe(client: Client, listener: Listener) -> str:
    """Subscribe the listener to everything and return the subscription's id."""
    wanted = {
        "Destination": listener.url,
        "Protocol": "Redfish",
        "DeliveryRetryPolicy": "RetryForever",
    }
    client.patch("/redfish/v1/EventService", {"DeliveryRetryIntervalSeconds": 1})
    return str(client.post("/redfish/v1/EventService/Subscriptions", wanted).body["Id"])


def heard(service: Service, listener: Listener, subscription: str) -> Verdict:
    """Return what the listener heard once it has had time to hear the last event."""
    said = since(stream(service.store_url), subscription)
    deadline = time.monotonic() + 120
    while said[-1].id not in {one["EventId"] for one in listener.records()[-200:]}:
        if time.monotonic() > deadline:
            break  # what is missing is told
        time.sleep(1)
    return compare(listener.records(), said)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with Service(SETTINGS) as service, Listener() as listener:
        client = Client(service.address, service.ca_file, basic=("admin", service.password))
        subscription = subscribe(client, listener)
        until = time.monotonic() + given.minutes * 60
        accepted = load(client, service, random.Random(given.seed), until)
        # Operations on one machine go one after the other.
        wrong = judge(client, accepted, 60 + len(accepted) * 0.5)
        verdict = heard(service, listener, subscription)
    wrong += verdict.wrong
    for line in wrong[:50]:
        console.print(line)
    console.print(f"{len(accepted)} operations accepted, {len(wrong)} things wrong")
    console.print(f"{verdict.events} events heard in order, {verdict.duplicates} of them again")
    return 1 if wrong or not accepted else 0


if __name__ == "__main__":
    sys.exit(main())
