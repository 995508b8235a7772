"""Who asks, told without waiting: from what the cache holds, or not at all.

What was worked out is kept beside the session that it came from, so that it goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from odimra.access.accounts import Accounts
from odimra.access.model import Account, Principal, Role, Session, principal_of
from odimra.access.roles import Roles
from odimra.access.sessions import Sessions
from odimra.store import Store


@dataclass(slots=True)
class _Seat:
    """The principal of a session while ``account`` and ``role`` are as they were."""

    account: Account | None = None
    role: Role | None = None
    principal: Principal | None = None


def _seat(_: Session) -> _Seat:
    return _Seat()


class Peek:
    """Finds the principal of a session token in the cache."""

    def __init__(self, store: Store, sessions: Sessions, accounts: Accounts, roles: Roles) -> None:
        self._cache = store.cache
        self._sessions = sessions
        self._accounts = accounts
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
        seat = self._cache.derive(self._sessions.key(session), "seat", "session", _seat)
        if seat is None:
            return None
        if seat.account is not account or seat.role is not role:
            seat.principal = principal_of(account, role, session.id)
            seat.account, seat.role = account, role
        return seat.principal
