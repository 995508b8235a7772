"""Emulated BMCs beside a whole service: for tests of what is aggregated, as clients see it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from odimra.clock import SystemClock
from odimra.emulation.bmcs.faults import KINDS
from odimra.emulation.bmcs.fleet import FleetOptions, stations
from odimra.emulation.bmcs.serving import Station, Stations
from odimra.emulation.scenarios import loads
from tests.service.job_desk import Desk, opened

SERVICE = "/redfish/v1/AggregationService"
SOURCES = f"{SERVICE}/AggregationSources"
SCENARIOS = """
scenarios:
  quick: {duration: 0.1, steps: [{percent: 50}]}
  slow: {duration: 60, steps: [{percent: 10}], cancel_after: 0.1}
  broken:
    duration: 0.1
    end: Exception
    messages: [{id: Base.1.0.Bad, text: "No power on $target.", severity: Critical}]
rules:
  - {parameters: {ResetType: GracefulShutdown}, play: slow}
  - {parameters: {ResetType: PowerCycle}, play: broken}
  - {play: quick}
"""
#: Each fleet of a run has addresses of its own.
NUMBERS = itertools.count(os.getpid() % 200)
#: What tests lay over the settings of a desk.
NEAR: dict[str, Any] = {
    "aggregation__allow_http": True,
    "aggregation__connect_timeout_seconds": 1,
    "aggregation__retries": 1,
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def fleet(
    count: int = 1,
    *,
    scenarios: str = SCENARIOS,
    share: float = 0,
    kinds: Sequence[str] = KINDS,
    factor: float = 1,
    folder: Path | None = None,
) -> AsyncIterator[list[Station]]:
    """Emulated BMCs; each has the password ``pw-<number>``, TLS with a ``folder``."""
    options = FleetOptions(
        count,
        f"127.8.{next(NUMBERS) % 256}.1",
        free_port(),
        password="pw",
        share=share,
        kinds=kinds,
        factor=factor,
        folder=folder,
    )
    made = stations(options, loads(scenarios), SystemClock())
    async with Stations(made, SystemClock()):
        yield made


class Park(Desk):
    """A desk that knows of sources."""

    async def ended(self, monitor: str, who: str = "admin") -> tuple[int, Any, dict[str, Any]]:
        """Return what a monitor answers at the end, and the task."""
        task = f"/redfish/v1/TaskService/Tasks/{monitor.rpartition('/')[2]}"
        async with asyncio.timeout(30):
            while (found := await self.read(task, who))["TaskState"] not in (
                "Completed", "Exception", "Cancelled",
            ):  # fmt: skip
                await asyncio.sleep(0.02)
        status, body, _ = await self.ask("GET", monitor, who=who)
        return status, body, found

    async def begin(self, method: str, uri: str, body: Any = None, who: str = "admin") -> str:
        """Ask for what a task does; return its monitor."""
        status, said, headers = await self.ask(method, uri, body, who)
        assert status == 202, said
        return headers["Location"]

    async def add(self, station: Station, **more: Any) -> str:
        """Add a BMC; return the id of the source."""
        account = station.bmc.account
        body = {
            "HostName": station.url, "UserName": account.user, "Password": account.password, **more,
        }  # fmt: skip
        status, said, task = await self.ended(await self.begin("POST", SOURCES, body))
        assert status == 201, (said, task)
        (made,) = task["Links"]["CreatedResources"]
        return str(made["@odata.id"]).rpartition("/")[2]


@asynccontextmanager
async def parked(valkey: str, folder: Path, **settings: Any) -> AsyncIterator[Park]:
    """Open a park; ``settings`` have __ for the dots of their names."""
    async with opened(valkey, folder, **{**NEAR, **settings}) as desk:
        desk.__class__ = Park
        assert isinstance(desk, Park)
        yield desk
