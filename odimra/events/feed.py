"""The server-sent events of one API process: one tail of the stream, spread over its connections.

The stream is read once for all, each event is rendered once, and readers that are to get the same
share the bytes. Who joins late is served page by page from the store until it has caught up.
Called by the face; knows the store and never HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from odimra.clock import Clock
from odimra.events.errors import EventsDisabled, FeedStopping, SubscriptionMissing
from odimra.events.filters import concerns
from odimra.events.model import Subscription
from odimra.events.reader import Message, Reader, message, messages
from odimra.events.settings import EventServiceSettings
from odimra.events.streams import NewStream, Place, Streams, id_of
from odimra.events.telling import Teller, Told
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

#: Entries times different filters that are gone through in one turn of the event loop, about, and
#: entries that are read at once all the same.
WORK = 20_000
FEWEST = 20
#: Streams of dead processes that are removed in one step.
REAPED = 200

#: What an account may hear of: all, only what is its own and everybody's, or (None) nothing.
Sight = Callable[[str], Awaitable[bool | None]]


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """Times in seconds.

    ``poll``: how often the stream's end is looked at; ``batch`` entries are read at once, or
    ``page`` for who catches up; ``keep_alive``: a comment is sent after so long without an event;
    ``check``: how often accounts are looked at; ``patience``: how long who catches up may
    take for a page; ``bound`` bytes may wait for a slow reader.
    """

    poll: float = 0.02
    batch: int = 500
    page: int = 200
    keep_alive: float = 15.0
    check: float = 1.0
    patience: float = 30.0
    bound: int = 1024 * 1024


class Feed:
    """The streams of one process."""

    def __init__(
        self,
        streams: Streams,
        settings: EventServiceSettings,
        clock: Clock,
        options: FeedOptions,
        teller: Teller,
        *,
        sight: Sight,
    ) -> None:
        """``sight`` tells what an account may hear of."""
        self.options = options
        self.streams = streams
        self._settings = settings
        self._clock = clock
        self._teller = teller
        self._wording = teller.wording
        self._sight = sight
        self._hub = uuid.uuid4().hex
        #: All that are open, and of them those that the tail serves.
        self._readers: dict[str, Reader] = {}
        self._live: dict[str, Reader] = {}
        #: Where the tail is; None while there is nobody to serve.
        self._cursor: Place | None = None
        self._groups = 1
        self._busy = asyncio.Event()
        self._stopping = False
        #: Streams that have ended while the store was away.
        self._leaving: set[str] = set()
        self._renewed = 0
        self._reap_after = 0
        self._loops: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._readers)

    # Its life

    async def start(self) -> None:
        """Begin to serve, and to remove what dead processes have left."""
        self._loops = [
            asyncio.create_task(self._for_ever(self._tail), name="feed-tail"),
            asyncio.create_task(self._for_ever(self._keep), name="feed-keep"),
        ]

    async def stop(self) -> None:
        """End all streams; those who serve them then remove their EventDestinations."""
        self._stopping = True
        for reader in list(self._readers.values()):
            reader.finish()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _for_ever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except StoreUnavailable as error:
                # Who was away for long must not take others for dead before they were heard.
                self._reap_after = self._clock.now_ms() + self._lease
                await self._clock.sleep(error.retry_after)
            except Exception:
                # One step that broke must not leave a thousand connections silent.
                log.exception("the server-sent events stumbled")
                await self._clock.sleep(self.options.check)

    # One stream

    async def open(self, new: NewStream) -> tuple[Subscription, Place]:
        """Create the EventDestination of a stream; return it and the place where it begins.

        Raises :class:`EventsDisabled`, :class:`FeedStopping`,
        :class:`~odimra.events.SubscriptionLimitReached`.
        """
        if self._stopping:
            raise FeedStopping
        if not (await self._settings.read()).enabled:
            raise EventsDisabled
        return await self.streams.open(new, self._hub)

    async def serve(self, reader: Reader, drain: Callable[[], Awaitable[None]]) -> None:
        """Tell a reader of events until it ends; ``drain`` waits until it has read enough."""
        self._readers[reader.id] = reader
        reader.wrote = self._clock.now_ms()
        try:
            if self._stopping:
                reader.finish()
            while not reader.ended.is_set():
                try:
                    await self._catch_up(reader, drain)
                    break
                except StoreUnavailable as error:
                    await self._clock.sleep(error.retry_after)
            await reader.ended.wait()
        finally:
            reader.finish()
            self._readers.pop(reader.id, None)
            self._live.pop(reader.id, None)

    async def leave(self, record: Subscription) -> None:
        """Remove the EventDestination of a stream that has ended."""
        try:
            await self.streams.close(record.id, self._hub)
        except SubscriptionMissing:
            pass  # which is why it ended
        except StoreUnavailable:
            self._leaving.add(record.id)

    async def _catch_up(self, reader: Reader, drain: Callable[[], Awaitable[None]]) -> None:
        """Tell of what was before, in pages, until the tail can take over without a gap."""
        if self._cursor is None:
            self._cursor = reader.born
            self._busy.set()
        await self._look([reader])
        if reader.resume is not None and reader.resume > reader.born:
            # Of a history that is not this one: nothing is known of what is between.
            self._tell_gap(reader)
        elif reader.resume is not None:
            reader.cursor = reader.resume
        reader.resume = None
        reader.comment("open", self._clock.now_ms())
        while not reader.ended.is_set():
            # From here to the live readers nothing waits: no event can slip through between.
            if reader.cursor >= self._cursor:
                self._live[reader.id] = reader
                return
            page = await self.streams.read(reader.cursor, self.options.page)
            await self._look([reader])
            if page.gap:
                self._tell_gap(reader)
            told = [self._teller(entry) for entry in page.entries]
            if self._send(reader, self._messages(told, reader)):
                await self._patiently(reader, drain)
            reader.cursor = told[-1].at if told else max(page.start, self._cursor)
            self._end_removed(told)

    async def _patiently(self, reader: Reader, drain: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self.options.patience):
                await drain()
        except TimeoutError:
            self._drop(reader)
        except ConnectionError:
            reader.lost()

    # The tail

    async def _tail(self) -> None:
        if not self._readers:
            self._cursor = None
            self._busy.clear()
            await self._busy.wait()
        if not await self._advance():
            await self._clock.sleep(self.options.poll)

    async def _advance(self) -> bool:
        """Tell all live readers of what is new; False when that is not much."""
        cursor = self._cursor
        if cursor is None:
            return False
        # Many different filters take long: less at once lets others have their turn between.
        most = min(self.options.batch, max(FEWEST, WORK // self._groups))
        page = await self.streams.read(cursor, most)
        if not page.entries and not page.gap:
            return False
        await self._look(self._readers.values())
        if page.gap:
            await self._verify()
        told = [self._teller(entry) for entry in page.entries]
        # From here on nothing waits, so that who joins finds either all of this told or nothing.
        shared: dict[tuple[object, ...], list[Message]] = {}
        for reader in list(self._live.values()):
            ahead = reader.cursor > cursor
            if page.gap and not ahead:
                self._tell_gap(reader)
                reader.cursor = min(reader.cursor, page.start)
            key = (
                reader.filter_key,
                "" if reader.sees_all else reader.owner,
                reader.sees_all,
                reader.cursor if ahead else None,
            )
            if key not in shared:
                shared[key] = self._messages(told, reader)
            if self._send(reader, shared[key]) and told:
                reader.cursor = max(reader.cursor, told[-1].at)
        self._cursor = told[-1].at if told else page.start
        self._end_removed(told)
        self._groups = max(1, len(shared))
        return len(page.entries) == most

    def _messages(self, told: Iterable[Told], reader: Reader) -> list[Message]:
        """Return what a reader, and all like it, are told of entries."""
        return messages(
            (
                (one.id, one.event)
                for one in told
                if one.at > reader.cursor
                and one.event is not None
                and concerns(one.event, reader.owner, reader.sees_all)
                and (reader.wanted is None or reader.wanted(one.event))
            ),
            self.options.batch,
        )

    def _send(self, reader: Reader, found: Iterable[Message]) -> bool:
        if reader.send(found, self._clock.now_ms()):
            return True
        self._drop(reader)
        return False

    def _tell_gap(self, reader: Reader) -> None:
        """Tell that some may be lost, whatever the filter: who follows all must know."""
        where = id_of(reader.cursor)
        lost = self._wording.gap(where, self._clock.now_ms())
        self._send(reader, [message([lost.at(0)], f"{where}.lost")])

    def _end_removed(self, told: Iterable[Told]) -> None:
        for one in told:
            if one.removed and (reader := self._readers.get(one.removed)) is not None:
                self._terminate(reader)

    def _terminate(self, reader: Reader) -> None:
        now = self._clock.now_ms()
        reader.finish(self._wording.terminated(id_of(reader.cursor), now))

    def _drop(self, reader: Reader) -> None:
        """End a reader that is too slow; it can come back and go on where it was."""
        if reader.ended.is_set():
            return
        log.info("stream %s: ended, its reader is too slow", reader.id)
        now, where = self._clock.now_ms(), id_of(reader.cursor)
        reader.finish(self._wording.gap(where, now), self._wording.terminated(where, now))

    # What has to be looked at

    async def _look(self, readers: Iterable[Reader]) -> None:
        """Find out anew who may hear of what; end the streams of those who may not."""
        readers = list(readers)
        enabled = (await self._settings.read()).enabled
        sights = {owner: await self._sight(owner) for owner in {one.owner for one in readers}}
        for reader in readers:
            sight = sights[reader.owner]
            if sight is None or not enabled:
                self._terminate(reader)
            else:
                reader.sees_all = sight

    async def _verify(self) -> None:
        """End what was removed while nobody could hear of it."""
        readers = list(self._readers.values())  # not who comes while the store answers
        there = await self.streams.of(self._hub)
        for reader in readers:
            if reader.id not in there:
                self._terminate(reader)

    @property
    def _lease(self) -> int:
        return round(self.streams.options.lease * 1000)

    async def _keep(self) -> None:
        """Keep the streams that are open, remove those that dead processes have left."""
        now = self._clock.now_ms()
        for reader in list(self._live.values()):
            quiet = now - reader.wrote
            if quiet >= self.options.keep_alive * 1000 and not reader.comment("keep-alive", now):
                self._drop(reader)
        await self._look(self._readers.values())
        for stream_id in list(self._leaving):
            await self._remove(stream_id)
        if now - self._renewed >= self._lease / 3:
            if self._readers and not await self.streams.renew(self._hub):
                await self._verify()
            if now >= self._reap_after:
                await self._reap()
            self._renewed = now
        await self._clock.sleep(min(self.options.check, self.options.keep_alive / 3))

    async def _reap(self) -> None:
        removed = REAPED
        while removed == REAPED:
            removed = await self.streams.reap(REAPED)
            if removed:
                log.info("removed %d streams whose process has died", removed)

    async def _remove(self, stream_id: str) -> None:
        try:
            await self.streams.close(stream_id, self._hub)
        except SubscriptionMissing:
            log.debug("stream %s was removed already", stream_id)
        self._leaving.discard(stream_id)
