"""Sessions. The token is never stored: a session is found by a hash of it.

The id of a session has nothing to do with its token: it is for everybody to see.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from odimra.access.model import (
    Account,
    AuthenticationFailed,
    Session,
    SessionDataTooLong,
    SessionLimitReached,
    SessionMissing,
)
from odimra.access.policy import SessionPolicy
from odimra.clock import Clock
from odimra.store import (
    NEWS,
    Document,
    DocumentMissing,
    Kept,
    Script,
    Store,
    StoreError,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

STEP = Script.from_package("odimra.access", "lua/session.lua", header=NEWS)
#: Bytes of a token (256 bits), and of a session's id.
TOKEN, ID = 32, 16
#: A use is noted once in this part of the timeout, and at least once in NOTED milliseconds, so that
#: the store is not written at each request. A session lives longer by as much, so that none ends
#: before the timeout has passed since a use that was not noted.
PART, NOTED = 20, 10_000
#: How long the store keeps a session that nobody closes, in milliseconds: the longest timeout that
#: SessionService allows (v1_2_0). Whether it has ended is told by its last use, not by this.
KEPT = 86_400_000 + NOTED
#: Ended sessions that one step removes; see ``lua/session.lua``.
PURGED = 100
#: Ended sessions are looked for this often, in seconds; a login looks for itself.
PURGE_SECONDS = 5.0
#: What aiohttp-session may keep with one session, in characters of JSON.
DATA = 4096


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions may be open: per account, and altogether."""

    per_account: int = 50
    altogether: int = 1000


