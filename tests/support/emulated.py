"""`odimra emulate` beside a service: BMCs of a process of their own, as sources."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.http import Client
from tests.support.service import CHECKOUT, clean_environment, free_port

SERVICE = "/redfish/v1/AggregationService"
SOURCES = f"{SERVICE}/AggregationSources"
FINAL = ("Completed", "Exception", "Cancelled")


@dataclass
class Emulated:
    """An emulated BMC, and the source that it is."""

    number: int
    url: str
    user: str
    password: str = field(repr=False)
    fault: str | None
    listing: Path = Path()
    source: str = ""

    @property
    def system(self) -> str:
        """The URI of its system at the service."""
        return f"/redfish/v1/Systems/{self.source}.1"

    def client(self, ca_file: str | None = None) -> Client:
        """Return who asks the BMC itself."""
        return Client(self.url, ca_file, None, (self.user, self.password))


@contextmanager
def emulated(
    count: int, *flags: str, scenarios: str = "", prefix: Sequence[str] = ()
) -> Iterator[list[Emulated]]:
    """Run so many emulated BMCs; `scenarios` is the YAML of how their operations go.

    `prefix` goes before the command.
    """
    with tempfile.TemporaryDirectory(prefix="bmcs-") as folder:
        words = ["--count", str(count), "--port", str(free_port()), "--list", "all.jsonl", *flags]
        if scenarios:
            (Path(folder) / "scenarios.yaml").write_text(scenarios, "utf-8")
            words += ["--scenarios", "./scenarios.yaml"]
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "odimra", "emulate", *words],
            cwd=folder,
            env=clean_environment(PYTHONPATH=str(CHECKOUT)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"{count} BMCs"), line
            listing = Path(folder) / "all.jsonl"
            lines = listing.read_text("utf-8").splitlines()
            yield [Emulated(**json.loads(one), listing=listing) for one in lines]
        finally:
            process.terminate()
            process.wait(20)


def begin(client: Client, method: str, uri: str, body: Any = None) -> str:
    """Ask for what a task does; return the URI of the task."""
    answer = client.request(method, uri, body)
    assert answer.status == 202, answer.body
    return str(answer.body["@odata.id"])


def ended(client: Client, task: str, seconds: float = 60) -> dict[str, Any]:
    """Return a task once it has ended, whoever is away just now."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = client.get(task)
        except OSError:
            answer = None
        if answer is not None and answer.status == 200 and answer.body["TaskState"] in FINAL:
            return dict(answer.body)
        assert time.monotonic() < deadline, f"{task} does not end: {answer and answer.body}"
        time.sleep(0.1)


def added(
    client: Client, bmcs: Sequence[Emulated], seconds: float = 120, method: str = "Redfish"
) -> dict[int, dict[str, Any]]:
    """Add BMCs as sources; return the tasks of those that could not be, by their numbers."""
    link = {"@odata.id": f"{SERVICE}/ConnectionMethods/{method}"}
    tasks = {}
    for one in bmcs:
        body = {"HostName": one.url, "UserName": one.user, "Password": one.password}
        tasks[one.number] = begin(
            client, "POST", SOURCES, {**body, "Links": {"ConnectionMethod": link}}
        )
    failed = {}
    for one in bmcs:
        task = ended(client, tasks[one.number], seconds)
        if task["TaskState"] == "Completed":
            (made,) = task["Links"]["CreatedResources"]
            one.source = made["@odata.id"].rpartition("/")[2]
        else:
            failed[one.number] = task
    return failed


def subtasks(client: Client, task: str) -> list[dict[str, Any]]:
    """Return the sub-tasks of a task, all of them."""
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(f"{task}/SubTasks?$expand=.($levels=1)&$skip={len(found)}").body
        found += page["Members"]
        if len(found) >= page["Members@odata.count"]:
            return found
        assert page["Members"], page
