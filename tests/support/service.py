"""A service started as its user starts it.

`python -m odimra serve` in a folder of its own, stopped by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.support.http import Client

CHECKOUT = Path(__file__).resolve().parents[2]

# Variables that make `requests` or OpenSSL trust something else than the certificate a client was
# given: with them the DMTF tools report a made-up status 600 for every request.
TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class ServiceDidNotStart(Exception):
    """The process ended, or did not answer in time; carries what it had printed."""


def clean_environment(**extra: str) -> dict[str, str]:
    """Return our environment without what spoils trust or configures odimra."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in TRUST_VARIABLES and not name.startswith("ODIMRA_")
    }
    return {**kept, **extra}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the settings of `over` laid over it, section by section."""
    result = dict(base)
    for name, value in over.items():
        inner = result.get(name)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[name] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return result


@dataclass
class Service:
    """A running service: ready inside the `with` block, stopped after it.

    `settings` are laid over the defaults of config/odimra.yaml; `prefix` goes before the command
    (`taskset -c 0`, ...), `flags` behind it.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    flags: Sequence[str] = ()
    folder: Path | None = None
    ready_seconds: float = 60.0
    administrator: str = "admin"
    #: The administrator's first password; empty: the service makes one. A service on a store that
    #: has its administrator already needs the one that was given then.
    first_password: str = ""
    #: 0: any free one. Another service on the port of one that was stopped takes its place.
    port: int = 0

    def __enter__(self) -> Service:
        self._temporary = None
        if self.folder is None:
            # Short, because a unix socket in it may not be longer than 104 characters on macOS.
            self._temporary = tempfile.TemporaryDirectory(prefix="odimra-", dir="/tmp")
            self.folder = Path(self._temporary.name)
        self.port = self.port or free_port()
        self.state = self.folder / "state"
        self.log = self.folder / "service.log"
        settings = merged(
            {"state_folder": str(self.state), "http": {"port": self.port}}, self.settings
        )
        self.plain = bool(settings["http"].get("plain_http"))
        self.address = f"{'http' if self.plain else 'https'}://127.0.0.1:{self.port}"
        self.ca_file = str(self.folder / "ca.pem")
        config = self.folder / "odimra.yaml"
        config.write_text(yaml.safe_dump(settings), "utf-8")
        self._output = self.log.open("ab")
        self.process = subprocess.Popen(
            [
                *(*self.prefix, sys.executable, "-m", "odimra", "serve"),
                *("--config", str(config), *self.flags),
            ],
            cwd=self.folder,
            env=clean_environment(
                PYTHONPATH=str(CHECKOUT),
                PYTHONUNBUFFERED="1",
                **({"ODIMRA_INITIAL_PASSWORD": self.first_password} if self.first_password else {}),
            ),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that what it left behind can be found and ended with it.
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self, seconds: float = 40.0) -> int:
        """Send SIGTERM, wait, and return the exit status.

        A service that does not end in time is killed.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._output.close()
            if self._temporary is not None:
                self._temporary.cleanup()

    @property
    def password(self) -> str:
        """The administrator's password: the given one, or what the first start left in a file."""
        if self.first_password:
            return self.first_password
        return (self.state / "initial-password").read_text("utf-8").strip()

    @property
    def store_url(self) -> str:
        """The URL of the embedded store."""
        return "unix://" + (self.state / "store.socket").read_text("utf-8").strip()

    def client(self) -> Client:
        """Return a client that is not logged in."""
        return Client(self.address, None if self.plain else self.ca_file)

    def admin(self) -> Client:
        """Return a client logged in as the administrator."""
        return self.client().login(self.administrator, self.password)

    def printed(self) -> str:
        """Return what the service has printed so far."""
        return self.log.read_text("utf-8", "replace")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.ready_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServiceDidNotStart(
                    f"exit status {self.process.returncode}:\n{self.printed()}"
                )
            if self._answers():
                return
            time.sleep(0.05)
        raise ServiceDidNotStart(
            f"no answer on {self.address} in {self.ready_seconds} s:\n{self.printed()}"
        )

    def _answers(self) -> bool:
        certificate = self.state / "certificate.pem"
        if not self.plain:
            if not certificate.exists():
                return False
            Path(self.ca_file).write_bytes(certificate.read_bytes())
        client = self.client()
        client.timeout = 5
        try:
            return client.get("/redfish/v1/").status == 200
        except OSError:
            return False
        finally:
            client.close()
