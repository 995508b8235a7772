"""The whole service, started as its user starts it, while its parts freeze and die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import Answer, Client
from tests.support.service import Service

TASKS = "/redfish/v1/TaskService/Tasks"
RESET = "/redfish/v1/Systems/node-1/Actions/ComputerSystem.Reset"


@pytest.fixture
def service() -> Iterator[Service]:
    settings = {"engine": {"redelivery_seconds": 2}, "emulation": {"time_factor": 4}}
    with Service(settings) as running:
        yield running


def until(ask: Callable[[], Any], true: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Return the first answer for which ``true`` holds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if true(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)  # the service is another process


def store_process(service: Service) -> int:
    return int((service.state / "store.pid").read_text("utf-8").split()[0])


def children(name: str) -> list[int]:
    """Return the processes of this machine that run as the child ``name`` of a supervisor."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"_child" in words and name.encode() in words:
                found.append(int(entry.name))
    return found


def of(service: Service, name: str) -> int:
    """Return the child ``name`` of this service's supervisor."""
    for pid in children(name):
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        if int(stat[1]) == service.process.pid:
            return pid
    raise AssertionError(f"{name} does not run")


def test_a_frozen_store_is_a_503_within_a_second_and_no_more_than_that(service: Service) -> None:
    admin = service.admin()
    task = admin.post(RESET, {"ResetType": "ForceRestart"}).body["@odata.id"]
    assert admin.get(task).status == 200
    os.kill(store_process(service), signal.SIGSTOP)
    try:
        started = time.monotonic()
        answer = admin.get(TASKS + "?$top=3")
        assert time.monotonic() - started < 1.5
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        code = answer.body["error"]["code"]
        assert code.endswith("ServiceTemporarilyUnavailable")
        refused = admin.post(RESET, {"ResetType": "ForceRestart"})
        assert refused.status == 503
    finally:
        os.kill(store_process(service), signal.SIGCONT)
    until(lambda: admin.get(TASKS), lambda answer: answer.status == 200)


def test_a_killed_store_comes_back_with_everything(service: Service) -> None:
    admin = service.admin()
    accepted = admin.post(RESET, {"ResetType": "ForceRestart"})
    os.kill(store_process(service), signal.SIGKILL)
    task = accepted.body["@odata.id"]
    ended = until(
        lambda: admin.get(task),
        lambda answer: answer.status == 200 and "EndTime" in answer.body,
    )
    assert ended.body["TaskState"] == "Completed"


def test_a_killed_worker_is_replaced_and_its_task_finished(service: Service) -> None:
    admin = service.admin()
    task = admin.post(RESET, {"ResetType": "ForceRestart"}).body["@odata.id"]
    until(lambda: admin.get(task), lambda answer: answer.body["PercentComplete"] > 0)
    os.kill(of(service, "worker-0"), signal.SIGKILL)
    ended = until(lambda: admin.get(task), lambda answer: "EndTime" in answer.body)
    assert ended.body["TaskState"] == "Completed"
    told = [message["MessageId"].rpartition(".")[2] for message in ended.body["Messages"]]
    assert "TaskPaused" in told and "TaskResumed" in told


def test_a_killed_api_process_is_replaced_and_sessions_stay(service: Service) -> None:
    admin = service.admin()
    os.kill(of(service, "api-0"), signal.SIGKILL)

    def ask() -> Answer | None:
        try:
            return Client(service.address, service.ca_file, admin.token).get(TASKS)
        except OSError:
            return None

    found = until(ask, lambda answer: answer is not None)
    assert found.status == 200


def test_what_runs_at_sigterm_goes_on_after_the_next_start(tmp_path: Path) -> None:
    settings = {
        "engine": {"redelivery_seconds": 2, "drain_seconds": 0.2},
        "emulation": {"time_factor": 0.5},
    }
    with Service(settings, folder=tmp_path) as first:
        admin = first.admin()
        task = admin.post(RESET, {"ResetType": "ForceRestart"}).body["@odata.id"]
        until(lambda: admin.get(task), lambda answer: answer.body["PercentComplete"] > 0)
    settings["emulation"] = {"time_factor": 0}
    with Service(settings, folder=tmp_path) as second:
        admin = second.admin()
        ended = until(lambda: admin.get(task), lambda answer: "EndTime" in answer.body)
    assert ended.body["TaskState"] == "Completed"


def test_no_secret_is_in_the_log(service: Service) -> None:
    admin = service.admin()
    accounts = "/redfish/v1/AccountService/Accounts"
    secret = "Corr3ct-horse-battery"
    made = admin.post(accounts, {"UserName": "x", "Password": secret, "RoleId": "Operator"})
    assert made.status == 201
    admin.post(accounts, {"UserName": "y", "Password": secret, "RoleId": "Nothing"})
    admin.patch(f"{accounts}/x", {"Password": secret + "2"})
    update = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
    image = f"https://u:{secret}@files/bios-2.0.bin"
    started = admin.post(update, {"ImageURI": image, "Username": "u", "Password": secret})
    assert started.status == 202, started.body
    assert secret not in str(started.body)
    assert secret not in str(admin.get(started.body["@odata.id"]).body)
    wrong: Client = service.client()
    assert wrong.post(
        "/redfish/v1/SessionService/Sessions", {"UserName": "x", "Password": secret}
    ).status in (401,)
    printed = service.printed()
    for one in (secret, service.password, admin.token or "no token"):
        assert one not in printed
