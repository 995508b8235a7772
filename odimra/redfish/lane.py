"""The fast lane: a GET that was answered before is answered again with the same bytes.

Only what the cache vouches for: the body is the one that was rendered, while the server has not
said that its source changed; who asks is found in the cache too, or the request takes the ordinary
way.
The ordinary way answers everything; this one must give the same answer or none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from time import time

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from odimra.access import Principal
from odimra.redfish.measuring import route_of
from odimra.redfish.resource import Kept
from odimra.store import ReadCache
from odimra.trail import HEADER

#: Answers kept, at most; the least recently used leaves first.
ANSWERS = 10_000
#: Answers longer than this are not kept twice, in bytes.
LONGEST = 256 * 1024

#: A request with one of these may get another answer.
SHAPING = (
    hdrs.IF_NONE_MATCH,
    hdrs.ORIGIN,
    hdrs.EXPECT,
    hdrs.TRANSFER_ENCODING,
    hdrs.CONTENT_LENGTH,
    "OData-Version",
    HEADER,
)
TOKEN = "X-Auth-Token"  # noqa: S105 - the name of a header
PLAIN_ACCEPT = (None, "*/*", "application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes over the wire, but for the Date, and the route that it is of."""

    kept: Kept
    privileges: frozenset[str]
    head: bytes
    tail: bytes
    route: str


class Again(web.StreamResponse):
    """An answer that was rendered before."""

    def __init__(self, answer: Answer, date: bytes) -> None:
        # Not the parent's: what it sets up is what was set up when the answer was rendered.
        self._answer = answer
        self._date = date
        self._status = 200
        self._keep_alive = True

    @property
    def route(self) -> str:
        """The route that it was rendered for."""
        return self._answer.route

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Write it whole."""
        answer = self._answer
        await request.writer.write(b"".join((answer.head, self._date, answer.tail)))
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


class FastLane:
    """Keeps answers and gives them again."""

    def __init__(self, cache: ReadCache, peek: Callable[[str], Principal | None]) -> None:
        self._cache = cache
        self._peek = peek
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._second = 0
        self._date = b""

    def again(self, request: BaseRequest) -> Again | None:
        """Return the answer to a request if it is kept, and is that of who asks."""
        return self._again(request) if request.method == hdrs.METH_GET else None

    def _again(self, request: BaseRequest) -> Again | None:
        headers = request.headers
        token = headers.get(TOKEN)
        if token is None or request.version != HttpVersion11 or not request.keep_alive:
            return None
        principal = self._peek(token)
        if principal is None:
            return None
        place = (request.raw_path, principal.account)
        answer = self._answers.get(place)
        if answer is None:
            return None
        kept = answer.kept
        if self._cache.peek(kept.key, kept.variant) is not kept.value:
            del self._answers[place]
            return None
        if answer.privileges != principal.privileges or principal.password_change_required:
            return None
        if headers.get(hdrs.ACCEPT) not in PLAIN_ACCEPT:
            return None
        for name in SHAPING:
            if name in headers:
                return None
        self._answers.move_to_end(place)
        return Again(answer, self._now())

    def _now(self) -> bytes:
        second = int(time())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True).encode()
        return self._date

    def learn(
        self, request: web.Request, principal: Principal, kept: Kept, response: web.Response
    ) -> None:
        """Keep an answer that was rendered the ordinary way."""
        body = response.body
        if (
            request.method != hdrs.METH_GET
            or response.status != 200
            or principal.session_id is None
            or not isinstance(body, bytes)
            or len(body) > LONGEST
            or any(name in request.headers for name in SHAPING)
            or self._cache.peek(kept.key, kept.variant) is not kept.value
        ):
            return
        lines = [f"{name}: {value}" for name, value in response.headers.items()]
        if hdrs.CONTENT_LENGTH not in response.headers:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "Date: "]).encode()
        self._answers[(request.raw_path, principal.account)] = Answer(
            kept, principal.privileges, head, b"\r\n\r\n" + body, route_of(request)
        )
        if len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)
