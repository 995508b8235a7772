"""Where BMCs post their events: whoever knows the secret of a source is heard.

Outside of the accounts and privileges of this service: a BMC has none. Mounted by
:mod:`odimra.faces`.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import orjson
from aiohttp import web

from odimra.aggregation.listening.ledger import Ledger, TooMany, digest
from odimra.aggregation.listening.listener import OnChanged
from odimra.aggregation.listening.records import Word, entries
from odimra.aggregation.listening.subscribing import RECEIVER
from odimra.aggregation.sources import Sources
from odimra.clock import Clock
from odimra.store import StoreUnavailable
from odimra.wire import BadBody, BodyLimits, BodyTooLong, BodyTooSlow, receive

log = logging.getLogger(__name__)

PATH = f"{RECEIVER}/{{source:[0-9a-f]{{12}}}}/{{secret:[A-Za-z0-9_-]{{1,100}}}}"


class Receiver:
    """The endpoint."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Sources,
        clock: Clock,
        *,
        word: Word,
        on_changed: OnChanged,
        limits: BodyLimits,
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._clock = clock
        self._word = word
        self._on_changed = on_changed
        self._limits = limits

    def mount(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.router.add_post(PATH, self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        """Take what a BMC posts."""
        source_id, secret = request.match_info["source"], request.match_info["secret"]
        try:
            return web.Response(status=await self._receive(request, source_id, secret))
        except TooMany:
            log.warning("source %s tells more than it may: it has to wait", source_id)
            return web.Response(status=429, headers={"Retry-After": "60"})
        except StoreUnavailable as error:
            # It is not told by anybody else: the BMC has to send it again.
            return web.Response(status=503, headers={"Retry-After": str(round(error.retry_after))})

    async def _receive(self, request: web.Request, source_id: str, secret: str) -> int:
        context = await self._ledger.admits(source_id, secret)
        source = await self._sources.get(source_id)
        # Before anything is read: who does not know the secret makes no work.
        if context is None or source is None:
            return 404
        try:
            posted = _parsed(await receive(request, self._limits))
        except BodyTooLong:
            return 413
        except BodyTooSlow:
            return 408
        except (BadBody, ValueError, RecursionError):
            log.info("source %s: it has posted what is no JSON", source_id)
            return 400
        given = posted.get("Context") if isinstance(posted, dict) else None
        if isinstance(given, str) and given and digest(given) != context:
            return 404
        try:
            found = list(entries(source, posted, self._clock.now_ms(), self._word))
        except RecursionError:
            return 400
        # First: who hears of a change reads what is so now.
        for path in {one.path for one in found if one.path}:
            await self._on_changed(source_id, path)
        if found and await self._ledger.tell(source_id, secret, found) is None:
            return 404
        return 204


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # BMCs write NaN, control characters and a mark of the byte order.
        return json.loads(raw.decode("utf-8-sig", "replace"), strict=False, parse_constant=str)
