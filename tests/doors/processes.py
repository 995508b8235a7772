"""Real processes for the tests of the doors."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ODIMRA_")}
    return {**kept, "PYTHONPATH": str(CHECKOUT), **extra}


def odimra(
    *arguments: str, cwd: Path, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end; ``stdin`` comes by a pipe."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "odimra", *arguments],
        cwd=cwd,
        env=environment(**env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def eventually(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what ``what`` returns once that is true; other processes have no other way to tell."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has buried yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    except OSError:
        return False
    return state != "Z"


class Running:
    """A supervisor over stub roles, its output line by line."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / f"log-{time.monotonic_ns()}"
        self._errors = self.log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("run_supervisor.py")),
                *(str(self.state), *words),
            ],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.lines: list[str] = []

    def ready(self) -> Running:
        """Return once it has told that it is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if "stop  " in line:
                return self
        raise AssertionError(f"not ready: {self.lines} {self.errors()}")

    def errors(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        line = next(line for line in self.lines if "address" in line)
        return line.split()[1].removesuffix("/redfish/v1/")

    def get(self, path: str) -> bytes:
        trusted = self.state / "certificate.pem"
        context = ssl.create_default_context(cafile=trusted) if trusted.exists() else None
        with urllib.request.urlopen(self.address + path, timeout=5, context=context) as reply:
            return bytes(reply.read())

    def children(self) -> list[int]:
        """The processes that it has started, the server of the store among them."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in text.split()]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def running(folder: Path, *words: str) -> Iterator[Running]:
    started = Running(folder, *words)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait()
        if started.process.stdout is not None:
            started.process.stdout.close()
        started._errors.close()
