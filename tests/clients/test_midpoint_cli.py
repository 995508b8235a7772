"""midPoint's command-line client, unchanged: objects, and tasks that are bulk scripts.

It ends with 0 whatever it is answered, so each test also looks at what came of the command.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import run_script
from tests.support.http import Client
from tests.support.service import Service

Cli = Callable[..., str]

REST = "/midpoint/ws/rest"
COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"
JACK = "c0c010c0-d34d-b33f-f00d-111111111111"
CAPTAIN = "c0c010c0-d34d-b33f-f00d-222222222222"


@pytest.fixture
def cli(service: Service, tmp_path: Path) -> Cli:
    """A function that runs `midpoint-cli` as the administrator and returns what it printed."""

    def run(*command: str, user: str = "", password: str = "") -> str:
        done: subprocess.CompletedProcess[str] = run_script(
            "midpoint-cli",
            *("-U", f"{service.address}/midpoint/"),
            *("-u", user or service.administrator, "-p", password or service.password),
            *command,
            folder=tmp_path,
            # It has no option for the certificate, keeps settings at home, and fits its tables
            # to the terminal.
            REQUESTS_CA_BUNDLE=service.ca_file,
            HOME=str(tmp_path),
            COLUMNS="240",
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def jack(admin: Client) -> Iterator[None]:
    """A user and a role."""
    given = {
        f"users/{JACK}": {"user": {"name": "jack", "fullName": "Jack Sparrow"}},
        f"roles/{CAPTAIN}": {"role": {"name": "captain", "displayName": "Captain"}},
    }
    for path, body in given.items():
        assert admin.request("PUT", f"{REST}/{path}", body).status == 201
    yield
    for path in given:
        admin.delete(f"{REST}/{path}")


def script(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"executeScript": {"pipeline": list(expressions)}}


RETITLE = script(
    {"@element": "search", "type": "UserType", "query": {"filter": {"text": 'name = "jack"'}}},
    {
        "@element": "action",
        "type": "execute-script",
        "parameter": [
            {
                "name": "script",
                "value": {
                    "code": "openidm.patch(objectID, null, [{operation: 'replace', "
                    "field: '/sailed', value: (input.sailed || 0) + 1}])"
                },
            }
        ],
    },
)
CREW = [f"crew-{number:03d}" for number in range(300)]
#: Takes its time with each of them for as long as the gate is shut.
SAIL = script(
    {"@element": "search", "type": "CrewType"},
    {
        "@element": "action",
        "type": "execute-script",
        "parameter": [
            {
                "name": "script",
                "value": {
                    "code": "var until = Date.now() + 100;"
                    "if (!openidm.read('managed/gate/harbour').open)"
                    " while (Date.now() < until);"
                    "openidm.patch(objectID, null, [{operation: 'replace', "
                    "field: '/sailed', value: (input.sailed || 0) + 1}])"
                },
            }
        ],
    },
)


@pytest.fixture
def crew(admin: Client) -> Iterator[None]:
    """Many objects, and a gate that is shut."""
    shut = admin.request("PUT", f"{REST}/gates/harbour", {"gate": {"open": False}})
    assert shut.status == 201
    values = [{"@type": "CrewType", "oid": name, "name": name} for name in CREW]
    add = {"@element": "action", "type": "add"}
    body = script(add)
    body["executeScript"]["input"] = {"value": values}
    assert admin.post(f"{REST}/rpc/executeScript", body).status == 200
    yield
    admin.delete(f"{REST}/gates/harbour")
    gone = script(
        {"@element": "search", "type": "CrewType"}, {"@element": "action", "type": "delete"}
    )
    assert admin.post(f"{REST}/rpc/executeScript", gone).status == 200


def start(admin: Client, body: dict[str, Any]) -> str:
    """Have a script run, and return its oid."""
    answer = admin.post(f"{REST}/rpc/executeScript?asynchronous=true", body)
    assert (answer.status, answer.content) == (201, b""), answer.content
    oid = str(answer.headers["Location"]).rpartition("/")[2]
    assert oid
    return oid


def task_of(admin: Client, oid: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"{REST}/tasks/{oid}").body["task"]
    return found


def until(admin: Client, oid: str, **wanted: str) -> dict[str, Any]:
    """Return a task as soon as it is as wanted."""
    deadline = time.monotonic() + 30
    while True:
        task = task_of(admin, oid)
        if all(task.get(name) == value for name, value in wanted.items()):
            return task
        assert time.monotonic() < deadline, task
        time.sleep(0.02)


def test_info(cli: Cli, service: Service) -> None:
    printed = cli("info")
    version = json.loads(service.admin().get("/midpoint/actuator/info").content)["version"]
    assert "Midpoint Version" in printed and version in printed
    assert "Could not" not in printed


@pytest.mark.usefixtures("jack")
def test_tasks_and_a_task(cli: Cli, admin: Client) -> None:
    oid = start(admin, RETITLE)
    until(admin, oid, executionState="closed")
    (row,) = [line for line in cli("tasks").splitlines() if oid in line]
    assert "closed" in row and "success" in row
    shown = cli("task", "get", oid)
    assert "success" in shown and oid in shown
    assert "execute-script" in shown, "the table of actions names what was done"


@pytest.mark.usefixtures("jack")
def test_a_task_that_has_ended_is_run_again_and_waited_for(cli: Cli, admin: Client) -> None:
    oid = start(admin, RETITLE)
    until(admin, oid, executionState="closed")
    printed = cli("task", "run", oid)
    assert "success" in printed and "Failed execution" not in printed
    assert admin.get(f"{REST}/users/{JACK}").body["user"]["sailed"] == 2


def test_a_task_that_fails_is_told(service: Service, admin: Client, tmp_path: Path) -> None:
    missing = script(
        {"@element": "search", "type": "UserType"},
        {"@element": "action", "type": "execute-script", "parameter": [
            {"name": "script", "value": {"code": "throw 'no wind'"}},
            {"name": "forWholeInput", "value": True},
        ]},
    )  # fmt: skip
    oid = start(admin, missing)
    until(admin, oid, executionState="closed")
    done = run_script(
        "midpoint-cli",
        *("-U", f"{service.address}/midpoint/"),
        *("-u", service.administrator, "-p", service.password, "task", "run", oid),
        folder=tmp_path,
        REQUESTS_CA_BUNDLE=service.ca_file,
        HOME=str(tmp_path),
        COLUMNS="240",
    )
    assert done.returncode == 1, done.stdout
    assert f"Failed execution of task {oid} with status fatal_error" in done.stdout + done.stderr


@pytest.mark.usefixtures("crew")
def test_suspend_and_resume(cli: Cli, admin: Client) -> None:
    oid = start(admin, SAIL)
    deadline = time.monotonic() + 30
    while task_of(admin, oid)["progress"] == 0:
        assert time.monotonic() < deadline, "it has not begun"
        time.sleep(0.02)
    assert "suspend" in cli("task", "suspend", oid)
    resting = task_of(admin, oid)
    assert resting["executionState"] == resting["schedulingState"] == "suspended"
    assert resting["resultStatus"] == "in_progress"
    (row,) = [line for line in cli("tasks").splitlines() if oid in line]
    assert "suspended" in row
    sailed = [one.get("sailed") for one in crew_of(admin)]
    assert 0 < sailed.count(1) < len(CREW), "it rests between two objects"

    admin.request("PUT", f"{REST}/gates/harbour", {"gate": {"open": True}})
    assert "resume" in cli("task", "resume", oid)
    assert until(admin, oid, executionState="closed")["resultStatus"] == "success"
    assert [one.get("sailed") for one in crew_of(admin)] == [1] * len(CREW)


def crew_of(admin: Client) -> list[dict[str, Any]]:
    return list(admin.get(f"{REST}/crews").body["object"]["object"])


def test_put_get_and_delete(cli: Cli, admin: Client, tmp_path: Path) -> None:
    file = tmp_path / "anne.xml"
    file.write_text(
        f'<user xmlns="{COMMON}" oid="{JACK}"><name>anne</name>'
        "<fullName>Anne Bonny</fullName><employeeNumber>7</employeeNumber></user>"
    )
    assert "Object uploaded" in cli("put", str(file))
    kept = admin.get(f"{REST}/users/{JACK}").body["user"]
    assert (kept["name"], kept["fullName"], kept["employeeNumber"]) == ("anne", "Anne Bonny", "7")

    shown = cli("get", "user", JACK)
    assert "Anne Bonny" in shown and JACK in shown
    saved = tmp_path / "saved.xml"
    cli("get", "UserType", JACK, str(saved))
    changes = tmp_path / "changes.patch"
    changes.write_text("Anne Bonny => Anne Cormac\n")
    cli(f"put -p {changes} {saved}")
    assert admin.get(f"{REST}/users/{JACK}").body["user"]["fullName"] == "Anne Cormac"

    cli("delete", "user", JACK)
    assert admin.get(f"{REST}/users/{JACK}").status == 404
    assert "Object not found" in cli("get", "user", JACK)


@pytest.mark.usefixtures("jack")
def test_users_and_their_roles(cli: Cli, admin: Client) -> None:
    (row,) = [line for line in cli("users").splitlines() if JACK in line]
    assert "jack" in row and "Jack Sparrow" in row and "enabled" in row
    assert JACK in cli("user", "search", "sparrow")
    assert "Captain" in cli("roles")

    assert "assigned" in cli("user", "assign", "jack", "captain")
    user = admin.get(f"{REST}/users/{JACK}").body["user"]
    (assignment,) = user["assignment"]
    assert assignment["targetRef"]["oid"] == CAPTAIN
    assert [one["oid"] for one in user["roleMembershipRef"]] == [CAPTAIN]
    assert "Captain" in cli("user", "get", "jack")

    cli("user", "unassign", "jack", "captain")
    user = admin.get(f"{REST}/users/{JACK}").body["user"]
    assert "assignment" not in user and "roleMembershipRef" not in user
