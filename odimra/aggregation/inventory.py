"""The resources of all sources, as one process reads them: kept for a while, asked for once.

What a BMC has said is shown again until it is old, or somebody knows of a change; then the BMC is
asked whether it is as it was. What cannot be read is never shown as if it had been: only that it is
there stays known. Whoever reads many does not wait for those BMCs that do not answer. Used by the
faces; knows the sources and what speaks to BMCs.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from odimra.aggregation import collecting
from odimra.aggregation.bmc import BmcError, Unreachable
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.collecting import Found
from odimra.aggregation.known import Known
from odimra.aggregation.sources import NoSuchSource, Sources
from odimra.aggregation.vault import NotOpened
from odimra.clock import Clock
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

#: What a resource takes beside its text, about, in bytes.
OVERHEAD = 600


class NotInTime(BmcError):
    """A BMC has not answered in the time that there was; it may yet."""


@dataclass(frozen=True, slots=True)
class InventoryOptions:
    """Seconds for which a resource and the list of members are shown again without asking.

    ``patience`` is how many seconds whoever reads many waits for one, ``longest`` how many whoever
    reads but one; ``kept_bytes`` is how much is kept, ``readers`` of how many BMCs the members are
    looked at at a time.
    """

    fresh: float = 5.0
    members_fresh: float = 60.0
    patience: float = 3.0
    longest: float = 30.0
    kept_bytes: int = 64 * 1024 * 1024
    readers: int = 100


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Found
    version: int
    edition: int


class Inventory:
    """The resources of the sources. Use it as an asynchronous context."""

    def __init__(
        self, sources: Sources, bmcs: Bmcs, known: Known, clock: Clock, options: InventoryOptions
    ) -> None:
        self.known = known
        self._sources = sources
        self._bmcs = bmcs
        self._clock = clock
        self._options = options
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0
        self._loading: dict[tuple[str, str, int, int], asyncio.Task[Found]] = {}
        self._looked: dict[str, int] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._readers = asyncio.Semaphore(options.readers)
        self._silent: set[str] = set()

    async def __aenter__(self) -> Inventory:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = [*self._loading.values(), *self._looking.values()]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # One resource

    async def read(self, source_id: str, uri: str, *, among_many: bool = False) -> Found:
        """Return the resource at ``uri`` of a source's BMC.

        ``among_many``: it is read for an answer that shows others too, which do not wait for it.
        Raises :class:`NoSuchSource`, BmcError, :class:`~odimra.aggregation.vault.NotOpened`.
        """
        source = await self._sources.get(source_id)
        if source is None:
            raise NoSuchSource(source_id)
        edition = await self.known.edition(source_id)
        kept = self._kept.get((source_id, uri))
        if kept is not None and (kept.version, kept.edition) == (source.version, edition):
            age = self._clock.now_ms() - kept.found.at
            if age < self._options.fresh * 1000:
                self._kept.move_to_end((source_id, uri))
                return kept.found
        # Who has changed something does not get what was read before.
        slot = (source_id, uri, source.version, edition)
        loading = self._loading.get(slot)
        if loading is None:
            old = kept.found if kept is not None and kept.version == source.version else None
            loading = asyncio.create_task(self._load(slot, old))
            self._loading[slot] = loading
            loading.add_done_callback(lambda done: self._loaded(slot, done))
        patience = self._options.longest
        if among_many:
            # Of one that did not answer the last time it is enough to be asked again, beside.
            patience = 0.0 if source_id in self._silent else self._options.patience
        await asyncio.wait({loading}, timeout=patience)
        if not loading.done():
            self._silent.add(source_id)
            raise NotInTime("it has not answered in time")
        return loading.result()

    async def _load(self, slot: tuple[str, str, int, int], old: Found | None) -> Found:
        source_id, uri, _, _ = slot
        bmc = await self._bmcs.of(source_id)
        try:
            found = await collecting.read(bmc, source_id, uri, self._clock.now_ms(), old)
        except Unreachable:
            self._silent.add(source_id)
            raise
        except BmcError:
            self._silent.discard(source_id)
            raise
        self._silent.discard(source_id)
        return found

    def _loaded(self, slot: tuple[str, str, int, int], done: asyncio.Task[Found]) -> None:
        del self._loading[slot]
        source_id, uri, version, edition = slot
        if done.cancelled() or done.exception() is not None:
            return  # what is kept is old by now, and good for its ETag only
        before = self._kept.get((source_id, uri))
        if before is not None and (before.version, before.edition) > (version, edition):
            return
        self._keep((source_id, uri), _Kept(done.result(), version, edition))

    def _keep(self, place: tuple[str, str], kept: _Kept) -> None:
        self._drop(place)
        self._kept[place] = kept
        self._bytes += len(kept.found.raw) + OVERHEAD
        while self._bytes > self._options.kept_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: tuple[str, str]) -> None:
        kept = self._kept.pop(place, None)
        if kept is not None:
            self._bytes -= len(kept.found.raw) + OVERHEAD

    # What there is

    async def members(self, root: str) -> Sequence[str]:
        """Return where the members of a collection of all BMCs are here, in a lasting order.

        BMCs are asked beside, if it was long ago; only those of which nothing is known yet are
        waited for, a moment.
        """
        ids = await self._sources.ids()
        known = (await self.known.all())[root]
        unknown = self._look_again(ids, known)
        if unknown:
            await asyncio.wait(unknown, timeout=self._options.patience)
            known = (await self.known.all())[root]
        return [uri for one in ids for uri in known.get(one, ())]

    def _look_again(self, ids: Sequence[str], known: Any) -> list[asyncio.Task[None]]:
        """Begin to look at the BMCs that were not looked at for long; return the first looks."""
        now = self._clock.now_ms()
        oldest = now - self._options.members_fresh * 1000
        first = []
        for source_id in ids:
            at = self._looked.get(source_id)
            if at is not None and at > oldest:
                continue
            looking = self._looking.get(source_id)
            if looking is None:
                looking = self._begin(source_id, self._look(source_id))
            if at is None and source_id not in known:
                first.append(looking)
        if len(self._looked) > 2 * len(ids) + 100:
            there = set(ids)
            self._looked = {one: at for one, at in self._looked.items() if one in there}
            self._silent &= there
        return first

    def _begin(self, source_id: str, look: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        looking = self._looking[source_id] = asyncio.create_task(look)
        looking.add_done_callback(lambda _: self._looking.pop(source_id, None))
        return looking

    async def _look(self, source_id: str) -> None:
        try:
            async with self._readers:
                bmc = await self._bmcs.of(source_id)
                members = await collecting.members(bmc)
            self._silent.discard(source_id)
            await self.known.note(source_id, members)
        except NoSuchSource:
            return
        except Unreachable as error:
            self._silent.add(source_id)
            log.info("what the source %s has cannot be seen: %s", source_id, error)
        except (BmcError, NotOpened, StoreUnavailable) as error:
            log.info("what the source %s has cannot be seen: %s", source_id, error)
        finally:
            self._looked[source_id] = self._clock.now_ms()
