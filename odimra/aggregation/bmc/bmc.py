"""One BMC: logged in once, asked with patience, left alone when it does not answer.

Requests that change nothing are sent again when they fail; others only when the BMC cannot have
done them. Called by whatever speaks to BMCs.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from odimra.aggregation.bmc.breaker import Breaker
from odimra.aggregation.bmc.errors import BmcDown, LoginRefused, Refused, Unreachable
from odimra.aggregation.bmc.wire import Answer, Wire
from odimra.clock import Clock

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
READS = ("GET", "HEAD")
#: What a BMC answers that is busy, or about to come back.
BUSY = (429, 502, 503, 504)
#: How long a BMC that has refused a login is not asked again, in ms: it would lock the account.
LOGIN_PAUSE_MS = 60_000
#: What says that there are no sessions to be had.
NO_SESSIONS = (400, 404, 405, 500, 501)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account of a BMC."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BmcOptions:
    """How often a request is sent again; seconds before that, which double, and at most."""

    retries: int = 3
    backoff: float = 0.5
    longest_backoff: float = 10.0
    failures: int = 3
    left_alone: float = 5.0
    longest_left_alone: float = 60.0


class Bmc:
    """A BMC at ``base`` (``https://10.0.0.1``); ``tls`` says whose certificate it may have."""

    def __init__(
        self,
        wire: Wire,
        base: str,
        credentials: Credentials,
        clock: Clock,
        *,
        tls: ssl.SSLContext | aiohttp.Fingerprint | bool = True,
        options: BmcOptions | None = None,
    ) -> None:
        self.base = base.rstrip("/") + "/"
        self._wire = wire
        self._credentials = credentials
        self._clock = clock
        self._tls = tls
        self._options = options or BmcOptions()
        self.breaker = Breaker(
            lambda: clock.now_ms() / 1000,
            failures=self._options.failures,
            first=self._options.left_alone,
            longest=self._options.longest_left_alone,
        )
        self._token: str | None = None
        self._session_uri = ""
        self._basic = False
        self._refused_until = 0
        self._login = asyncio.Lock()

    # Asking

    async def get(self, uri: str, *, etag: str | None = None) -> Answer:
        """Return a resource; 304 with ``etag`` if it is as it was. Raises BmcError."""
        return await self.request(
            "GET", uri, headers={} if etag is None else {"If-None-Match": etag}
        )

    async def request(
        self,
        method: str,
        uri: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return what the BMC answers, which is no error.

        Raises :class:`Refused`, :class:`Unreachable`, :class:`LoginRefused`, :class:`BadAnswer`.
        """
        answer = await self.ask(method, uri, body, headers)
        if not answer.good:
            raise refusal(answer)
        return answer

    async def ask(
        self,
        method: str,
        uri: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return what the BMC answers, also if it is an error. Raises BmcError for none."""
        attempt = 0
        while True:
            attempt += 1
            wait: float | None = None
            try:
                answer = await self._logged_in(method, uri, body, headers)
            except BmcDown:
                raise
            except Unreachable as error:
                if attempt > self._options.retries or (error.sent and method not in READS):
                    raise
            else:
                if answer.status not in BUSY or attempt > self._options.retries:
                    return answer
                wait = retry_after(answer, self._clock)
                if method not in READS and (wait is None or answer.status not in (429, 503)):
                    return answer  # nobody knows whether it was done
            await self._clock.sleep(self._pause(attempt, wait))

    def _pause(self, attempt: int, wanted: float | None) -> float:
        options = self._options
        if wanted is not None:
            return min(wanted, options.longest_backoff)
        longest = min(options.longest_backoff, options.backoff * 2 ** (attempt - 1))
        # Not all of a thousand at the same time.
        return random.uniform(longest / 2, longest)  # noqa: S311

    async def _logged_in(
        self, method: str, uri: str, body: Any, headers: Mapping[str, str] | None
    ) -> Answer:
        token = await self._ready()
        answer = await self._guarded(method, uri, body, {**(headers or {}), **self._proof(token)})
        if answer.status != 401 or token is None:
            if answer.status == 401:
                raise LoginRefused("it does not take the credentials")
            return answer
        # The session has ended: by its time, by a reboot, by somebody else.
        if self._token == token:
            self._token = None
        token = await self._ready()
        answer = await self._guarded(method, uri, body, {**(headers or {}), **self._proof(token)})
        if answer.status == 401:
            raise LoginRefused("it does not take the session that it has just opened")
        return answer

    def _proof(self, token: str | None) -> dict[str, str]:
        if token is not None:
            return {"X-Auth-Token": token}
        given = self._credentials
        return {"Authorization": aiohttp.encode_basic_auth(given.user, given.password)}

    async def _guarded(
        self, method: str, uri: str, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        self.breaker.enter()
        try:
            answer = await self._wire.send(
                method, self.base, uri, body=body, headers=headers, tls=self._tls
            )
        except Unreachable:
            self.breaker.failed()
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()
        return answer

    # Sessions

    async def _ready(self) -> str | None:
        """Return the token of the session, None where there are only names and passwords."""
        if self._known():
            return self._token
        async with self._login:
            if self._known():  # by whoever was before
                return self._token
            if self._clock.now_ms() < self._refused_until:
                raise LoginRefused("it has not taken the credentials a moment ago")
            given = self._credentials
            answer = await self._guarded(
                "POST", SESSIONS, {"UserName": given.user, "Password": given.password}, {}
            )
            token = answer.headers.get("X-Auth-Token")
            if answer.status in (401, 403):
                if await self._takes_basic(answer):
                    self._basic = True
                    return None
                self._refused_until = self._clock.now_ms() + LOGIN_PAUSE_MS
                raise LoginRefused("it does not take the credentials")
            if answer.good and token:
                self._token = token
                self._session_uri = answer.headers.get("Location", "")
                if not self._session_uri and answer.body is not None:
                    self._session_uri = str(answer.body.get("@odata.id", ""))
                return token
            if answer.good or answer.status in NO_SESSIONS:
                self._basic = True
                return None
            raise refusal(answer)

    async def _takes_basic(self, answer: Answer) -> bool:
        """Tell whether a BMC that lets nobody log in knows names and passwords nevertheless.

        Some have no sessions, and want to know who asks before they say so.
        """
        if "basic" not in answer.headers.get("WWW-Authenticate", "").lower():
            return False
        seen = await self._guarded("GET", SESSIONS, None, self._proof(None))
        return seen.status not in (401, 403)

    def _known(self) -> bool:
        return self._basic or self._token is not None

    async def close(self) -> None:
        """End the session, if there is one; it may be gone already."""
        token, uri = self._token, self._session_uri
        self._token = None
        if token is None or not uri:
            return
        try:
            await self._guarded("DELETE", uri, None, {"X-Auth-Token": token})
        except Exception:  # noqa: BLE001 - it ends by its time, then
            return


def refusal(answer: Answer) -> Refused:
    """Return an error answer as an error, with what the BMC says of it."""
    said = ""
    error = answer.body.get("error") if answer.body is not None else None
    if isinstance(error, dict):
        infos = error.get("@Message.ExtendedInfo")
        first = infos[0] if isinstance(infos, list) and infos else infos
        if isinstance(first, dict) and isinstance(first.get("Message"), str):
            said = first["Message"]
        elif isinstance(error.get("message"), str):
            said = error["message"]
    return Refused(answer.status, (said or f"it answers {answer.status}")[:1000], answer.body)


def retry_after(answer: Answer, clock: Clock) -> float | None:
    """Return the seconds that an answer asks to wait; None if it says nothing that is a time."""
    given = answer.headers.get("Retry-After", "").strip()
    if not given:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        when: datetime = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - clock.now_ms() / 1000)
