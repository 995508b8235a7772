"""One request to one address and its answer, within bounds; what goes wrong has a name.

All BMCs share one pool of connections, whose limits hold for them together and for each.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from odimra import trail
from odimra.aggregation.bmc.errors import BadAnswer, CertificateRefused, Unreachable
from odimra.measures import BMC_REQUESTS

log = logging.getLogger(__name__)

#: Answers longer than this are parsed beside the event loop, in bytes.
LONG = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class WireOptions:
    """Connections at a time, to all and to each; seconds to connect and to answer; longest answer.

    The longest answer is in bytes.
    """

    connections: int = 512
    per_bmc: int = 4
    connect_timeout: float = 5.0
    timeout: float = 30.0
    longest_answer: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a BMC has answered; ``body`` is the JSON object in it, or None."""

    status: int
    headers: CIMultiDictProxy[str]
    body: dict[str, Any] | None = field(default=None, repr=False)
    uri: str = ""

    @property
    def good(self) -> bool:
        """Whether it is no error."""
        return self.status < 400


class Wire:
    """The connections to all BMCs. Use it as an asynchronous context."""

    def __init__(self, options: WireOptions | None = None) -> None:
        self.options = options or WireOptions()

    async def __aenter__(self) -> Wire:
        options = self.options
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=options.connections, limit_per_host=options.per_bmc, ttl_dns_cache=60
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=options.timeout, sock_connect=options.connect_timeout
            ),
            headers={"User-Agent": "odimra", "OData-Version": "4.0", "Accept": "application/json"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(
        self,
        method: str,
        base: str,
        uri: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | aiohttp.Fingerprint | bool = True,
    ) -> Answer:
        """Return what the BMC at ``base`` answers. Raises Unreachable, BadAnswer."""
        at = urljoin(base, uri)
        for _ in range(MOST_REDIRECTS):
            answer = await self._send(method, at, body, headers, tls)
            if answer.status not in REDIRECTS or method not in ("GET", "HEAD"):
                return answer
            onward = urljoin(at, answer.headers.get("Location", ""))
            # The token is for this BMC, and for nobody whom it names.
            if onward == at or urlsplit(onward)[:2] != urlsplit(base)[:2]:
                return answer
            at = onward
        return answer

    async def _send(
        self,
        method: str,
        at: str,
        body: Any,
        headers: Mapping[str, str] | None,
        tls: ssl.SSLContext | aiohttp.Fingerprint | bool,
    ) -> Answer:
        began = perf_counter()
        outcome = "bad"
        try:
            answer = await self._exchange(method, at, body, headers, tls)
            outcome = f"{answer.status // 100}xx"
            return answer
        except Unreachable:
            outcome = "unreachable"
            raise
        finally:
            took = perf_counter() - began
            BMC_REQUESTS.labels(method, outcome).observe(took)
            level = logging.DEBUG if method in ("GET", "HEAD") else logging.INFO
            if log.isEnabledFor(level):
                parts = urlsplit(at)
                log.log(
                    level,
                    "BMC %s: %s %s: %s",
                    parts.hostname,
                    method,
                    parts.path,
                    outcome,
                    extra={"milliseconds": round(took * 1000)},
                )

    async def _exchange(
        self,
        method: str,
        at: str,
        body: Any,
        headers: Mapping[str, str] | None,
        tls: ssl.SSLContext | aiohttp.Fingerprint | bool,
    ) -> Answer:
        given: CIMultiDict[str] = CIMultiDict(headers or {})
        if (asked := trail.request_id.get()) and trail.HEADER not in given:
            given[trail.HEADER] = asked
        data = None
        if body is not None:
            data = orjson.dumps(body)
            given["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                URL(at, encoded=True),
                data=data,
                headers=given,
                ssl=tls,
                allow_redirects=False,
            ) as response:
                raw = await self._read(response)
                found = await self._parsed(raw, response)
                path = urlsplit(at).path
                return Answer(response.status, response.headers, found, path)
        except aiohttp.ServerFingerprintMismatch:
            raise CertificateRefused("its certificate is not the one that it had") from None
        except aiohttp.ClientConnectorCertificateError:
            raise CertificateRefused("its certificate is not to be trusted") from None
        except aiohttp.ClientConnectorSSLError:
            raise Unreachable("it does not speak TLS as it should", sent=False) from None
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"there is no connection: {_reason(error)}", sent=False) from None
        except (aiohttp.ConnectionTimeoutError, aiohttp.SocketTimeoutError) as error:
            waited = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise Unreachable("it does not answer in time", sent=waited) from None
        except (aiohttp.InvalidURL, ValueError) as error:
            if isinstance(error, aiohttp.InvalidURL):
                raise BadAnswer("it names an address that is none") from None
            raise
        except TimeoutError:
            raise Unreachable("it does not answer in time", sent=True) from None
        except (aiohttp.ClientError, OSError):
            raise Unreachable("it breaks the connection off", sent=True) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        longest = self.options.longest_answer
        received = bytearray()
        async for chunk in response.content.iter_any():
            received += chunk
            if len(received) > longest:
                raise BadAnswer(f"its answer is longer than {longest} bytes")
        return bytes(received)

    async def _parsed(self, raw: bytes, response: aiohttp.ClientResponse) -> dict[str, Any] | None:
        if not raw.strip():
            return None
        try:
            if len(raw) <= LONG:
                found = _load(raw)
            else:
                found = await asyncio.get_running_loop().run_in_executor(None, _load, raw)
        except ValueError:
            if response.status >= 400:
                return None  # an error page of whatever stands in front of it
            raise BadAnswer("its answer is no JSON") from None
        return found if isinstance(found, dict) else None


def _load(raw: bytes) -> Any:
    """Return the JSON value in ``raw``; BMCs write NaN, and names twice. Raises ValueError."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw.decode("utf-8-sig", "replace")
        try:
            return json.loads(text, parse_constant=lambda _: None, strict=False)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _reason(error: aiohttp.ClientConnectorError) -> str:
    inner = error.os_error
    return inner.strerror or type(inner).__name__
