"""Who asks, told without waiting: from what the cache holds, or not at all.

What was worked out is kept beside the documents it came from, so that it goes when one of them
changes.
"""

from __future__ import annotations

from odimra.access.accounts import Accounts
from odimra.access.model import Principal, principal_of
from odimra.access.roles import Roles
from odimra.access.sessions import Sessions
from odimra.store import Store


class Peek:
    """Finds the principal of a session token in the cache."""

    def __init__(self, store: Store, sessions: Sessions, accounts: Accounts, roles: Roles) -> None:
        self._cache = store.cache
        self._prefix = store.keys.of("account", "")
        self._accounts = accounts
        self._sessions = sessions
        self._roles = roles

    def __call__(self, token: str) -> Principal | None:
        """Return who asks; None when something must be looked up or written down first."""
        session = self._sessions.peek(token)
        if session is None:
            return None
        account = self._accounts.peek(session.account)
        if account is None or not account.enabled:
            return None
        role = self._roles.peek(account.role)
        if role is None:
            return None
        key = self._prefix + session.account
        known: Principal | None = self._cache.peek(key, session.id)
        if known is not None and known.privileges == role.privileges:
            return known
        principal = principal_of(account, role, session.id)
        self._cache.derive(key, session.id, "account", lambda _: principal)
        return principal