def unnoted(timeout: int) -> int:
    """Return for how long the use of a session need not be noted, in milliseconds."""
    return min(timeout * 1000 // PART, NOTED)


def lifetime(timeout: int) -> int:
    """Return how long after its last noted use a session ends, in milliseconds."""
    return timeout * 1000 + unnoted(timeout)


def digest_of(token: str) -> str | None:
    """Return the hash under which a token's session is kept; None for what cannot be a token."""
    if len(token) != 2 * TOKEN or not token.isascii():
        return None  # not even what could be hashed
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
        self._cache = store.cache
        self._policy = policy
        self._limits = limits
        self._clock = clock
        self._random = random_bytes
        self._index = store.keys.index("sessions")
        self._keys = store.keys.of("session", "")

    def key(self, session: Session) -> str:
        """Name the key that holds a session."""
        return self._keys + session.digest

    async def _step(
        self,
        op: str,
        digest: str,
        session_id: str,
        account: str,
        extra: Mapping[str, Any] | None = None,
    ) -> Any:
        timeout = (await self._policy.read()).timeout
        return await self._store.script(
            STEP,
            keys=[self._keys + digest],
            args=[
                *(self._store.keys.root, op, session_id, account),
                *(self._clock.now_ms(), lifetime(timeout), KEPT, orjson.dumps(extra or {})),
                self._store.options.max_events,
            ],
        )

    async def open(
        self, account: Account, *, client: str = "", context: str | None = None
    ) -> tuple[Session, str]:
        """Open a session for whom ``account`` proved to be; return it and its token, told once.

        Raises :class:`SessionLimitReached`, and :class:`AuthenticationFailed` when the account has
        another password, is disabled, locked or gone by now.
        """
        token, session_id = self._random(TOKEN).hex(), self._random(ID).hex()
        digest = digest_of(token)
        assert digest is not None
        now = str(self._clock.now_ms())
        fields = {"id": session_id, "account": account.name, "created": now, "used": now}
        fields |= {"client": client, **({} if context is None else {"context": context})}
        extra = {
            "per_account": self._limits.per_account,
            "altogether": self._limits.altogether,
            "hash": account.hash,
            "digest": digest,
            "fields": fields,
        }
        outcome = await self._step("open", digest, session_id, account.name, extra)
        if outcome == b"limit":
            raise SessionLimitReached(account.name)
        if outcome == b"account":
            raise AuthenticationFailed
        return Session.load(digest, Document(fields, 1)), token

    def _is_open(self, session: Session, timeout: int) -> bool:
        return self._clock.now_ms() < session.used + lifetime(timeout)

    def _is_noted(self, session: Session, timeout: int) -> bool:
        return self._clock.now_ms() - session.used < unnoted(timeout)

    async def _load(self, digest: str) -> Session | None:
        reply = await self._store.call("HGETALL", self._keys + digest)
        return Session.load(digest, Document.from_reply(reply)) if reply else None

    async def find(self, token: str) -> Session | None:
        """Return the open session of a token, or None; its use is noted now and then."""
        digest = digest_of(token)
        if digest is None:
            return None
        timeout = (await self._policy.read()).timeout
        session = await self._store.cached(
            self._keys + digest, "session", lambda: self._load(digest)
        )
        if session is None or not self._is_open(session, timeout):
            return None
        if not self._is_noted(session, timeout) and (
            await self._step("use", digest, session.id, session.account) == b"missing"
        ):
            return None
        return session

    def peek(self, token: str) -> Session | None:
        """Return the open session of a token if the cache has it and its use need not be noted."""
        policy, digest = self._policy.peek(), digest_of(token)
        if policy is None or digest is None:
            return None
        session: Session | None = self._cache.peek(self._keys + digest, "session")
        # A use that need not be noted is younger than the timeout: the session is open.
        if session is None or not self._is_noted(session, policy.timeout):
            return None
        return session

    async def get(self, session_id: str) -> Session | None:
        """Return an open session by its id, or None."""
        reply = await self._store.call("GET", self._store.keys.of("session_id", session_id))
        session = None if reply is None else await self._load(reply.decode())
        timeout = (await self._policy.read()).timeout
        return session if session is not None and self._is_open(session, timeout) else None

    async def _listed(self, account: str | None) -> tuple[str, str]:
        """Return the index of one account's sessions or of all, and where its open ones begin."""
        timeout = (await self._policy.read()).timeout
        index = self._index if account is None else f"{self._index}:{account}"
        return index, f"({self._clock.now_ms() - lifetime(timeout)}"

    async def count(self, account: str | None = None) -> int:
        """Return how many sessions are open, of one account or of all."""
        index, oldest = await self._listed(account)
        return int(await self._store.call("ZCOUNT", index, oldest, "+inf"))

    async def page(self, skip: int, top: int, account: str | None = None) -> list[str]:
        """Return ids of open sessions, those that were not used for longest first."""
        index, oldest = await self._listed(account)
        reply = await self._store.call("ZRANGEBYSCORE", index, oldest, "+inf", "LIMIT", skip, top)
        return [member.decode() for member in reply]

    async def close(self, session: Session) -> None:
        """Close a session. Raises :class:`SessionMissing`."""
        if await self._step("close", session.digest, session.id, session.account) == b"missing":
            raise SessionMissing(session.id)

    async def purge(self) -> None:
        """Remove the sessions that have ended, and tell of each."""
        while await self._step("purge", "", "", "") == PURGED:
            pass

    async def keep_house(self) -> None:
        """Purge every now and then, until cancelled: who listens hears of an end when it comes."""
        while True:
            try:
                await self.purge()
            except StoreUnavailable as error:
                log.warning("sessions that have ended wait for the store: %s", error)
            except StoreError:
                log.exception("sessions that have ended are left for the next time")
            await self._clock.sleep(PURGE_SECONDS)

    async def set_timeout(self, seconds: int, *, expect: Iterable[int] | None) -> SessionPolicy:
        """Change the timeout, in seconds without use; it counts for the open sessions too.

        Raises :class:`~odimra.store.VersionMismatch`.
        """
        # What has ended goes first: a longer timeout must not bring it back.
        await self.purge()
        return await self._policy.write({"timeout": seconds}, expect=expect)

    async def keep(self, session: Session, data: Mapping[str, Any]) -> None:
        """Keep what aiohttp-session holds with a session.

        Raises :class:`SessionDataTooLong`, :class:`SessionMissing`.
        """
        text = orjson.dumps(data).decode()
        if len(text) > DATA:
            raise SessionDataTooLong(f"a session keeps {DATA} characters")
        try:
            await self._store.documents.update(self._keys + session.digest, {"data": text})
        except DocumentMissing:
            raise SessionMissing(session.id) from None
