"""The started service, and a way to run the command-line clients as their users do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fixtures import admin, service
from tests.support.service import TRUST_VARIABLES, Service, clean_environment

__all__ = ["admin", "service"]

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep `requests` from trusting what the environment names instead of what it was given."""
    for name in TRUST_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tool(service: Service, tmp_path: Path) -> Tool:
    """A function that runs a script of redfish_utilities with the administrator's login."""

    def run(name: str, *arguments: str, user: str = "", password: str = ""):
        return run_script(
            name,
            *("-u", user or service.administrator, "-p", password or service.password),
            *("-r", service.address, *arguments),
            folder=tmp_path,
        )

    return run


def run_script(
    name: str, *arguments: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a script that was installed beside the interpreter, with more of an environment.

    Fails clearly when it is not there.
    """
    script = Path(sys.executable).parent / name
    assert script.exists(), f"{name} is not installed; pip install 'odimra[clients]'"
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env=clean_environment(**environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
