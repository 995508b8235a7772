"""Who asks, told without waiting: from what the cache holds, or not at all.

What was worked out is kept beside the documents it came from, so that it goes when one of them
changes.
"""

from __future__ import annotations

import hmac

from odimra.access.model import Account, Principal, Session, principal_of
from odimra.access.policy import Kept, SessionPolicy
from odimra.access.roles import Roles
from odimra.access.sessions import PART, digest_of
from odimra.clock import Clock
from odimra.store import Document, Store


class Peek:
    """Finds the principal of a session token in the cache."""

    def __init__(
        self, store: Store, policy: Kept[SessionPolicy], roles: Roles, clock: Clock
    ) -> None:
        self._cache = store.cache
        self._session_prefix = store.keys.of("session", "")
        self._account_prefix = store.keys.of("account", "")
        self._policy = policy
        self._roles = roles
        self._clock = clock

    def __call__(self, token: str) -> Principal | None:
        """Return who asks; None when something must be looked up or written down first."""
        policy = self._policy.peek()
        if policy is None:
            return None
        digest = digest_of(token)
        session_id = digest[:32]
        key = self._session_prefix + session_id

        def load(document: Document) -> Session:
            return Session.load(session_id, document)

        session = self._cache.derive(key, "session", "document", load)
        # In the first part of its timeout a use need not be written down, and it cannot have ended.
        if session is None or not (
            0 <= self._clock.now_ms() - session.used < policy.timeout * 1000 // PART
            and hmac.compare_digest(session.digest, digest)
        ):
            return None
        account_key = self._account_prefix + session.account
        account = self._cache.derive(account_key, "account", "document", Account.load)
        if account is None or not account.enabled:
            return None
        role = self._roles.peek(account.role)
        if role is None:
            return None
        known: Principal | None = self._cache.peek(account_key, session_id)
        if known is not None and known.privileges == role.privileges:
            return known
        principal = principal_of(account, role, session_id)
        self._cache.derive(account_key, session_id, "document", lambda _: principal)
        return principal
