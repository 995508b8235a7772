"""What may be wrong with an emulated BMC. The same seed makes the same BMCs faulty alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from odimra.emulation.scenarios import Chance

#: Kinds of faults, by what a client notices.
SLOW, BUSY, DROPS, CERTIFICATE, REBOOTS, FORGETS = KINDS = (
    "slow", "busy", "drops", "certificate", "reboots", "forgets",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, how much of what it does is concerned, and for how long.

    ``share`` of the requests is answered 503 (``busy``) or broken off (``drops``); ``seconds`` pass
    before each answer (``slow``), or while it is away in the middle of an operation (``reboots``).
    """

    kind: str
    share: float = 0.3
    seconds: float = 2.0


#: As they are where nobody says anything else.
FAULTS = {
    SLOW: Fault(SLOW, seconds=3.0),
    BUSY: Fault(BUSY, share=0.5),
    DROPS: Fault(DROPS, share=0.3),
    CERTIFICATE: Fault(CERTIFICATE),
    REBOOTS: Fault(REBOOTS, seconds=60.0),
    FORGETS: Fault(FORGETS),
}


def assigned(
    count: int, share: float, seed: int, kinds: Sequence[str] = KINDS, factor: float = 1.0
) -> list[Fault | None]:
    """Return the fault of each of ``count`` BMCs: ``share`` of them have one, each kind in turn.

    ``factor`` makes their times shorter or longer.
    """
    faulty = round(count * share) if kinds else 0
    order = sorted(range(count), key=lambda number: Chance(seed, "faulty", number).draw())
    found: list[Fault | None] = [None] * count
    for at, number in enumerate(order[:faulty]):
        one = FAULTS[kinds[at % len(kinds)]]
        found[number] = replace(one, seconds=one.seconds * factor)
    return found
