"""A service that really runs, and the command line before it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest
from click.testing import CliRunner

from odimra.cli import main
from tests.support.service import CHECKOUT, Service, clean_environment

PATIENCE = 60.0


class Ring(keyring.backend.KeyringBackend):
    """A keyring that keeps what it is given for as long as the test."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("nobody opens it")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not there")


@dataclass
class Done:
    """How a command has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]

    def ok(self) -> Done:
        assert self.code == 0, (self.code, self.out, self.err)
        return self


@dataclass
class Desk:
    """A user with a home of its own: profiles, sessions and the environment of the commands."""

    home: Path
    url: str
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("config", "run"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self.env = {
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            **self.env,
        }

    @property
    def profiles(self) -> Path:
        return self.home / "config" / "odimra" / "profiles.json"

    def run(self, *arguments: str, stdin: str | None = None, **env: str | None) -> Done:
        """Run a command in this process."""
        mine = {name: None for name in os.environ if name.startswith("ODIMRA_")}
        result = CliRunner().invoke(
            main, list(arguments), input=stdin, env={**mine, **self.env, **env}
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "odimra", *arguments],
            env=clean_environment(
                PYTHONPATH=str(CHECKOUT),
                PYTHONUNBUFFERED="1",
                PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
                **self.env,
            ),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **more,
            },
        )

    def reset(self, *systems: str, **more: Any) -> str:
        """Have systems reset; return the id of the task."""
        flags = [word for name, value in more.items() for word in (f"--{name}", str(value))]
        return str(self.run("system", "reset", *systems, *flags, "--json").ok().json["Id"])


def until(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what is true at last."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.05)
    return found


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """Whatever the machine of the tests has: there is no keyring, unless a test brings one."""
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def ring(no_keyring: None) -> Ring:
    ring = Ring()
    keyring.set_keyring(ring)
    return ring


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service in which operations take half a second."""
    with Service({"emulation": {"time_factor": 8}}) as running:
        yield running


@pytest.fixture
def stranger(service: Service, tmp_path: Path) -> Desk:
    """Somebody who has not logged in."""
    return Desk(tmp_path, service.address)


@pytest.fixture
def desk(service: Service, stranger: Desk) -> Desk:
    """The administrator, logged in."""
    return log_in(service, stranger)


def log_in(service: Service, desk: Desk, *flags: str) -> Desk:
    desk.run(
        *("login", service.address, "--account", service.administrator, "--ca", service.ca_file),
        *("--password-stdin", *flags),
        stdin=service.password + "\n",
    ).ok()
    return desk
