"""Where a run is: which nodes are being worked on, and what was summed up so far.

Written with every step, so that another worker can go on from there. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from odimra.jobs.bulk.results import Summary

#: Where the output of a node goes that no list takes: nowhere, or into the data output.
NOWHERE, OUTPUT = -2, -1


@dataclass(slots=True)
class Frame:
    """A node that is being worked on.

    ``source`` is the number of the list that it takes, None for the script's input; or ``items``
    are what it takes. ``shared`` lists are taken by others, too. ``out`` is the number of the list
    that it makes. ``at`` is how many of its children were begun, or how many items were taken that
    stay where they are. A search is behind the id ``after``, and has met ``met`` objects among
    ``looked``; others have looked at so many items.
    """

    node: int
    source: int | None = None
    items: list[Any] | None = None
    shared: bool = False
    out: int = OUTPUT
    at: int = 0
    after: str = ""
    met: int = 0
    looked: int = 0

    def stored(self) -> list[Any]:
        """Return it as plain data."""
        return [
            *(self.node, self.source, self.items, self.shared, self.out, self.at),
            *(self.after, self.met, self.looked),
        ]


@dataclass(slots=True)
class State:
    """A run: its frames, the innermost last, and its sums.

    ``turns`` were taken, ``passed`` of them to find an object only, ``failures`` with an error that
    did not end the script; ``items`` of data and ``console`` bytes of text were put out.
    ``leaves`` that do something have ended. ``stopped`` is why the script ended early: message,
    element, status of HTTP.
    """

    frames: list[Frame] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    turns: int = 0
    passed: int = 0
    items: int = 0
    console: int = 0
    failures: int = 0
    leaves: int = 0
    stopped: tuple[str, str, int] | None = None
    begun: bool = False

    @property
    def done(self) -> int:
        """How many times something was done with an item."""
        return self.turns - self.passed

    def stop(self, why: str, element: str, status: int) -> None:
        """Let it end here."""
        self.stopped = (why, element, status)
        self.frames.clear()

    def stored(self) -> bytes:
        """Return it as it is kept."""
        return orjson.dumps(
            {
                "frames": [frame.stored() for frame in self.frames],
                "summary": self.summary.stored(),
                "turns": self.turns,
                "passed": self.passed,
                "items": self.items,
                "console": self.console,
                "failures": self.failures,
                "leaves": self.leaves,
                "stopped": self.stopped,
                "begun": self.begun,
            }
        )

    @classmethod
    def load(cls, stored: bytes) -> State:
        """Read what :meth:`stored` returned."""
        kept = orjson.loads(stored)
        return cls(
            [Frame(*one) for one in kept["frames"]],
            Summary.load(kept["summary"]),
            kept["turns"],
            kept["passed"],
            kept["items"],
            kept["console"],
            kept["failures"],
            kept["leaves"],
            None if kept["stopped"] is None else tuple(kept["stopped"]),
            kept["begun"],
        )
