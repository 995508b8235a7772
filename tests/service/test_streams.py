"""Server-sent events of a service as its user starts it: TLS, processes, real accounts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import work
from tests.support.chaos import processes
from tests.support.http import Client
from tests.support.service import Service

STREAM = "/redfish/v1/EventService/SSE"
TASKS = f"{STREAM}?$filter=RegistryPrefix%20eq%20'TaskEvent'"
SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service({"http": {"processes": 2}, "emulation": {"time_factor": 100}}) as running:
        yield running


@pytest.fixture
def admin(service: Service) -> Iterator[Client]:
    client = service.admin()
    yield client
    client.close()


def wait(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)  # another process: it is asked


def listed(client: Client) -> int:
    return int(client.get(SUBSCRIPTIONS).body["Members@odata.count"])


def test_a_reset_is_heard_and_its_account_decides_how_long(service: Service, admin: Client) -> None:
    made = admin.post(
        ACCOUNTS, {"UserName": "listener", "Password": "Long-enough-9", "RoleId": "ReadOnly"}
    )
    mine, other = admin.stream(TASKS), service.client().login("listener", "Long-enough-9")
    theirs = other.stream(STREAM)
    # Neither the session's end nor what is somebody else's own concerns the other stream.
    assert other.delete(str(other.session_uri)).status == 204
    work.reset(admin, "node-1", "ForceRestart")
    heard = mine.keys("TaskCompletedOK")
    assert heard[0] == "TaskStarted" and heard[-1] == "TaskCompletedOK"
    assert admin.patch(made.headers["Location"], {"Enabled": False}).status == 200
    last = theirs.keys("nothing, so to the end")
    assert last[-1] == "SubscriptionTerminated"
    assert not [key for key in last if key.startswith("Task")]
    mine.close()
    wait(lambda: listed(admin) == 0)


def test_streams_of_a_killed_process_vanish_and_are_resumed_elsewhere(
    service: Service, admin: Client
) -> None:
    streams = [admin.stream(TASKS) for _ in range(6)]  # on both processes, but for great ill luck
    work.reset(admin, "node-1", "ForceRestart")
    for stream in streams:
        assert stream.keys("TaskCompletedOK")[-1] == "TaskCompletedOK"
    os.kill(processes(service, store=False)["api-0"], signal.SIGKILL)
    admin.close()
    client = service.client()
    client.token = admin.token

    def answers() -> bool:
        try:
            return client.get("/redfish/v1/").status == 200
        except OSError:
            return False

    wait(answers)
    work.reset(client, "node-1", "ForceRestart")
    try:
        again = client.stream(TASKS, Last_Event_ID=streams[0].last_id)
    except OSError:
        # The killed process took its time to die: what was in its backlog then was reset.
        again = client.stream(TASKS, Last_Event_ID=streams[0].last_id)
    heard = again.keys("TaskCompletedOK")
    assert heard[0] == "TaskStarted" and heard[-1] == "TaskCompletedOK"
    for stream in [*streams, again]:
        stream.close()
    wait(lambda: listed(client) == 0)
    client.close()


def test_the_end_of_the_service_ends_streams_in_good_order() -> None:
    with Service() as service:
        stream = service.admin().stream(STREAM)
        assert service.process.poll() is None
        service.process.send_signal(signal.SIGTERM)
        # Read to an end that is one: a body that was cut off would raise.
        assert stream.keys("nothing, so to the end") == []
        assert service.process.wait(20) == 0
        assert "Traceback" not in service.printed()
