"""The accounts as ``odimra user`` sees them: the bridge from the command line to ``access``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from odimra.access import (
    Access,
    AccountExists,
    AccountLimitReached,
    AccountMissing,
    LastAdministrator,
    PasswordRejected,
    RoleMissing,
)
from odimra.clock import Clock

#: Accounts that are read together.
PAGE = 200


class AccountRefused(Exception):
    """The change of an account is not possible; the text says why, without the password."""


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What is listed of an account."""

    name: str
    role: str
    enabled: bool
    locked: bool


class AccountBook(Protocol):
    """What the command line needs of ``access``. Each may raise :class:`AccountRefused`."""

    async def list(self) -> list[AccountLine]:
        """Return every account, by name."""

    async def add(self, name: str, password: str, role: str) -> None:
        """Create an account with the id of a role."""

    async def set_password(self, name: str, password: str) -> None:
        """Set another password, which also unlocks the account."""

    async def delete(self, name: str) -> None:
        """Remove an account and end its sessions."""


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say why a change is not possible, in words for people."""
    try:
        yield
    except AccountExists as error:
        raise AccountRefused(f"there is an account '{error}' already") from None
    except AccountMissing as error:
        raise AccountRefused(f"there is no account '{error}'") from None
    except AccountLimitReached:
        raise AccountRefused("there are as many accounts as may be") from None
    except RoleMissing as error:
        raise AccountRefused(f"there is no role '{error}'") from None
    except LastAdministrator:
        raise AccountRefused("it is the last enabled administrator") from None
    except (PasswordRejected, ValueError) as error:
        raise AccountRefused(str(error)) from None


class Book:
    """Lists and changes accounts."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def list(self) -> list[AccountLine]:
        """Return every account, by name."""
        lines: list[AccountLine] = []
        seen, accounts = 0, self._access.accounts
        while names := await accounts.names(seen, seen + PAGE - 1):
            seen += len(names)
            for account in await asyncio.gather(*map(accounts.get, names)):
                if account is not None:
                    locked = account.locked(self._clock.now_ms())
                    lines.append(AccountLine(account.name, account.role, account.enabled, locked))
        return lines

    async def add(self, name: str, password: str, role: str) -> None:
        """Create an account with the id of a role."""
        with _refusals():
            await self._access.accounts.create(name, password, role)

    async def set_password(self, name: str, password: str) -> None:
        """Set another password, which also unlocks the account."""
        with _refusals():
            await self._access.accounts.update(name, password=password, unlock=True)

    async def delete(self, name: str) -> None:
        """Remove an account and end its sessions."""
        with _refusals():
            await self._access.accounts.delete(name)
