"""What is counted of tasks in the step that changes them (``tally.lua``), read again.

How many top-level tasks of each kind are in each state at this moment; and minute by minute, for a
little more than a day, how many began to work and ended, how long those took, and how many there
were. Knows what a minute's hash holds; :mod:`.tallies` reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Seconds for which a minute is kept.
KEPT_SECONDS = 26 * 3600
#: Minutes that can be asked for.
LONGEST = 24 * 60
#: Buckets of duration to each doubling: a bound is at most 19 % above the one below it.
BUCKETS = 4


@dataclass(slots=True)
class Span:
    """What happened in some minutes that follow each other.

    ``began`` by kind; ``ended`` by state and kind; ``took`` by kind and bucket of duration;
    ``are`` by state, when the last of these minutes was first looked at, or nothing if nobody did.
    """

    began: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    took: Counter[tuple[str, int]] = field(default_factory=Counter)
    are: dict[str, int] = field(default_factory=dict)

    def add(self, minute: Mapping[bytes, bytes]) -> None:
        """Take in the hash of a minute, which is behind those that were taken in before."""
        are: dict[str, int] = {}
        for name, value in minute.items():
            what, _, rest = name.decode().partition(" ")
            if what == "sampled":
                # A state that is not named had none.
                self.are = are
                continue
            number = int(value)
            first, _, kind = rest.partition(" ")
            if what == "began":
                self.began[rest] += number
            elif what == "ended":
                self.ended[first, kind] += number
            elif what == "took":
                self.took[kind, int(first)] += number
            elif what == "are" and number > 0:
                are[rest] = number


def upper(bucket: int) -> int:
    """Return the upper bound of a bucket of duration, in milliseconds."""
    return round(2 ** ((bucket + 1) / BUCKETS)) - 1


@dataclass(frozen=True, slots=True)
class Durations:
    """How long tasks of a kind took, from their creation to their end, in milliseconds.

    A percentile is the upper bound of the bucket it lies in: at most 19 % above the truth.
    """

    count: int
    p50: int
    p90: int
    p99: int


def durations(spans: Iterable[Span]) -> dict[str, Durations]:
    """Return how long tasks took that ended in ``spans``, by kind."""
    took: Counter[tuple[str, int]] = Counter()
    for span in spans:
        took.update(span.took)
    kinds = sorted({kind for kind, _ in took})
    return {kind: _durations({b: n for (k, b), n in took.items() if k == kind}) for kind in kinds}


def _durations(buckets: Mapping[int, int]) -> Durations:
    count = sum(buckets.values())

    def percentile(share: int) -> int:
        # The smallest bound that so many in a hundred do not exceed.
        left = -(-count * share // 100)
        for bucket in sorted(buckets):
            left -= buckets[bucket]
            if left <= 0:
                return upper(bucket)
        raise AssertionError("no bucket holds the last one")

    return Durations(count, percentile(50), percentile(90), percentile(99))
