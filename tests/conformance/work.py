"""Tasks and Jobs for the validators to look at.

Ones that run, and ones that ended in each way, some with sub-tasks or steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.jobs.yard import context
from tests.support import work
from tests.support.emulated import SERVICE, Emulated, added, begin, ended
from tests.support.http import Answer, Client

# The default fleet, because that is what a user has; only the scenarios are ours, by reset type, so
# that the use-case checkers (which use other types) see ordinary resets.
JOBS = "/redfish/v1/JobService/Jobs"
SETTINGS = {
    "emulation": {
        "scenarios": str(Path(__file__).with_name("scenarios.yaml")),
        "time_factor": 10,
    },
    "aggregation": {"allow_http": True},
}


def give_work(client: Client) -> Answer:
    """Create the tasks and return the answer that started the one which still runs."""
    systems = [one["@odata.id"] for one in client.get(work.SYSTEMS).body["Members"]]
    machines = [uri.rsplit("/", 1)[1] for uri in systems]
    inventory = [one["@odata.id"] for one in client.get(work.INVENTORY).body["Members"]]
    ended = [
        work.reset(client, machines[0], "ForceRestart"),
        work.reset(client, machines[1], "Nmi"),
        client.post(
            work.UPDATE, {"ImageURI": "https://images.test/a.bin", "Targets": inventory[:3]}
        ),
        client.post(
            work.UPDATE, {"ImageURI": "https://images.test/b.bin", "Targets": inventory[:2]}
        ),
    ]
    for answer in ended:
        if answer.status != 202:
            raise RuntimeError(f"an operation was answered {answer.status}: {answer.body}")
        work.wait(client, answer.headers["Location"])
    cancelled = work.reset(client, machines[2], "GracefulShutdown")
    work.cancel(client, cancelled)
    running = work.reset(client, machines[2], "GracefulShutdown")
    work.wait_for(client, running.body["@odata.id"], PercentComplete=40)
    states = {
        client.get(one["@odata.id"]).body["TaskState"]
        for one in client.get(work.TASKS).body["Members"]
    }
    missing = {"Completed", "Exception", "Cancelled", "Running"} - states
    if missing:
        raise RuntimeError(f"there is no task in state {missing} to show")
    return running


def give_sources(client: Client, bmcs: Sequence[Emulated]) -> None:
    """Have BMCs as sources, and an aggregate of some of their systems beside one of our own."""
    failed = added(client, bmcs)
    if failed:
        raise RuntimeError(f"some BMCs could not be added: {failed}")
    own = client.get(work.SYSTEMS).body["Members"][0]["@odata.id"]
    elements = [own, *(one.system for one in bmcs[:3])]
    made = client.post(f"{SERVICE}/Aggregates", {"Elements": elements})
    if made.status != 201:
        raise RuntimeError(f"an aggregate was answered {made.status}: {made.body}")
    reset = f"{made.headers['Location']}/Actions/Aggregate.Reset"
    task = ended(client, begin(client, "POST", reset, {"ResetType": "ForceRestart"}))
    if task["TaskState"] != "Completed":
        raise RuntimeError(f"the aggregate was not reset: {task}")


def give_jobs(client: Client) -> str:
    """Have a Job in each state that a Job can be found in, one with steps, and one of a scan.

    Return the URI of the one that runs.
    """
    machines = [one["@odata.id"] for one in client.get(work.SYSTEMS).body["Members"]]

    def reset(machine: int, kind: str) -> dict[str, Any]:
        return {
            "TargetUri": f"{machines[machine]}/Actions/ComputerSystem.Reset",
            "HttpOperation": "POST",
            "JsonBody": json.dumps({"ResetType": kind}),
            "HttpHeaders": ["Content-Type: application/json"],
        }

    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    weekly = {
        "Name": "Odimra:Weekly",
        "InitialStartTime": later,
        "RecurrenceInterval": "P7D",
        "EnabledDaysOfWeek": ["Every"],
        "EnabledDaysOfMonth": [0],
        "EnabledMonthsOfYear": ["Every"],
        "MaxOccurrences": 10,
        "Lifetime": "P365D",
    }
    tag = {"TargetUri": machines[0], "HttpOperation": "PATCH", "JsonBody": '{"AssetTag": "a"}'}
    wanted: dict[str, Mapping[str, Any]] = {
        "Completed": {"Payload": reset(0, "ForceRestart")},
        "Exception": {"Steps": [{"Payload": tag}, {"Payload": reset(1, "Nmi")}]},
        "Running": {"Payload": reset(3, "GracefulShutdown")},
        "Pending": {"Payload": reset(0, "ForceRestart"), "Schedule": weekly},
        "Suspended": {"Payload": tag, "StartTime": later, "MaxExecutionTime": "PT1H"},
        "Cancelled": {"Payload": tag, "StartTime": later, "HidePayload": True},
    }
    made = {}
    for state, body in wanted.items():
        answer = client.post(JOBS, body)
        if answer.status != 201:
            raise RuntimeError(f"a job was answered {answer.status}: {answer.body}")
        made[state] = answer.headers["Location"]
    for state in ("Suspended", "Cancelled"):
        client.patch(made[state], {"JobState": state})
    scan = {
        "type": "cron",
        "schedule": "0 0 3 * * ?",
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
    }
    client.request("PUT", "/openidm/scheduler/job/nightly", scan)
    deadline = time.monotonic() + 60
    for state, uri in made.items():
        while (found := client.get(uri).body["JobState"]) != state:
            if time.monotonic() > deadline:
                raise RuntimeError(f"a job is {found}, and not {state}")
            time.sleep(0.1)
    return str(made["Running"])


@contextmanager
def listening(client: Client) -> Iterator[None]:
    """Have EventDestinations to look at: a subscription and two streams of server-sent events."""
    subscriptions = "/redfish/v1/EventService/Subscriptions"
    # Nobody is there (RFC 5737), and nothing leaves the namespace.
    subscribed = client.post(
        subscriptions,
        {
            "Destination": "https://192.0.2.1/events",
            "Protocol": "Redfish",
            "DeliveryRetryPolicy": "RetryForever",
            "RegistryPrefixes": ["TaskEvent"],
        },
    )
    streams = [
        client.stream("/redfish/v1/EventService/SSE"),
        client.stream("/redfish/v1/EventService/SSE?$filter=ResourceType%20eq%20'Task'"),
    ]
    try:
        if client.get(subscriptions).body["Members@odata.count"] != 1 + len(streams):
            raise RuntimeError("not everybody is listed who listens")
        yield
    finally:
        for stream in streams:
            stream.close()
        client.delete(str(subscribed.headers["Location"]))
