"""The scripts of DMTF's `redfish_utilities`: power, updates, accounts, raw requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import redfish
import redfish_utilities
from redfish.rest.v1 import HttpClient
from redfish_utilities.messages import RedfishOperationFailedError

from tests.clients.conftest import Tool
from tests.support.http import Client
from tests.support.service import Service
from tests.support.work import TASKS, firmware, reset, system, wait_for


@pytest.fixture
def context(service: Service) -> Iterator[HttpClient]:
    """What the package's functions take: a client with an open session."""
    opened = redfish.redfish_client(
        base_url=service.address,
        username=service.administrator,
        password=service.password,
        cafile=service.ca_file,
    )
    opened.login(auth="session")
    yield opened
    redfish_utilities.logout(opened)


def test_rf_power_reset_tells_what_is_possible(tool: Tool) -> None:
    done = tool("rf_power_reset.py", "-s", "quick-1", "--info")
    assert done.returncode == 0, done.stdout
    assert "ForceOff" in done.stdout
    assert "Current power state: O" in done.stdout


def test_rf_power_reset_resets_to_completion(tool: Tool, admin: Client) -> None:
    done = tool("rf_power_reset.py", "-s", "quick-1", "-t", "ForceOff")
    assert (done.returncode, "Task is Done!" in done.stdout) == (0, True), done.stdout
    assert admin.get(system("quick-1")).body["PowerState"] == "Off"
    done = tool("rf_power_reset.py", "-s", "quick-1", "-t", "On")
    assert done.returncode == 0, done.stdout
    assert admin.get(system("quick-1")).body["PowerState"] == "On"


def test_rf_power_reset_reports_a_reset_that_fails(tool: Tool, admin: Client) -> None:
    done = tool("rf_power_reset.py", "-s", "failing", "-t", "ForceOff")
    assert done.returncode == 1
    assert "failing" in done.stdout  # the scenario's message names the machine
    assert admin.get(system("failing")).body["PowerState"] == "On"


def test_rf_update_updates_one_target(tool: Tool, admin: Client) -> None:
    done = tool(
        "rf_update.py", "-i", "https://images.test/bmc-7.1.0.bin", "-t", firmware("quick-2", "BMC")
    )
    assert done.returncode == 0, done.stdout
    assert "Task is Done!" in done.stdout
    assert admin.get(firmware("quick-2", "BMC")).body["Version"] == "7.1.0"


def test_rf_update_shows_why_an_update_failed(tool: Tool, admin: Client) -> None:
    before = admin.get(firmware("failing")).body["Version"]
    done = tool(
        "rf_update.py", "-i", "https://images.test/bios-7.1.0.bin", "-t", firmware("failing")
    )
    assert "Task is Done!" in done.stdout
    assert re.search(r"^\w+\.\d+\.\d+\.\w+: ", done.stdout, re.MULTILINE), done.stdout
    assert admin.get(firmware("failing")).body["Version"] == before


def test_an_update_of_three_targets_of_which_one_fails(context: HttpClient, admin: Client) -> None:
    machines = ("quick-1", "quick-2", "failing")
    response = redfish_utilities.simple_update(
        context,
        "https://images.test/bios-8.0.0.bin",
        targets=[firmware(machine) for machine in machines],
    )
    uri = response.dict["@odata.id"]
    final = redfish_utilities.poll_task_monitor(context, response, silent=True)
    with pytest.raises(RedfishOperationFailedError):
        redfish_utilities.verify_response(final)
    versions = [admin.get(firmware(machine)).body["Version"] for machine in machines]
    assert versions[:2] == ["8.0.0", "8.0.0"]
    assert versions[2] != "8.0.0"
    parts = admin.get(admin.get(uri).body["SubTasks"]["@odata.id"]).body["Members"]
    states = [admin.get(part["@odata.id"]).body["TaskState"] for part in parts]
    assert sorted(states) == ["Completed", "Completed", "Exception"]


def test_rf_accounts_makes_changes_and_deletes_an_account(tool: Tool, service: Service) -> None:
    first, second = "a first Passw0rd", "a second Passw0rd"
    done = tool("rf_accounts.py", "--add", "toolmade", first, "Operator")
    assert done.returncode == 0, done.stdout
    try:
        listed = tool("rf_accounts.py")
        line = next(one for one in listed.stdout.splitlines() if "toolmade" in one)
        assert "Operator" in line
        for change in (
            ("--setrole", "toolmade", "ReadOnly"),
            ("--setpassword", "toolmade", second),
            ("--disable", "toolmade"),
        ):
            done = tool("rf_accounts.py", *change)
            assert done.returncode == 0, done.stdout
        refused = tool("rf_accounts.py", user="toolmade", password=second)
        assert refused.returncode != 0
        assert tool("rf_accounts.py", "--enable", "toolmade").returncode == 0
        client = service.client().login("toolmade", second)
        assert client.get(system("quick-1")).status == 200
        client.close()
        line = next(one for one in tool("rf_accounts.py").stdout.splitlines() if "toolmade" in one)
        assert "ReadOnly" in line
    finally:
        done = tool("rf_accounts.py", "--delete", "toolmade")
    assert done.returncode == 0, done.stdout
    assert "toolmade" not in tool("rf_accounts.py").stdout


def test_rf_raw_request_cancels_and_deletes_a_task(tool: Tool, admin: Client) -> None:
    action = f"{system('endless')}/Actions/ComputerSystem.Reset"
    body = '{"ResetType": "ForceRestart"}'
    posted = tool("rf_raw_request.py", "-m", "POST", "-req", action, "-b", body, "-v")
    assert posted.stdout.startswith("HTTP 202")
    task = json.loads(posted.stdout[posted.stdout.index("{") :])
    shown = tool("rf_raw_request.py", "-req", task["@odata.id"])
    assert json.loads(shown.stdout)["TaskState"] in ("New", "Starting", "Running")
    done = tool("rf_raw_request.py", "-m", "DELETE", "-req", task["TaskMonitor"], "-v")
    assert done.stdout.split()[1] in ("200", "202", "204")
    wait_for(admin, task["@odata.id"], TaskState="Cancelled")
    done = tool("rf_raw_request.py", "-m", "DELETE", "-req", task["@odata.id"], "-v")
    assert done.stdout.split()[1] in ("200", "204")
    assert admin.get(task["@odata.id"]).status == 404


def test_rf_raw_request_deletes_a_completed_task(tool: Tool, admin: Client) -> None:
    answer = reset(admin, "quick-1")
    wait_for(admin, answer.body["@odata.id"], TaskState="Completed")
    done = tool("rf_raw_request.py", "-m", "DELETE", "-req", answer.body["@odata.id"], "-v")
    assert done.stdout.split()[1] in ("200", "204")
    listed = [one["@odata.id"] for one in admin.get(TASKS).body["Members"]]
    assert answer.body["@odata.id"] not in listed
