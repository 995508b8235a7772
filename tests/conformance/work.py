"""Tasks for the validators to look at.

One that runs, and ones that ended in each way, some with sub-tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import work
from tests.support.http import Answer, Client

# The default fleet, because that is what a user has; only the scenarios are ours, by reset type, so
# that the use-case checkers (which use other types) see ordinary resets.
SETTINGS = {
    "emulation": {
        "scenarios": str(Path(__file__).with_name("scenarios.yaml")),
        "time_factor": 10,
    }
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
