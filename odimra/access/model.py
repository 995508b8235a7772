"""Accounts, roles, sessions, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from odimra.store import Document

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
ADMINISTRATOR = "Administrator"

#: The privileges of the standard (DSP0266, privilege model).
PRIVILEGES = (
    "Login",
    "ConfigureManager",
    "ConfigureUsers",
    "ConfigureComponents",
    "ConfigureSelf",
)


class AuthenticationFailed(Exception):
    """The credentials are not valid; why is not said."""


class PasswordRejected(ValueError):
    """A password breaks the rules; its text is not in here."""


class AccountMissing(Exception):
    """There is no such account."""


class AccountExists(Exception):
    """There is an account of that name already."""


class AccountLimitReached(Exception):
    """There are as many accounts as may be."""


class LastAdministrator(Exception):
    """The change would leave nobody who can administer."""


class HashingBusy(Exception):
    """More passwords wait to be hashed than may; ask again after ``retry_after`` seconds."""

    retry_after = 1


class RoleMissing(Exception):
    """There is no such role."""


class RoleExists(Exception):
    """There is a role of that name already."""


class RolePredefined(Exception):
    """The role is one of the standard's, which cannot be changed."""


class RoleInUse(Exception):
    """Accounts have the role."""


class SessionMissing(Exception):
    """There is no such session."""


class SessionLimitReached(Exception):
    """As many sessions are open as may be."""


class SessionDataTooLong(ValueError):
    """More was to be kept with a session than it may keep."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    account: str
    role: str
    privileges: frozenset[str]
    session_id: str | None
    password_change_required: bool
    account_uri: str


@dataclass(frozen=True, slots=True)
class Role:
    """A set of privileges with a name."""

    id: str
    privileges: frozenset[str]
    predefined: bool
    version: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """An account; ``locked_until`` in epoch milliseconds, 0 when it is not locked."""

    name: str
    role: str
    enabled: bool
    password_change_required: bool
    locked_until: int
    version: int
    hash: str = field(repr=False)

    @property
    def uri(self) -> str:
        """The URI of its resource."""
        return f"{ACCOUNTS}/{self.name}"

    def locked(self, now_ms: int) -> bool:
        """Tell whether it is locked at that time."""
        return self.locked_until > now_ms

    @classmethod
    def load(cls, document: Document) -> Account:
        """Read the stored form."""
        fields = document.fields
        return cls(
            name=fields["user"],
            role=fields["role"],
            enabled=fields["enabled"] == "1",
            password_change_required=fields.get("change_required") == "1",
            locked_until=int(fields.get("locked_until", 0)),
            version=document.version,
            hash=fields["hash"],
        )


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; times in epoch milliseconds.

    ``context`` is what the client gave it, ``data`` what aiohttp-session keeps with it (JSON),
    ``digest`` the hash of its token.
    """

    id: str
    account: str
    created: int
    used: int
    client: str
    context: str | None
    data: str = field(repr=False)
    digest: str = field(repr=False)

    @classmethod
    def load(cls, digest: str, document: Document) -> Session:
        """Read the stored form."""
        fields = document.fields
        return cls(
            id=fields["id"],
            account=fields["account"],
            created=int(fields["created"]),
            used=int(fields["used"]),
            client=fields["client"],
            context=fields.get("context"),
            data=fields.get("data", "{}"),
            digest=digest,
        )


def role_of(role_id: str, document: Document) -> Role:
    """Read the stored form of a custom role."""
    privileges = frozenset(orjson.loads(document.fields["privileges"]))
    return Role(role_id, privileges, False, document.version)


def principal_of(account: Account, role: Role | None, session_id: str | None) -> Principal:
    """Return who asks by that account; without its role it may nothing."""
    return Principal(
        account.name,
        account.role,
        frozenset() if role is None else role.privileges,
        session_id,
        account.password_change_required,
        account.uri,
    )
