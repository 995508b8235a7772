"""A fleet of emulated BMCs, as one command describes it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from odimra import certificates
from odimra.clock import Clock
from odimra.emulation.bmcs.bmc import Account, EmulatedBmc
from odimra.emulation.bmcs.faults import CERTIFICATE, FORGETS, KINDS, assigned
from odimra.emulation.bmcs.serving import Place, Station, addresses
from odimra.emulation.bmcs.tree import Tree, generated, mockup
from odimra.emulation.scenarios import Scenarios

#: BMCs that one process may be.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What is emulated: so many BMCs from an address on, and what is wrong with ``share`` of them.

    Their times pass ``factor`` times as fast, 0 for no time at all. ``mockup`` is a folder of
    resources that all have, else each is made up. Without a ``folder`` for certificates they speak
    plain HTTP.
    """

    count: int
    first: str = "127.1.0.1"
    port: int = 8000
    user: str = "root"
    password: str = field(default="", repr=False)
    seed: int = 1
    share: float = 0.0
    kinds: Sequence[str] = KINDS
    factor: float = 1.0
    mockup: Path | None = None
    folder: Path | None = None


def stations(options: FleetOptions, scenarios: Scenarios, clock: Clock) -> list[Station]:
    """Return the BMCs of a fleet.

    Each has a password of its own, ``<password>-<number>``. Raises ValueError,
    :class:`~odimra.emulation.files.BadEmulationFile`.
    """
    if not 1 <= options.count <= MOST:
        raise ValueError(f"one process is 1 to {MOST} BMCs")
    places = addresses(options.first, options.count)
    scale = 1 / options.factor if options.factor else 0.0
    faults = assigned(options.count, options.share, options.seed, options.kinds, scale)
    right = wrong = None
    if options.folder is not None:
        right, wrong = _contexts(options.folder, places)
    common = mockup(options.mockup) if options.mockup is not None else None
    found: list[Station] = []
    for number, (address, fault) in enumerate(zip(places, faults, strict=True), 1):
        kind = None if fault is None else fault.kind
        bmc = EmulatedBmc(
            number,
            _tree(common, number, options.seed),
            Account(options.user, f"{options.password}-{number}"),
            scenarios,
            factor=scale,
            forgets=kind == FORGETS,
        )
        tls = wrong if kind == CERTIFICATE else right
        station = Station(bmc, Place(address, options.port, tls), clock, fault, options.seed)
        bmc.on_operation = station.operation
        found.append(station)
    return found


def _tree(common: Tree | None, number: int, seed: int) -> Callable[[], Tree]:
    if common is not None:
        return lambda: common
    return partial(generated, number, seed)


def _contexts(folder: Path, places: Sequence[str]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what BMCs speak TLS with: whose certificate has their addresses, and another's."""
    now = datetime.now(UTC)
    found = []
    for name, names in (("bmcs", places), ("somebody-else", ["bmc.invalid"])):
        pair = certificates.make(folder / name, names, now)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        found.append(context)
    return found[0], found[1]
