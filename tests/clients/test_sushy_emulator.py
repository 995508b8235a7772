"""A BMC that others have written, as a source: sushy-emulator, with neither sessions nor tasks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.aggregation.park import SERVICE, SOURCES, Park, fleet, free_port, parked
from tests.support.http import Client
from tests.support.service import clean_environment

USER, WORD = "root", "calvin and hobbes"
UUID = "00000000-0000-4000-8000-000000000001"
SYSTEM = f"/redfish/v1/Systems/{UUID}"


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run sushy-emulator with one system that it makes up; yield its address."""
    folder.mkdir()
    accounts = folder / "accounts"
    accounts.write_text(f"{USER}:{bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    fake = [{"uuid": UUID, "name": "fake", "power_state": "On", "nics": []}]
    settings = {
        "SUSHY_EMULATOR_FAKE_SYSTEMS": fake,
        "SUSHY_EMULATOR_STATE_DIR": str(folder),
        "SUSHY_EMULATOR_AUTH_FILE": str(accounts),
    }
    config = folder / "sushy.conf"
    config.write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    port = free_port()
    command = Path(sys.executable).with_name("sushy-emulator")
    with subprocess.Popen(
        [str(command), "--config", str(config), "--fake", "-i", "127.0.0.1", "-p", str(port)],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 30
            client = Client(base, None, None, (USER, WORD))
            while True:
                try:
                    if client.get(SYSTEM).status == 200:
                        break
                except OSError:
                    pass
                assert process.poll() is None and time.monotonic() < deadline, "it does not start"
                time.sleep(0.1)
            client.close()
            yield base
        finally:
            process.terminate()


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    async with parked(valkey, tmp_path / "state") as one:
        yield one


async def power(park: Park, system: str, wanted: str) -> dict[str, Any]:
    """Return a system once its power is as it shall be: the fake driver takes some seconds."""
    async with asyncio.timeout(40):
        while (found := await park.read(system))["PowerState"] != wanted:
            await asyncio.sleep(0.2)
    return found


async def test_it_is_added_shown_changed_reset_and_removed(park: Park, tmp_path: Path) -> None:
    with emulator(tmp_path / "sushy") as base:
        account = {"HostName": base, "UserName": USER, "Password": "wrong"}
        status, said, _ = await park.ended(await park.begin("POST", SOURCES, account))
        assert status == 400 and "ResourceAtUriUnauthorized" in str(said)
        account["Password"] = WORD
        status, said, task = await park.ended(await park.begin("POST", SOURCES, account))
        assert status == 201, said
        source = task["Links"]["CreatedResources"][0]["@odata.id"]
        system = f"/redfish/v1/Systems/{source.rpartition('/')[2]}.{UUID}"
        # What it has is shown here.
        listed = await park.read("/redfish/v1/Systems")
        assert system in [one["@odata.id"] for one in listed["Members"]]
        found = await park.read(system)
        assert (found["UUID"], found["PowerState"]) == (UUID, "On")
        for link in (*found["Links"]["ManagedBy"], *found["Links"]["Chassis"]):
            assert (await park.read(link["@odata.id"]))["@odata.id"] == link["@odata.id"]
        # It is changed here.
        boot = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
        status, said, _ = await park.ask("PATCH", system, {"Boot": boot})
        assert status in (200, 204), said
        assert (await park.read(system))["Boot"]["BootSourceOverrideTarget"] == "Pxe"
        # It is reset beside an emulated one, and one of our own.
        async with fleet() as (other,):
            ours = f"/redfish/v1/Systems/{await park.add(other)}.1"
            elements = [system, ours, "/redfish/v1/Systems/node-1"]
            status, made, _ = await park.ask(
                "POST", f"{SERVICE}/Aggregates", {"Elements": elements}
            )
            assert status == 201, made
            reset = made["Actions"]["#Aggregate.Reset"]["target"]
            monitor = await park.begin("POST", reset, {"ResetType": "ForceOff"})
            status, said, task = await park.ended(monitor)
            assert task["TaskState"] == "Completed", said
            for one in elements:
                await power(park, one, "Off")
        # It has neither that action nor an EventService: both are said, nothing breaks.
        boots = f"{SERVICE}/Actions/AggregationService.SetDefaultBootOrder"
        _, said, task = await park.ended(await park.begin("POST", boots, {"Systems": [system]}))
        assert task["TaskState"] == "Exception"
        status, _, _ = await park.ended(await park.begin("DELETE", source))
        assert status == 204
        assert (await park.ask("GET", system))[0] == 404
