"""`make soak`: a load for hours while servers and workers are killed.

Operations start and are followed without pause; at random moments a worker, an API process or the
store is killed. At the end every operation that was accepted must have come to its end, once. Run
as `python -m benchmarks.soak --minutes 60 --seed 1`; ends with status 1 when anything is missing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from rich.console import Console

from tests.support.chaos import ask, kill_one
from tests.support.http import Client
from tests.support.service import Service

console = Console()

SETTINGS = {
    "tasks": {"max": 1_000_000, "auto_delete_minutes": None},
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


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with Service(SETTINGS) as service:
        client = Client(service.address, service.ca_file, basic=("admin", service.password))
        until = time.monotonic() + given.minutes * 60
        accepted = load(client, service, random.Random(given.seed), until)
        # Operations on one machine go one after the other.
        wrong = judge(client, accepted, 60 + len(accepted) * 0.5)
    for line in wrong[:50]:
        console.print(line)
    console.print(f"{len(accepted)} operations accepted, {len(wrong)} of them wrong")
    return 1 if wrong or not accepted else 0


if __name__ == "__main__":
    sys.exit(main())
