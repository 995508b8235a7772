"""DMTF's command-line client `redfishtool`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import run_script
from tests.support.http import Client
from tests.support.service import Service
from tests.support.work import TASKS, system, wait_for

Redfishtool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def redfishtool(service: Service, tmp_path: Path) -> Redfishtool:
    """A function that runs `redfishtool` with the administrator's login, over HTTPS."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        login = ("-u", service.administrator, "-p", service.password)
        host = service.address.removeprefix("https://")
        options = ("-S", "Always", "-A", "Session", "-r", host)
        return run_script("redfishtool", *options, *login, *arguments, folder=tmp_path)

    return run


def test_it_lists_the_systems(redfishtool: Redfishtool) -> None:
    done = redfishtool("Systems", "list")
    assert done.returncode == 0, done.stderr
    assert "quick-1" in done.stdout
    assert "failing" in done.stdout


def test_it_shows_one_system(redfishtool: Redfishtool) -> None:
    done = redfishtool("Systems", "-I", "quick-1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["@odata.id"] == system("quick-1")


def test_it_resets_a_system_and_waits_for_the_task(redfishtool: Redfishtool, admin: Client) -> None:
    done = redfishtool("Systems", "-I", "quick-1", "reset", "ForceOff")
    assert done.returncode == 0, done.stderr
    assert admin.get(system("quick-1")).body["PowerState"] == "Off"
    done = redfishtool("Systems", "-I", "quick-1", "reset", "On")
    assert done.returncode == 0, done.stderr
    assert admin.get(system("quick-1")).body["PowerState"] == "On"


def test_a_reset_that_fails_is_an_error(redfishtool: Redfishtool) -> None:
    assert redfishtool("Systems", "-I", "failing", "reset", "ForceRestart").returncode != 0


def test_raw_requests_read_cancel_and_delete_a_task(
    redfishtool: Redfishtool, admin: Client
) -> None:
    action = f"{system('endless')}/Actions/ComputerSystem.Reset"
    posted = redfishtool("-N", "raw", "POST", action, "-d", '{"ResetType": "ForceRestart"}')
    assert posted.returncode == 0, posted.stderr
    members = json.loads(redfishtool("raw", "GET", TASKS).stdout)["Members"]
    states = {one["@odata.id"]: admin.get(one["@odata.id"]).body["TaskState"] for one in members}
    (uri,) = [uri for uri, state in states.items() if state in ("New", "Starting", "Running")]
    task = json.loads(redfishtool("raw", "GET", uri).stdout)
    assert redfishtool("raw", "DELETE", task["TaskMonitor"]).returncode == 0
    wait_for(admin, uri, TaskState="Cancelled")
    assert redfishtool("raw", "DELETE", uri).returncode == 0
    assert admin.get(uri).status == 404
