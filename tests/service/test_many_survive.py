"""A reset of many BMCs, faulty in every way, while workers are killed: each part tells what was.

`make soak` does the same with a thousand.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter

from tests.support.chaos import processes
from tests.support.emulated import SERVICE, Emulated, added, begin, emulated, ended, subtasks
from tests.support.service import Service

COUNT = int(os.environ.get("ODIMRA_SOAK_BMCS", "36"))
#: One in six: of the six kinds of faults each is there.
SHARE = float(os.environ.get("ODIMRA_SOAK_SHARE", "0.17"))
SCENARIOS = """
scenarios: {usual: {duration: 8, steps: [{percent: 50}], cancel_after: 0.1}}
rules: [{play: usual}]
"""
SETTINGS = {
    "http": {"plain_http": True},
    "engine": {"worker_processes": 2, "redelivery_seconds": 2},
    "aggregation": {"allow_http": True, "connect_timeout_seconds": 2},
}
RESET = f"{SERVICE}/Actions/AggregationService.Reset"
#: Whether a reset was done can be seen, whatever is wrong; else it is said that nobody knows.
UNKNOWN = {"BmcOutcomeUnknown", "BmcUnreachable", "BmcRefused"}


class Killer(threading.Thread):
    """Kills one of two workers now and then."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.service, self.chance = service, chance
        self.done = threading.Event()
        self.killed = 0

    def run(self) -> None:
        while not self.done.wait(self.chance.uniform(0.3, 1.5)):
            found = [
                pid
                for name, pid in processes(self.service, store=False).items()
                if name.startswith("worker")
            ]
            if len(found) > 1:
                os.kill(self.chance.choice(found), signal.SIGKILL)
                self.killed += 1


def resets(one: Emulated) -> int:
    """Return how many operations a BMC knows of."""
    client = one.client()
    try:
        body = client.get("/redfish/v1/TaskService/Tasks").body
        return len(body["Members"])
    finally:
        client.close()


def test_a_reset_of_many_while_workers_are_killed() -> None:
    seed = random.SystemRandom().randrange(10**6)
    flags = ("--faulty", str(SHARE), "--seed", str(seed), "--time-factor", "4")
    with emulated(COUNT, *flags, scenarios=SCENARIOS) as bmcs, Service(SETTINGS) as service:
        client = service.admin()
        client.timeout = 60
        failed = added(client, bmcs, 300)
        # All answer, if late or not at once; not each in time.
        assert {bmcs[number - 1].fault for number in failed} <= {"busy", "drops", "slow"}, seed
        there = [one for one in bmcs if one.source]
        assert len(there) > 0.9 * COUNT
        killer = Killer(service, random.Random(seed))
        killer.start()
        began = time.monotonic()
        body = {"ResetType": "ForceRestart", "TargetURIs": [one.system for one in there]}
        task = begin(client, "POST", RESET, body)
        time.sleep(5)
        killer.done.set()
        whole = ended(client, task, 300)
        print(f"{len(there)} in {time.monotonic() - began:.0f} s, {killer.killed} workers killed")
        parts = subtasks(client, task)
        assert len(parts) == len(there)
        states: Counter[tuple[str | None, str]] = Counter()
        said: dict[str, str] = {}
        by_system = {one.system.rpartition("/")[2]: one for one in there}
        for part in parts:
            one = by_system[part["Name"].rpartition(" ")[2]]
            states[one.fault, part["TaskState"]] += 1
            said[part["Name"].rpartition(" ")[2]] = part["TaskState"]
            keys = {message["MessageId"].rpartition(".")[2] for message in part["Messages"]}
            if part["TaskState"] == "Completed":
                continue
            assert part["TaskState"] == "Exception", (seed, part)
            assert one.fault is not None or keys & UNKNOWN, (seed, part)
            # Why is said, not only that.
            assert keys - {"TaskStarted", "TaskAborted", "TaskPaused", "TaskResumed"}, (seed, part)
        print(dict(states))
        worst = {state for _, state in states}
        assert whole["TaskState"] == ("Exception" if "Exception" in worst else "Completed")
        assert whole["PercentComplete"] == 100 or whole["TaskState"] == "Exception"
        assert states[None, "Completed"] >= 0.9 * sum(
            count for (fault, _), count in states.items() if fault is None
        ), (seed, states)
        assert states["forgets", "Completed"] == 0, "nobody can know that"
        assert killer.killed > 1
        # Whatever became of the workers: none was reset twice, and what is said to be done is.
        found: dict[str, set[int]] = {}
        for name, one in by_system.items():
            if one.fault is None:
                found.setdefault(said[name], set()).add(resets(one))
        assert found["Completed"] == {1}, (seed, found)
        assert found.get("Exception", set()) <= {0, 1}, (seed, found)
        assert "Traceback" not in service.printed()
