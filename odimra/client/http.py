"""Requests to a service: with who asks, and again where that does no harm.

A request is sent again when nobody has answered and it can be done twice: a GET, a DELETE, a POST
with an ``Idempotency-Key`` that its resource knows, and anything that did not reach the service.
After a 503 it waits as long as ``Retry-After`` says.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from odimra.client import answers, trust
from odimra.client.answers import Answer
from odimra.client.errors import AnswerLost, NotLoggedIn, NotReachable, ServiceFailed
from odimra.client.login import Login
from odimra.client.profiles import Profile

#: Of one request, in seconds: a synchronous bulk script takes as long as it takes.
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
#: The waits between attempts, in seconds: the last one from then on.
BACKOFF = (0.1, 0.3, 1.0, 2.0)
#: Longer than this is not waited at once, whatever ``Retry-After`` says, in seconds.
LONGEST_WAIT = 30.0
AGENT = "odimra-cli"

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a request is tried for, in seconds, and who is told meanwhile."""

    seconds: float
    tell: Told


class Api:
    """A service, asked by one account."""

    def __init__(
        self, profile: Profile, login: Login, client: aiohttp.ClientSession, waiting: Waiting
    ) -> None:
        self.profile = profile
        self.login = login
        self.waiting = waiting
        self._client = client

    async def get(self, path: str, **more: Any) -> Answer:
        """Read."""
        return await self.ask("GET", path, **more)

    async def read(self, path: str, **more: Any) -> dict[str, Any]:
        """Read a JSON object."""
        return (await self.ask("GET", path, **more)).document

    async def delete(self, path: str, **more: Any) -> Answer:
        """Remove; what is gone when it is asked once more was removed by that."""
        return await self.ask("DELETE", path, **more)

    async def post(self, path: str, body: Any, *, starts: bool = False, **more: Any) -> Answer:
        """Send ``body``; ``starts``: a task, so that an ``Idempotency-Key`` makes it repeatable."""
        headers = dict(more.pop("headers", {}))
        if starts:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        repeatable = starts or bool(more.pop("repeatable", False))
        return await self.ask(
            "POST", path, json=body, headers=headers, repeatable=repeatable, **more
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool | None = None,
        fine: tuple[int, ...] = (),
        seconds: float | None = ANSWER_SECONDS,
        waiting: Waiting | None = None,
        **more: Any,
    ) -> Answer:
        """Return the answer; statuses in ``fine`` are none of an error.

        ``seconds`` is how long one answer may take, None for ever. Raises what the answer means.
        """
        again = method in ("GET", "HEAD", "DELETE") if repeatable is None else repeatable
        tries = _Tries(waiting or self.waiting)
        proofs = 0
        while True:
            proof = await self.login.proof(self)
            headers = {**more.get("headers", {}), **proof}
            try:
                answer = await self._send(method, path, seconds, {**more, "headers": headers})
            except NotReachable as error:
                if isinstance(error, AnswerLost) and not again:
                    raise
                await tries.wait(error)
                continue
            if answer.status == 401 and proofs == 0:
                proofs += 1
                await self.login.refused(self, proof)
                continue
            if answer.status == 503:
                busy = answers.failure(answer, self._about(method, path))
                await tries.wait(busy, answer.headers.get("Retry-After"))
                continue
            if method == "DELETE" and answer.status == 404 and (tries.lost or answer.again):
                return answer
            if answer.status >= 400 and answer.status not in fine:
                if answer.status == 401:
                    raise self.login.ended()
                raise answers.failure(answer, self._about(method, path))
            return answer

    def _about(self, method: str, path: str) -> str:
        """Return how an error begins: a read tells enough with its path."""
        plain = path.partition("?")[0]
        return plain if method == "GET" else f"{method} {plain}"

    async def open(self, path: str) -> Answer:
        """Read by nobody, and wait for the service as long as any request does."""
        tries = _Tries(self.waiting)
        while True:
            try:
                return await self.plain("GET", path)
            except NotReachable as error:
                await tries.wait(error)

    async def plain(self, method: str, path: str, **more: Any) -> Answer:
        """Send once, by nobody: what a login is made of."""
        return await self._send(method, path, ANSWER_SECONDS, more)

    async def _send(
        self, method: str, path: str, seconds: float | None, more: dict[str, Any]
    ) -> Answer:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        sent: list[str] = []
        async with (
            self._translated(method, path),
            self._client.request(
                method,
                self.profile.url + path,
                timeout=timeout,
                allow_redirects=False,
                trace_request_ctx=sent,
                **more,
            ) as response,
        ):
            raw = await response.read()
            return Answer(response.status, response.headers, raw, again=len(sent) > 1)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a response that does not end; ``silence`` in seconds is the end of it."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        for attempt in range(2):
            proof = await self.login.proof(self)
            async with (
                self._translated("GET", path),
                self._client.get(
                    self.profile.url + path,
                    timeout=timeout,
                    headers={**headers, **proof},
                    # A proof is sent to nobody else.
                    allow_redirects=False,
                ) as response,
            ):
                if response.status == 401 and attempt == 0:
                    await self.login.refused(self, proof)
                    continue
                if response.status >= 400:
                    answer = Answer(response.status, response.headers, await response.read())
                    if answer.status == 401:
                        raise self.login.ended()
                    raise answers.failure(answer, path.partition("?")[0])
                if response.status != 200:
                    raise ServiceFailed(f"{path} is no stream: HTTP status {response.status}")
                yield response
                return

    @asynccontextmanager
    async def _translated(self, method: str, path: str) -> AsyncIterator[None]:
        """Turn aiohttp's errors into what a person understands."""
        url = self.profile.url
        if not path.startswith("/"):
            # Put behind a host it would name another one.
            raise ServiceFailed(f"{path} is no path of a service")
        try:
            yield
        except aiohttp.ServerFingerprintMismatch as error:
            raise WrongCertificate(
                f"{url} shows another certificate than the one that is known",
                f"if it was renewed: odimra login {url} --fingerprint "
                f"{trust.readable(error.got.hex())}",
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise WrongCertificate(
                f"the certificate of {url} is not trusted: {_reason(error.certificate_error)}",
                f"log in with its certificate: odimra login {url} --ca FILE",
            ) from error
        except aiohttp.ClientConnectorSSLError as error:
            raise WrongCertificate(
                f"{url} does not speak TLS: {error.os_error.strerror or error}",
                "perhaps its address begins with http://",
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise NotReachable(
                f"{url} does not answer: {_reason(error.os_error)}",
                "is the service running, and is that its address?",
            ) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NotReachable(
                f"{url} does not answer: no connection within {CONNECT_SECONDS} s",
                "is the service running, and is that its address?",
            ) from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise AnswerLost(
                f"{url} did not answer {method} {path.partition('?')[0]}: {_reason(error)}",
                "it may have been done all the same: look before you try again"
                if method not in ("GET", "HEAD")
                else "try again",
            ) from error


def counting() -> aiohttp.TraceConfig:
    """Return what notes each time that a request is sent: aiohttp repeats some of them itself."""

    async def sent(_: Any, context: Any, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.append(params.method)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(sent)
    return trace


class WrongCertificate(NotReachable):
    """Whoever answers is not who is meant: asking again does not help."""


class _Tries:
    """The attempts of one request."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._until = time.monotonic() + waiting.seconds
        self._count = 0
        self.lost = False

    async def wait(self, error: Exception, retry_after: str | None = None) -> None:
        """Wait before the next attempt, or raise ``error`` if the time is over."""
        self.lost = self.lost or isinstance(error, AnswerLost)
        pause = BACKOFF[min(self._count, len(BACKOFF) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311
        if retry_after is not None and retry_after.isdecimal():
            pause = min(float(retry_after), LONGEST_WAIT)
        left = self._until - time.monotonic()
        if isinstance(error, WrongCertificate | NotLoggedIn) or left <= 0:
            raise error
        self._count += 1
        if self._count > 1:
            self._waiting.tell(str(error))
        await asyncio.sleep(min(pause, max(left, 0.05)))


def _reason(error: BaseException | None) -> str:
    """Return the words of an error of the system, without Python's."""
    verify = getattr(error, "verify_message", None)
    if verify:
        return str(verify)
    inner = error
    while inner is not None:
        said = getattr(inner, "strerror", None)
        if said and not said.startswith("Connect call failed"):
            return str(said)
        inner = inner.__cause__
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    return str(error) or type(error).__name__
