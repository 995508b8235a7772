"""Listens to one BMC: by its events where it takes a subscription, else by looking at it.

Runs in whichever process holds the source; all that it knows is in the ledger, so that another can
go on. Called by :mod:`.listening`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from odimra.aggregation.addresses import local
from odimra.aggregation.bmc import BadAnswer, Bmc, BmcError, Refused
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.listening import subscribing
from odimra.aggregation.listening.ledger import BASE, Entry, HoldingLost, Ledger, Noted
from odimra.aggregation.listening.records import Word, seen_change
from odimra.aggregation.listening.subscribing import NoEvents, Secret
from odimra.aggregation.listening.watching import Seen, changes, look
from odimra.aggregation.sources import NoSuchSource, Source, Sources
from odimra.aggregation.vault import NotOpened
from odimra.clock import Clock
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

#: Told of what has changed: the source, and the path at the BMC.
OnChanged = Callable[[str, str], Awaitable[None]]
#: How long an event may take that tells of what is seen already, in seconds.
GRACE = 5.0
#: Seconds in which a BMC that has said goodbye must have answered.
FAREWELL = 10.0


@dataclass(frozen=True, slots=True)
class ListeningOptions:
    """``address`` is where BMCs reach this service, empty if they do not; else seconds.

    ``verify``: BMCs judge the certificate of this service. ``poll``: how often a BMC is looked at
    that sends no events, ``check``: one that does; ``refused``: how long one that takes no
    subscription is not asked again; ``lease``: after so long another process takes over from a
    dead one; ``scan``: how often sources without a holder are looked for, of which ``share`` are
    taken at once. ``at_a_time`` BMCs are asked.
    """

    address: str = ""
    verify: bool = True
    poll: float = 60.0
    check: float = 300.0
    refused: float = 3600.0
    lease: float = 15.0
    scan: float = 2.0
    share: int = 250
    at_a_time: int = 64


@dataclass(frozen=True, slots=True)
class Rooms:
    """What all listeners of a process share; ``token`` is that of its leases."""

    ledger: Ledger
    sources: Sources
    bmcs: Bmcs
    clock: Clock
    options: ListeningOptions
    word: Word
    on_changed: OnChanged
    token: str
    turns: asyncio.Semaphore


class Listener:
    """The listening to one source."""

    def __init__(self, rooms: Rooms, source_id: str) -> None:
        self.id = source_id
        self._rooms = rooms
        self._ledger = rooms.ledger
        self._now = rooms.clock.now_ms
        self._bmc: Bmc | None = None
        self._wake = asyncio.Event()
        self._said = ""

    def wake(self) -> None:
        """Look again now."""
        self._wake.set()

    async def run(self) -> bool:
        """Listen for as long as there is the source; return whether all of it is to be forgotten.

        Raises :class:`HoldingLost`.
        """
        while True:
            try:
                async with self._rooms.turns:
                    wait = await self._turn()
            except NoSuchSource:
                await self._farewell(await self._ledger.read(self.id))
                return True
            except StoreUnavailable as error:
                wait = error.retry_after
            except (BmcError, NotOpened) as error:
                self._say("cannot be listened to: %s", error)
                wait = self._rooms.options.poll
            except (HoldingLost, asyncio.CancelledError):
                raise
            except Exception:
                # What one BMC answers must not end the listening to it.
                log.exception("source %s: listening stumbled", self.id)
                wait = self._rooms.options.poll
            # Not all of a thousand at the same time.
            await self._rest(wait * random.uniform(0.9, 1.1))  # noqa: S311

    async def _rest(self, seconds: float) -> None:
        resting = asyncio.ensure_future(self._rooms.clock.sleep(seconds))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((resting, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            resting.cancel()
            waking.cancel()
            self._wake.clear()

    async def _turn(self) -> float:
        """Do what is due; return the seconds until something is due again."""
        source = await self._rooms.sources.get(self.id)
        if source is None:
            raise NoSuchSource(self.id)
        noted = await self._ledger.read(self.id)
        if noted.base not in ("", source.base):
            await self._farewell(noted)  # to the BMC that was there before
        bmc = self._bmc = await self._rooms.bmcs.of(self.id)
        if noted.base != source.base:
            await self._note(
                base=source.base,
                unset=("uri", "secret", "context", "destination", "refused", "looked"),
            )
            noted = await self._ledger.read(self.id)
        before = noted.secret
        subscribed = await self._subscribed(bmc, noted)
        # What was between a subscription that had gone and its successor nobody has told.
        tells = subscribed and before == (await self._ledger.read(self.id)).secret
        await self._look(source, bmc, tells=tells)
        options = self._rooms.options
        return options.check if subscribed else options.poll

    async def _note(self, *, unset: tuple[str, ...] = (), **values: str | int) -> None:
        await self._ledger.note(self._rooms.token, self.id, unset=unset, **values)

    # By events

    async def _subscribed(self, bmc: Bmc, noted: Noted) -> bool:
        """Tell whether the BMC sends its events, after it was asked to if it can."""
        address = self._rooms.options.address
        if noted.uri and noted.destination != address:
            # This service has moved, or is not to be reached any more.
            await subscribing.unsubscribe(bmc, noted.uri)
            await self._note(uri="", secret="", context="", destination="")
        elif noted.uri and await subscribing.judge(bmc, noted.uri, noted.secret):
            return True
        if not address:
            self._say("is looked at: nobody said where BMCs reach this service")
            return False
        if noted.refused > self._now():
            return False
        try:
            uri = await self._subscribe(bmc, noted, address)
        except NoEvents as error:
            self._say("is looked at: %s", error)
            again = self._now() + round(self._rooms.options.refused * 1000)
            await self._note(uri="", refused=again)
            return False
        except (Refused, BadAnswer) as error:
            self._say("is looked at: its EventService fails: %s", error)
            return False
        if uri:
            self._say("sends its events")
        return bool(uri)

    async def _subscribe(self, bmc: Bmc, noted: Noted, address: str) -> str:
        at = await subscribing.desk(bmc)
        await self._ledger.add_registries(at.registries)
        found = await self._found(bmc, at, noted.secret, address)
        if found:
            # By somebody who did not live, or did not hear, to note where it is.
            await self._note(uri=found, destination=address)
            return found
        secret = Secret.new(address, self.id)
        # First: the BMC may have something to tell before it answers.
        given, context = secret.noted()
        await self._note(uri="", destination=address, secret=given, context=context)
        uri = await subscribing.subscribe(bmc, at, secret, verify=self._rooms.options.verify)
        if not uri:
            uri = await self._found(bmc, at, given, address)
        await self._note(uri=uri)
        return uri

    async def _found(self, bmc: Bmc, at: subscribing.Desk, secret: str, address: str) -> str:
        """Return where the subscription with a secret is; remove what is left of earlier ones."""
        here = ""
        known = frozenset(await self._rooms.sources.ids())
        async for one in subscribing.ours(bmc, at, address):
            if one.source_id == self.id and one.secret == secret and one.enabled and not here:
                here = one.uri
            elif one.source_id == self.id or one.source_id not in known:
                await subscribing.unsubscribe(bmc, one.uri)
        return here

    async def _farewell(self, noted: Noted) -> None:
        """End the subscription at a BMC that is none of a source any more, if that can be done."""
        bmc = self._bmc
        if bmc is None or not noted.uri:
            return
        try:
            async with asyncio.timeout(FAREWELL):
                await subscribing.unsubscribe(bmc, noted.uri)
                await bmc.close()
        except (BmcError, TimeoutError) as error:
            # It posts to nobody, then, until it gives up or is told to.
            log.info("source %s: its subscription could not be ended: %s", self.id, error)

    # By looking

    async def _look(self, source: Source, bmc: Bmc, *, tells: bool) -> None:
        """Look at the BMC; tell what has changed, but where it ``tells`` that itself."""
        stored = await self._ledger.seen(self.id)
        first = stored.pop(BASE, None) != source.base
        known = {} if first else {path: Seen.load(one) for path, one in stored.items()}
        noted = await self._ledger.read(self.id)
        after = await look(bmc, known)
        found = [] if first else list(changes(known, after, _names(self.id, after)))
        told = found
        if tells and found and await self._tells_itself(noted):
            told = []
        for path in {one.path for one in found}:
            await self._rooms.on_changed(self.id, path)
        now = self._now()
        entries = [
            seen_change(source, one.path, one.key, one.args, one.severity, now, self._rooms.word)
            for one in told
        ]
        await self._write(source, stored, known, after, entries)
        # What has come since then may be of something that was not seen yet.
        await self._note(looked=noted.heard)

    async def _tells_itself(self, noted: Noted) -> bool:
        """Tell whether the BMC has sent anything since it was looked at last."""
        if noted.heard != noted.looked:
            return True
        await self._rooms.clock.sleep(GRACE)
        if (await self._ledger.read(self.id)).heard != noted.looked:
            return True
        self._say("has changed and sent no event of it")
        return False

    async def _write(
        self,
        source: Source,
        stored: dict[str, str],
        known: dict[str, Seen],
        after: dict[str, Seen],
        entries: list[Entry],
    ) -> None:
        seen = {path: one.stored() for path, one in after.items() if known.get(path) != one}
        gone = [path for path in stored if path not in after]
        if known == {} or seen or gone:
            seen[BASE] = source.base
            await self._ledger.watched(self._rooms.token, self.id, seen, gone, entries)

    def _say(self, text: str, *args: object) -> None:
        said = text % args
        if said != self._said:
            self._said = said
            log.info("source %s %s", self.id, said)


def _names(source_id: str, paths: dict[str, Seen]) -> dict[str, str]:
    return {path: local(source_id, path) or path for path in paths}
