"""Operations as a client asks for them, on the machines of data/fleet.yaml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.http import Answer, Client

DATA = Path(__file__).with_name("data")
FLEET, SCENARIOS = DATA / "fleet.yaml", DATA / "scenarios.yaml"

SYSTEMS = "/redfish/v1/Systems"
TASK_SERVICE = "/redfish/v1/TaskService"
TASKS = f"{TASK_SERVICE}/Tasks"
UPDATE = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
INVENTORY = "/redfish/v1/UpdateService/FirmwareInventory"

FINAL = {"Completed", "Cancelled", "Exception"}

# The settings with which tests/clients and tests/spec start their service.
SETTINGS: dict[str, Any] = {
    "emulation": {"fleet": str(FLEET), "scenarios": str(SCENARIOS), "time_factor": 1},
    "tasks": {"retry_after_seconds": 1},
}


def system(machine: str) -> str:
    """Return the URI of a machine's System."""
    return f"{SYSTEMS}/{machine}"


def reset(client: Client, machine: str, kind: str = "ForceRestart", **headers: str) -> Answer:
    """Ask for a reset and return the answer, a 202 unless something is wrong."""
    path = f"{system(machine)}/Actions/ComputerSystem.Reset"
    return client.post(path, {"ResetType": kind}, **headers)


def firmware(machine: str, component: str = "BIOS") -> str:
    """Return the URI of a component's firmware in the inventory."""
    return f"{INVENTORY}/{machine}.{component}"


def update(client: Client, *machines: str, image: str = "https://images.test/a.bin") -> Answer:
    """Ask for an update of the BIOS of several machines and return the answer."""
    targets = [firmware(machine) for machine in machines]
    return client.post(UPDATE, {"ImageURI": image, "Targets": targets})


def wait(client: Client, monitor: str, seconds: float = 30) -> Answer:
    """Ask the task monitor until it no longer says 202, and return its final answer.

    This is what any client does; the pause is shorter than Retry-After because this is a test.
    Raises AssertionError when that takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while (answer := client.get(monitor)).status == 202:
        assert time.monotonic() < deadline, f"{monitor} still runs: {answer.body}"
        time.sleep(0.02)
    return answer


def wait_for(client: Client, uri: str, seconds: float = 30, **wanted: Any) -> dict[str, Any]:
    """GET `uri` until the named properties have the wanted values, and return the resource."""
    deadline = time.monotonic() + seconds
    while True:
        body = client.get(uri).body
        if all(body.get(name) == value for name, value in wanted.items()):
            return dict(body)
        assert time.monotonic() < deadline, f"{uri} is not {wanted}: {body}"
        time.sleep(0.02)


def cancel(client: Client, answer: Answer) -> None:
    """Cancel the operation that `answer` (a 202) started and wait until it has ended."""
    client.delete(answer.headers["Location"])
    deadline = time.monotonic() + 30
    while (task := client.get(answer.body["@odata.id"])).status == 200:
        if task.body["TaskState"] in FINAL:
            return
        assert time.monotonic() < deadline, f"not cancelled: {task.body}"
        time.sleep(0.02)
