"""Usage, and the frames that rating makes of it, by scope and period.

Both are hashes with a field for each point, so that what is pushed twice is there once. A point is
known by its metric, when it begins and whose it is; it belongs to the period in which it begins.
Called by faces and by the jobs that rate; knows the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from odimra.rating.errors import TooMany
from odimra.rating.model import Point
from odimra.store import Script, Store

T = TypeVar("T")

READ = Script.from_package("odimra.rating", "lua/read.lua")
PUSH = Script.from_package("odimra.rating", "lua/push.lua")
FITTING = Script.from_package("odimra.rating", "lua/fitting.lua")
FORGET = Script.from_package("odimra.rating", "lua/forget.lua")

#: Points that one step writes.
STEP = 500
#: Points that are read without giving others a turn, and bytes that a point has at least.
AT_ONCE = 500
LEAST_BYTES = 100
#: Points of a period that is read together with others, at most. A script is faster than a command
#: for each period, but takes longer over each point.
SMALL = 40
#: Periods that one step forgets.
FORGOTTEN = 100
#: The field of a frame that holds all points which were rated together: a list of what they are
#: known by, one of what is kept of them, one of their prices. Others were pushed since.
TOGETHER = b"="
#: The field of a usage hash that changes with every push: no point is called so.
MARK = b"#"


@dataclass(frozen=True, slots=True)
class Sample:
    """A point of a metric; ``begin`` and ``end`` in seconds since the epoch.

    ``within`` is how many seconds of its period have passed when it begins.
    """

    scope: str
    metric: str
    begin: int
    end: int
    point: Point
    within: int = 0

    @property
    def identity(self) -> bytes:
        """Return what is the same of a point whenever it is pushed."""
        known_by: list[Any] = [self.metric, dict(self.point.groupby)]
        if self.within:
            known_by.append(self.within)
        return orjson.dumps(known_by, option=orjson.OPT_SORT_KEYS)

    def usage(self) -> bytes:
        """Return it as usage is kept: without a price."""
        point = self.point
        return orjson.dumps(
            [self.end, str(point.qty), point.unit, dict(point.metadata)],
            option=orjson.OPT_SORT_KEYS,
        )

    def rated(self, price: Decimal) -> bytes:
        """Return it as it is kept in a frame."""
        point = self.point
        return orjson.dumps(
            [self.end, str(point.qty), point.unit, dict(point.metadata), str(price)],
            option=orjson.OPT_SORT_KEYS,
        )

    @classmethod
    def load(cls, scope: str, begin: int, identity: bytes, kept: bytes) -> Sample:
        """Read a point of usage or of a frame; ``begin`` is when its period begins."""
        metric, groupby, *within = orjson.loads(identity)
        end, qty, unit, metadata, *price = orjson.loads(kept)
        amount = Decimal(price[0]) if price else Decimal(0)
        point = Point(Decimal(qty), unit, groupby, metadata, amount)
        after = within[0] if within else 0
        return cls(scope, metric, begin + after, end, point, after)


@dataclass(frozen=True, slots=True)
class Used:
    """The usage of a period: its points, and a mark that changes when there are more.

    A point is what is kept of it, by what it is known by, JSON both.
    """

    scope: str
    begin: int
    mark: str
    points: Mapping[bytes, bytes]

    @property
    def samples(self) -> list[Sample]:
        """The points in order, read."""
        points = sorted(self.points.items())
        return [Sample.load(self.scope, self.begin, *one) for one in points]


class Usage:
    """All usage and all frames; ``period`` is how long a period is, in seconds.

    A scope has ``most`` points in a period at most. Every method may raise StoreUnavailable.
    """

    def __init__(self, store: Store, *, period: int = 3600, most: int = 10_000) -> None:
        self._store = store
        self._period = period
        self._most = most

    def used(self, scope: str, begin: int) -> str:
        """Name the hash of the usage of a period."""
        return self._store.keys.of("rating", "usage", scope, str(begin))

    def frame(self, scope: str, begin: int) -> str:
        """Name the hash of the frame of a period."""
        return self._store.keys.of("rating", "frame", scope, str(begin))

    def frames(self, scope: str) -> str:
        """Name the sorted set of the periods of a scope that have a frame."""
        return self._store.keys.of("rating", "frames", scope)

    @property
    def all(self) -> str:
        """Name the sorted set of all periods of all scopes that have usage."""
        return self._store.keys.of("rating", "periods")

    async def push(self, samples: Iterable[Sample]) -> None:
        """Keep usage, and what it costs by what is given with it, until it is rated again.

        Raises :class:`~odimra.rating.errors.TooMany`. What was kept by then stays: pushed again, it
        is there once.
        """
        by_period: dict[tuple[str, int], list[Sample]] = {}
        for sample in samples:
            within = sample.begin % self._period
            one = sample if sample.within == within else replace(sample, within=within)
            by_period.setdefault((sample.scope, sample.begin - within), []).append(one)
        for (scope, begin), found in by_period.items():
            for start in range(0, len(found), STEP):
                args: list[bytes | int | str] = [begin, scope, self._most]
                for one in found[start : start + STEP]:
                    args += (one.identity, one.usage(), one.rated(one.point.price))
                said = await self._store.script(
                    PUSH,
                    keys=[
                        self.used(scope, begin),
                        self.frame(scope, begin),
                        self.frames(scope),
                        self.all,
                    ],
                    args=args,
                )
                if said == b"limit":
                    many = f"more than {self._most} points in the period from {begin}"
                    raise TooMany(f"scope {scope} has {many}")

    async def forget(self, before: int) -> None:
        """Forget the usage and the frames of periods that begin before a time."""
        while True:
            gone = await self._store.script(
                FORGET, keys=[self.all], args=[self._store.keys.root, before, FORGOTTEN]
            )
            if gone < FORGOTTEN:
                return

    async def fitting(self, scope: str, begins: Sequence[int], most: int) -> int:
        """Return of how many periods, one at least, the points are not more than ``most``."""
        fit: int = await self._store.script(
            FITTING, keys=[self.all], args=[self.used(scope, 0)[:-1], most, *begins]
        )
        return fit

    async def read_used(self, scope: str, begins: Sequence[int]) -> list[Used]:
        """Return the usage of periods."""
        replies = await self._store.script(
            READ, keys=[self.all], args=[self.used(scope, 0)[:-1], SMALL, *begins]
        )
        large = [at for at, reply in enumerate(replies) if isinstance(reply, int)]
        rest = await asyncio.gather(
            *(self._store.call("HGETALL", self.used(scope, begins[at])) for at in large)
        )
        for at, reply in zip(large, rest, strict=True):
            replies[at] = reply
        found: list[Used] = []
        for begin, reply in zip(begins, replies, strict=True):
            kept = _pairs(reply)
            mark = kept.pop(MARK, b"0").decode()
            found.append(Used(scope, begin, mark, kept))
        return found

    async def periods(
        self, scope: str, begin: int, end: int, skip: int = 0, size: int = 1000
    ) -> list[int]:
        """Return when periods with a frame begin, from that of ``begin`` to before ``end``."""
        first = begin - begin % self._period
        found = await self._store.call(
            "ZRANGEBYSCORE", self.frames(scope), first, f"({end}", "LIMIT", skip, size
        )
        return [int(one) for one in found]

    async def read_frames(self, scope: str, begins: Sequence[int]) -> list[list[Sample]]:
        """Return the rated points of periods."""
        replies = await asyncio.gather(
            *(self._store.call("HGETALL", self.frame(scope, begin)) for begin in begins)
        )
        frames = [_pairs(reply) for reply in replies]
        # How many points there are is not to be seen: many of them are one value.
        size = sum(len(value) for frame in frames for value in frame.values()) // LEAST_BYTES
        return await beside(
            size,
            lambda: [
                _samples(scope, begin, frame) for begin, frame in zip(begins, frames, strict=True)
            ],
        )


async def beside(size: int, work: Callable[[], T], at_once: int = AT_ONCE) -> T:
    """Return what ``work`` on ``size`` things returns; on many it does not hold up others."""
    if size <= at_once:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _samples(scope: str, begin: int, kept: dict[bytes, bytes]) -> list[Sample]:
    together = orjson.loads(kept.pop(TOGETHER, b"[[],[],[]]"))
    for known_by, (end, qty, unit, metadata), price in zip(*together, strict=True):
        name = orjson.dumps(known_by, option=orjson.OPT_SORT_KEYS)
        # What was pushed since is in its place.
        if name not in kept:
            kept[name] = orjson.dumps([end, qty, unit, metadata, price])
    return [Sample.load(scope, begin, name, kept[name]) for name in sorted(kept)]


def _pairs(reply: Any) -> dict[bytes, bytes]:
    if isinstance(reply, Mapping):
        return dict(reply)
    return dict(zip(reply[::2], reply[1::2], strict=True))
