"""OpenStack's `sushy`, as Ironic uses it."""

from __future__ import annotations

import time

import pytest
import sushy
from sushy import exceptions
from sushy.resources.system import system as sushy_system
from sushy.resources.taskservice.task import Task
from sushy.taskmonitor import TaskMonitor

from tests.support.http import Client
from tests.support.service import Service
from tests.support.work import firmware, system, wait_for

ENDED = (sushy.TASK_STATE_COMPLETED, sushy.TASK_STATE_EXCEPTION, sushy.TASK_STATE_CANCELLED)


@pytest.fixture
def root(service: Service) -> sushy.Sushy:
    """A connection with a session, checking the certificate."""
    auth = sushy.auth.SessionOrBasicAuth(service.administrator, service.password)
    # It repeats a GET that answers 500 ten times, three seconds apart; a failed operation's does.
    return sushy.Sushy(service.address, auth=auth, verify=service.ca_file, server_side_retries=0)


def post_reset(root: sushy.Sushy, machine: str, kind: str) -> TaskMonitor:
    """Post a reset and return its task monitor; `reset_system` drops the answer that names it."""
    target = f"{system(machine)}/Actions/ComputerSystem.Reset"
    response = root._conn.post(target, data={"ResetType": kind})
    return TaskMonitor(root._conn, response.headers["Location"], response=response)


def until_done(monitor: TaskMonitor) -> None:
    """Ask the monitor until it is done.

    Not `monitor.wait`: sushy 5.14 hands the text of Retry-After to `time.sleep`, which takes none.
    """
    deadline = time.monotonic() + 30
    while monitor.check_is_processing:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def follow(monitor: TaskMonitor) -> Task:
    """Follow an operation by its Task, as Ironic does, and return it when it has ended.

    A monitor that sushy makes itself from a 202 with a body asks the *Task* (`@odata.id`) and not
    `Location`; a Task always answers 200, which sushy takes for the end. Its state is the truth.
    """
    task = monitor.get_task()
    while task.task_state not in ENDED:
        time.sleep(0.1)
        task.refresh(force=True)
    return task


def test_a_wrong_password_is_refused(service: Service) -> None:
    auth = sushy.auth.SessionAuth("admin", "not this one")
    with pytest.raises(exceptions.AccessError):
        sushy.Sushy(service.address, auth=auth, verify=service.ca_file)


def test_it_lists_the_systems(root: sushy.Sushy) -> None:
    found = {one.identity for one in root.get_system_collection().get_members()}
    assert {"quick-1", "quick-2", "quick-3", "slow", "endless", "failing"} <= found


def test_a_reset_changes_the_power_state_when_its_task_ends(
    root: sushy.Sushy, admin: Client
) -> None:
    machine: sushy_system.System = root.get_system(system("quick-2"))
    assert machine.power_state == sushy.PowerState.ON
    machine.reset_system(sushy.ResetType.FORCE_OFF)
    wait_for(admin, system("quick-2"), PowerState="Off")
    machine.refresh(force=True)
    assert machine.power_state == sushy.PowerState.OFF
    machine.reset_system(sushy.ResetType.ON)
    wait_for(admin, system("quick-2"), PowerState="On")


def test_it_waits_on_a_task_monitor(root: sushy.Sushy) -> None:
    monitor = post_reset(root, "quick-3", "ForceRestart")
    assert monitor.is_processing
    assert monitor.task.task_state not in ENDED
    until_done(monitor)
    assert not monitor.is_processing
    assert monitor.response.status_code in (200, 204)


def test_a_failed_operation_is_an_error_of_the_monitor(root: sushy.Sushy) -> None:
    monitor = post_reset(root, "failing", "ForceRestart")
    with pytest.raises(exceptions.ServerSideError):
        until_done(monitor)


def test_the_task_behind_a_monitor_is_readable(root: sushy.Sushy, admin: Client) -> None:
    monitor = post_reset(root, "endless", "ForceRestart")
    uri = monitor.task.json["@odata.id"]
    wait_for(admin, uri, PercentComplete=40)
    assert monitor.check_is_processing
    assert monitor.task.task_state == sushy.TASK_STATE_RUNNING
    assert monitor.task.percent_complete == 40
    admin.delete(monitor.task_monitor_uri)
    wait_for(admin, uri, TaskState="Cancelled")


def test_a_simple_update_on_three_targets_of_which_one_fails(
    root: sushy.Sushy, admin: Client
) -> None:
    machines = ("quick-1", "quick-2", "failing")
    monitor = root.get_update_service().simple_update(
        "https://images.test/bios-3.0.0.bin",
        targets=[firmware(one) for one in machines],
        transfer_protocol=sushy.UPDATE_PROTOCOL_HTTPS,
    )
    task = follow(monitor)
    assert task.task_state == sushy.TASK_STATE_EXCEPTION
    assert task.task_status == sushy.HEALTH_CRITICAL
    task.parse_messages()
    # Not by severity: sushy reads `Severity`, which Message v1_1_0 deprecated.
    aborted = [one for one in task.messages if one.message_id == "TaskEvent.1.0.TaskAborted"]
    assert aborted
    assert all("%1" not in one.message for one in aborted)
    versions = [admin.get(firmware(one)).body["Version"] for one in machines]
    assert (versions[:2], versions[2] == "3.0.0") == (["3.0.0", "3.0.0"], False)


def test_the_tasks_are_listed(root: sushy.Sushy) -> None:
    until_done(post_reset(root, "quick-3", "ForceRestart"))
    tasks = root.get_task_service().tasks.get_members()
    assert any(one.task_state == sushy.TASK_STATE_COMPLETED for one in tasks)
    assert all(one.identity.startswith("task") for one in tasks)
