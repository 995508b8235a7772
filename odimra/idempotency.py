"""``Idempotency-Key`` over HTTP: a POST that starts something can be sent again (IETF draft -07).

The first answer is given again, marked ``Idempotent-Replayed: true``; the same key with another
request is refused; a request that is refused does not use its key up, nor does one that starts
nothing. A key is of one account. Faces call :func:`begin` when they know who asks and that they
may, and let :class:`Replay` through; the rest is done around them.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from odimra.store import StoreUnavailable
from odimra.tasks.retries import ASKED, Answers, Retry
from odimra.wire import BodyLimits, receive

log = logging.getLogger(__name__)

KEY = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255
#: Headers of an answer that are given again with it.
KEPT = (hdrs.CONTENT_TYPE, hdrs.LOCATION, hdrs.RETRY_AFTER, hdrs.ETAG, hdrs.LINK, "OData-Version")

_BEGIN = "odimra.retries.begin"


class BadRetryKey(Exception):
    """The header cannot be used."""


class Replay(Exception):
    """The request was answered before; ``answer`` is what was said."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__()
        self.answer = answer


Begin = Callable[[str, BodyLimits], Awaitable[None]]


async def begin(request: web.Request, account: str, limits: BodyLimits) -> None:
    """See whether ``account`` has made this request before.

    Raises :class:`Replay`, :class:`BadRetryKey`,
    :class:`~odimra.tasks.retries.RetryKeyTaken`, and what :func:`~odimra.wire.receive` raises.
    """
    known: Begin | None = request.get(_BEGIN)
    if known is not None:
        await known(account, limits)


class Idempotency:
    """What is done around the faces."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep the answer of a request that has a key and has started something."""
        if request.method != "POST" or KEY not in request.headers:
            return await handler(request)
        retry: Retry | None = None

        async def known(account: str, limits: BodyLimits) -> None:
            nonlocal retry
            retry = await self._asked(request, account, limits)
            answer = await self._answers.find(retry)
            if answer is not None:
                raise Replay(_loaded(answer))
            ASKED.set(retry)

        request[_BEGIN] = known
        try:
            response = await handler(request)
        finally:
            # Requests of one connection share their context.
            ASKED.set(None)
        if retry is not None and retry.began:
            if retry.replayed and not response.prepared:
                response.headers[REPLAYED] = "true"
            if response.status < 500 and isinstance(response, web.Response):
                await self._keep(retry, response)
        return response

    async def _keep(self, retry: Retry, response: web.Response) -> None:
        try:
            await self._answers.keep(retry, _stored(response))
        except StoreUnavailable as error:
            # What was begun is known by its key, and will be answered anew.
            log.warning("an answer was not kept for a retry: %s", error)

    async def _asked(self, request: web.Request, account: str, limits: BodyLimits) -> Retry:
        keys = request.headers.getall(KEY)
        key = keys[0].strip()
        if len(keys) > 1 or not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            raise BadRetryKey(f"{KEY}: has to be one text of at most {LONGEST_KEY} characters.")
        raw = await receive(request, limits)
        kind = request.headers.get(hdrs.CONTENT_TYPE, "")
        return Retry(
            # Nobody reads in the store what others have asked for.
            _digest(account.encode(), key.encode()),
            _digest(request.raw_path.encode(), kind.encode(), raw),
            self._answers.options,
        )


def _digest(*parts: bytes) -> str:
    """Return a digest of parts, each with its length: ("ab", "c") is not ("a", "bc")."""
    made = hashlib.sha256()
    for part in parts:
        made.update(f"{len(part)}:".encode() + part)
    return made.hexdigest()


def _stored(response: web.Response) -> bytes:
    body = response.body if isinstance(response.body, bytes | bytearray) else b""
    headers = {str(name): response.headers[name] for name in KEPT if name in response.headers}
    return orjson.dumps([response.status, headers, base64.b64encode(body).decode()])


def _loaded(stored: bytes) -> web.Response:
    status, headers, body = orjson.loads(stored)
    content = base64.b64decode(body) or None
    return web.Response(status=status, headers={**headers, REPLAYED: "true"}, body=content)
