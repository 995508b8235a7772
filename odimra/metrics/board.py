"""What all processes measure, in one place: each puts its own into the store now and then.

So whichever API process is asked can tell of all of them, on every host: workers and those that
deliver events serve nothing themselves. Called by the root and by :mod:`.frame`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from odimra import measures
from odimra.store import Script, Store, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

PUBLISH = Script.from_package("odimra.metrics", "lua/publish.lua")
ALIVE = Script.from_package("odimra.metrics", "lua/alive.lua")

#: Seconds for which it is known what a process has told that tells nothing more.
KEPT = 60
#: Processes of which one asks, at most.
MOST = 1_000

#: A family as it is put into the store: name, type, text, and samples.
Stored = list[Any]


@dataclass(frozen=True, slots=True)
class Alive:
    """A process that has told something lately: its name and role, and how long ago, in ms."""

    name: str
    ago_ms: int

    @property
    def role(self) -> str:
        """What it does: api, worker, events."""
        return self.name.partition("@")[0].rpartition("-")[0]


def this_process() -> str:
    """Name this process among all on the store: what it is, its host, whose child it is."""
    return f"{measures.process}@{socket.gethostname()}/{os.getppid()}"


class Board:
    """What the processes of a store have measured."""

    def __init__(self, store: Store, *, name: str | None = None) -> None:
        self._store = store
        self.name = name or this_process()
        self._index = store.keys.of("metrics", "processes")

    def _key(self, name: str) -> str:
        return self._store.keys.of("metrics", "of", name)

    async def run(self, every: float) -> None:
        """Publish every so many seconds until cancelled; then nothing is known of this process."""
        watching = asyncio.create_task(measures.watch_loop(), name="metrics-loop")
        try:
            while True:
                try:
                    await self.publish()
                except StoreUnavailable:
                    log.debug("metrics wait for the store")
                except StoreError:
                    log.exception("metrics could not be published")
                await asyncio.sleep(every)
        finally:
            watching.cancel()
            with contextlib.suppress(StoreError, StoreUnavailable):
                await self.withdraw()

    async def publish(self) -> None:
        """Put what this process has measured into the store."""
        told = orjson.dumps(stored(self.own()))
        await self._store.script(
            PUBLISH,
            keys=[self._key(self.name), self._index],
            args=[self.name, told, KEPT],
            changes=(),
        )

    async def withdraw(self) -> None:
        """Have it that nothing is known of this process."""
        await asyncio.gather(
            self._store.call("ZREM", self._index, self.name),
            self._store.call("DEL", self._key(self.name)),
        )

    async def alive(self, within_ms: int) -> list[Alive]:
        """Return the processes that have told something within so many milliseconds."""
        found = await self._store.script(ALIVE, keys=[self._index], args=[MOST], changes=())
        pairs = zip(found[::2], found[1::2], strict=True)
        every = [Alive(name.decode(), int(ago)) for name, ago in pairs]
        return [one for one in every if one.ago_ms <= within_ms]

    def own(self) -> list[Metric]:
        """Return what this process has measured."""
        cache = self._store.cache
        hits = CounterMetricFamily(
            "odimra_cache_hits", "Reads that this process answered from its cache"
        )
        misses = CounterMetricFamily("odimra_cache_misses", "Reads that had to ask the store")
        hits.add_metric([], cache.hits)
        misses.add_metric([], cache.misses)
        return [*measures.REGISTRY.collect(), hits, misses]

    async def all(self) -> list[Metric]:
        """Return what all processes have measured, each sample with the process that did."""
        names = [one.name for one in await self.alive(KEPT * 1000) if one.name != self.name]
        kept = await asyncio.gather(*(self._store.call("GET", self._key(one)) for one in names))
        # What others told is a little old; of this process it is what is so now.
        told = {name: text for name, text in zip(names, kept, strict=True) if text is not None}
        return await asyncio.to_thread(merged, {self.name: stored(self.own())}, told)

    def alone(self) -> list[Metric]:
        """Return what this process has measured, as :meth:`all` does."""
        return merged({self.name: stored(self.own())}, {})


def stored(families: Iterable[Metric]) -> list[Stored]:
    """Return families as they are put into the store; those without samples are left out."""
    return [
        [
            one.name,
            one.type,
            one.documentation,
            [
                [sample.name, sample.labels, sample.value]
                for sample in one.samples
                # When a series began: nobody asks, and it is a line for each.
                if not sample.name.endswith("_created")
            ],
        ]
        for one in families
        if one.samples
    ]


def merged(own: dict[str, list[Stored]], told: dict[str, bytes]) -> list[Metric]:
    """Return the families of several processes as one each, samples labelled by process."""
    families: dict[str, Metric] = {}
    every = {**own, **{name: orjson.loads(text) for name, text in told.items()}}
    for name, found in every.items():
        process, _, place = name.partition("@")
        host, _, supervisor = place.rpartition("/")
        whose = {"process": process, "host": host, "supervisor": supervisor}
        for family, kind, text, samples in found:
            one = families.get(family)
            if one is None:
                one = families[family] = Metric(family, text, kind)
            for sample, labels, value in samples:
                one.add_sample(sample, {**labels, **whose}, value)
    return list(families.values())
