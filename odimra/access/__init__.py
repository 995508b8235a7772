"""Accounts, roles, privileges, sessions.

Called by the faces and the command line; knows the store only.
"""

from odimra.access.access import Access, AccessOptions
from odimra.access.model import (
    ADMINISTRATOR,
    PRIVILEGES,
    Account,
    AccountExists,
    AccountLimitReached,
    AccountMissing,
    AuthenticationFailed,
    HashingBusy,
    LastAdministrator,
    PasswordRejected,
    Principal,
    Role,
    RoleExists,
    RoleInUse,
    RoleMissing,
    RolePredefined,
    Session,
    SessionDataTooLong,
    SessionLimitReached,
    SessionMissing,
)
from odimra.access.passwords import HashingOptions
from odimra.access.policy import Policy, PolicyConflict, SessionPolicy
from odimra.access.sessions import SessionLimits

__all__ = [
    "ADMINISTRATOR",
    "PRIVILEGES",
    "Access",
    "AccessOptions",
    "Account",
    "AccountExists",
    "AccountLimitReached",
    "AccountMissing",
    "AuthenticationFailed",
    "HashingBusy",
    "HashingOptions",
    "LastAdministrator",
    "PasswordRejected",
    "Policy",
    "PolicyConflict",
    "Principal",
    "Role",
    "RoleExists",
    "RoleInUse",
    "RoleMissing",
    "RolePredefined",
    "Session",
    "SessionDataTooLong",
    "SessionLimitReached",
    "SessionLimits",
    "SessionMissing",
    "SessionPolicy",
]
