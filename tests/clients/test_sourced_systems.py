"""Clients of Redfish on systems of BMCs, which they take for systems of this service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sushy
from sushy.taskmonitor import TaskMonitor

from odimra.emulation.bmcs.serving import Station
from tests.aggregation.park import Park, fleet, parked
from tests.clients.conftest import run_script
from tests.service.job_desk import PASSWORD

SYSTEMS = "/redfish/v1/Systems"


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    async with parked(valkey, tmp_path) as one:
        yield one


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    async with fleet() as (one,):
        yield one


async def test_sushy(park: Park, station: Station) -> None:
    source = await park.add(station)

    def work() -> None:
        auth = sushy.auth.SessionOrBasicAuth("admin", PASSWORD)
        root = sushy.Sushy(park.base, auth=auth, server_side_retries=0)
        found = root.get_system(f"{SYSTEMS}/{source}.1")
        assert found.path in [one.path for one in root.get_system_collection().get_members()]
        assert found.power_state == sushy.POWER_STATE_ON
        assert found.chassis[0].path == f"/redfish/v1/Chassis/{source}.1"
        assert found.managers[0].path == f"/redfish/v1/Managers/{source}.1"
        assert sushy.RESET_TYPE_FORCE_OFF in found.get_allowed_reset_system_values()
        found.set_system_boot_options(sushy.BOOT_SOURCE_TARGET_PXE, sushy.BOOT_SOURCE_ENABLED_ONCE)
        found.refresh()
        assert found.boot["target"] == sushy.BOOT_SOURCE_TARGET_PXE
        target = f"{found.path}/Actions/ComputerSystem.Reset"
        response = root._conn.post(target, data={"ResetType": "ForceOff"})
        monitor = TaskMonitor(root._conn, response.headers["Location"], response=response)
        deadline = time.monotonic() + 30
        while monitor.check_is_processing:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found.refresh(force=True)
        assert found.power_state == sushy.POWER_STATE_OFF
        auth.close()

    await asyncio.to_thread(work)


async def test_redfishtool(park: Park, station: Station, tmp_path: Path) -> None:
    source = await park.add(station)

    def tool(*arguments: str) -> str:
        known = ("-r", park.base.removeprefix("http://"), "-u", "admin", "-p", PASSWORD)
        done = run_script("redfishtool", *known, "-S", "Never", *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def work() -> None:
        assert f"{SYSTEMS}/{source}.1" in tool("Systems", "list")
        shown = tool("Systems", "-I", f"{source}.1", "get")
        assert f'"@odata.id": "{SYSTEMS}/{source}.1"' in shown
        assert "PowerState" in shown
        tool("Systems", "-I", f"{source}.1", "setAssetTag", "A-17")
        assert "A-17" in tool("Systems", "-I", f"{source}.1", "get")
        tool("Chassis", "-I", f"{source}.1", "get")
        tool("Managers", "-I", f"{source}.1", "get")

    await asyncio.to_thread(work)


async def test_redfish_utilities(park: Park, station: Station, tmp_path: Path) -> None:
    source = await park.add(station)

    def tool(name: str, *arguments: str) -> str:
        known = ("-u", "admin", "-p", PASSWORD, "-r", park.base)
        done = run_script(name, *known, *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def work() -> None:
        system = ("-s", f"{source}.1")
        assert "ForceOff" in tool("rf_power_reset.py", *system, "--info")
        assert "Task is Done!" in tool("rf_power_reset.py", *system, "-t", "ForceOff")
        assert "Off" in tool("rf_power_reset.py", *system, "--info")
        tool("rf_boot_override.py", *system, "-t", "Pxe")
        assert "Pxe" in tool("rf_boot_override.py", *system, "-i")
        tool("rf_sys_inventory.py")

    await asyncio.to_thread(work)
