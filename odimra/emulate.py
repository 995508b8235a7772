"""``odimra emulate``: emulated BMCs until somebody stops them. Called by the command line."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from odimra.clock import SystemClock
from odimra.emulation import scenarios as scripts
from odimra.emulation.bmcs.faults import KINDS
from odimra.emulation.bmcs.fleet import FleetOptions, stations
from odimra.emulation.bmcs.serving import Station, Stations
from odimra.emulation.files import BadEmulationFile, locate

Say = Callable[[str], None]


class CannotEmulate(Exception):
    """The fleet cannot be started; the text says why, in one line."""


def run(
    say: Say,
    *,
    count: int,
    first: str,
    port: int,
    user: str,
    password: str,
    seed: int,
    scenarios: str,
    time_factor: float,
    faulty: float,
    faults: Sequence[str],
    mockup: str | None,
    tls: str | None,
    listing: str | None,
) -> None:
    """Be a fleet until SIGINT or SIGTERM. Raises :class:`CannotEmulate`."""
    unknown = sorted(set(faults) - set(KINDS))
    if unknown:
        raise CannotEmulate(
            f"--fault: there is no fault '{unknown[0]}', there are {', '.join(KINDS)}"
        )
    options = FleetOptions(
        count,
        first,
        port,
        user,
        password,
        seed,
        faulty,
        tuple(faults) or KINDS,
        time_factor,
        None if mockup is None else Path(mockup),
        None if tls is None else Path(tls),
    )
    try:
        played = scripts.load(locate("scenarios", scenarios), seed)
        fleet = stations(options, played, SystemClock())
    except (BadEmulationFile, ValueError, OSError) as error:
        raise CannotEmulate(str(error)) from None
    if listing is not None:
        lines = [json.dumps(_line(one)) for one in fleet]
        Path(listing).write_text("\n".join(lines) + "\n", "utf-8")
        Path(listing).chmod(0o600)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(fleet, say))
    except OSError as error:
        raise CannotEmulate(f"{error.strerror or error}: is somebody there already?") from None


def _line(one: Station) -> dict[str, str | int | None]:
    account = one.bmc.account
    return {
        "number": one.bmc.number,
        "url": one.url,
        "user": account.user,
        "password": account.password,
        "fault": None if one.fault is None else one.fault.kind,
    }


async def _serve(fleet: Sequence[Station], say: Say) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with Stations(fleet, SystemClock()):
        faulty = sum(one.fault is not None for one in fleet)
        say(f"{len(fleet)} BMCs, {faulty} of them faulty, from {fleet[0].url} to {fleet[-1].url}")
        await stop.wait()
