"""Sessions. The token is never stored: a session is found by a hash of it.

The id of a session is that hash, cut to 128 bits: it leads nowhere back to the token, and a request
needs no second look-up.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from odimra.access.model import (
    AuthenticationFailed,
    Session,
    SessionLimitReached,
    SessionMissing,
)
from odimra.access.policy import Kept, SessionPolicy
from odimra.clock import Clock
from odimra.store import Script, Store

STEP = Script.from_package("odimra.access", "lua/session.lua")
#: Bytes of a token: 256 bits.
TOKEN = 32
#: A use is written down once in this part of the timeout. A session lives longer by as much, so
#: that none ends early.
PART = 20


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions may be open: per account, and altogether."""

    per_account: int = 50
    altogether: int = 1000


def digest_of(token: str) -> str:
    """Return the hash under which a token's session is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class Sessions:
    """Opens, finds, uses and closes sessions."""

    def __init__(
        self,
        store: Store,
        policy: Kept[SessionPolicy],
        limits: SessionLimits,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._policy = policy
        self._limits = limits
        self._clock = clock
        self._random = random_bytes
        self._index = store.keys.index("sessions")

    def _key(self, session_id: str) -> str:
        return self._store.keys.of("session", session_id)

    async def _step(
        self, op: str, session_id: str, account: str, timeout: int, fields: dict[str, str]
    ) -> str:
        now = self._clock.now_ms()
        end = now + timeout * 1000 * (PART + 1) // PART
        reply = await self._store.script(
            STEP,
            keys=[self._key(session_id)],
            args=[
                *(self._store.keys.root, op, session_id, account, now, end),
                *(self._limits.per_account, self._limits.altogether, orjson.dumps(fields)),
            ],
            touches=[self._index],
        )
        outcome: bytes = reply
        return outcome.decode()

    async def open(self, account: str, *, client: str = "") -> tuple[Session, str]:
        """Open a session; return it and its token, which is told this once.

        Raises :class:`SessionLimitReached`.
        """
        token = self._random(TOKEN).hex()
        digest = digest_of(token)
        now = self._clock.now_ms()
        fields = {
            "account": account,
            "created": str(now),
            "used": str(now),
            "client": client,
            "digest": digest,
        }
        timeout = (await self._policy.read()).timeout
        outcome = await self._step("open", digest[:32], account, timeout, fields)
        if outcome == "limit":
            raise SessionLimitReached(account)
        if outcome == "account":
            raise AuthenticationFailed
        return Session(digest[:32], account, now, now, client, digest), token

    def _valid(self, session: Session, timeout: int, digest: str | None) -> bool:
        if digest is not None and not hmac.compare_digest(session.digest, digest):
            return False
        return self._clock.now_ms() < session.used + timeout * 1000 * (PART + 1) // PART

    async def find(self, token: str) -> Session | None:
        """Return the open session of a token, or None; its use is written down now and then."""
        digest = digest_of(token)
        timeout = (await self._policy.read()).timeout
        document = await self._store.documents.read(self._key(digest[:32]))
        if document is None:
            return None
        session = Session.load(digest[:32], document)
        if not self._valid(session, timeout, digest):
            return None
        if self._clock.now_ms() - session.used >= timeout * 1000 // PART:
            await self._step("use", session.id, session.account, timeout, {})
        return session

    def peek(self, token: str) -> Session | None:
        """Return the open session of a token if the cache has it and its use need not be noted."""
        policy = self._policy.peek()
        if policy is None:
            return None
        digest = digest_of(token)
        document = self._store.documents.peek(self._key(digest[:32]))
        if document is None:
            return None
        session = Session.load(digest[:32], document)
        if not self._valid(session, policy.timeout, digest):
            return None
        if self._clock.now_ms() - session.used >= policy.timeout * 1000 // PART:
            return None
        return session

    async def get(self, session_id: str) -> Session | None:
        """Return an open session by its id, or None."""
        document = await self._store.documents.read(self._key(session_id))
        if document is None:
            return None
        session = Session.load(session_id, document)
        timeout = (await self._policy.read()).timeout
        return session if self._valid(session, timeout, None) else None

    def _open_index(self, account: str | None) -> str:
        return self._index if account is None else f"{self._index}:{account}"

    async def count(self, account: str | None = None) -> int:
        """Return how many sessions are open, of one account or of all."""
        index, now = self._open_index(account), self._clock.now_ms()
        return int(await self._store.call("ZCOUNT", index, f"({now}", "+inf"))

    async def page(self, skip: int, top: int, account: str | None = None) -> list[str]:
        """Return ids of open sessions, those that end first first."""
        index, now = self._open_index(account), self._clock.now_ms()
        reply = await self._store.call(
            "ZRANGEBYSCORE", index, f"({now}", "+inf", "LIMIT", skip, top
        )
        return [member.decode() for member in reply]

    async def close(self, session_id: str) -> None:
        """Close a session. Raises :class:`SessionMissing`."""
        session = await self.get(session_id)
        account = "" if session is None else session.account
        if await self._step("close", session_id, account, 0, {}) == "missing":
            raise SessionMissing(session_id)
