"""The accounts of a store. Each change is one atomic step with all that hangs on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from odimra.access.model import (
    Account,
    AccountExists,
    AccountLimitReached,
    AccountMissing,
    LastAdministrator,
    PasswordRejected,
    RoleMissing,
)
from odimra.access.passwords import Passwords, check_rules
from odimra.access.policy import Policy
from odimra.access.roles import Roles
from odimra.clock import Clock
from odimra.store import NEWS, Document, Kept, Script, Store, VersionMismatch

CHANGE = Script.from_package("odimra.access", "lua/account.lua", header=NEWS)
FAILED = Script.from_package("odimra.access", "lua/failed.lua", header=NEWS)
PROVED = Script.from_package("odimra.access", "lua/proved.lua")
#: Names fit into a URI as they are.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Accounts:
    """Creates, reads, changes and deletes accounts."""

    def __init__(
        self,
        store: Store,
        roles: Roles,
        passwords: Passwords,
        policy: Kept[Policy],
        clock: Clock,
        *,
        limit: int,
    ) -> None:
        self._store = store
        self._cache = store.cache
        self._keys = store.keys.of("account", "")
        self._roles = roles
        self._passwords = passwords
        self._policy = policy
        self._clock = clock
        self._limit = limit
        self._index = store.keys.index("accounts")

    def _key(self, name: str) -> str:
        return self._keys + name

    async def _load(self, key: str) -> Account | None:
        reply = await self._store.call("HGETALL", key)
        return Account.load(Document.from_reply(reply)) if reply else None

    async def get(self, name: str) -> Account | None:
        """Return an account, or None. A lock that is over is taken off."""
        if NAME.fullmatch(name) is None:
            return None
        key = self._key(name)
        account = await self._store.cached(key, "account", lambda: self._load(key))
        if account is None or not account.locked_until or account.locked(self._clock.now_ms()):
            return account
        # In the store and not only in this answer, so that the ETag changes with what is shown.
        change = {"op": "update", "set": {}, "unset": ["locked_until"]}
        try:
            return await self._run(name, {**change, "expect": [account.version]})
        except (VersionMismatch, AccountMissing):
            return await self._load(key)  # somebody else was faster

    def peek(self, name: str) -> Account | None:
        """Return an account if it is in the cache."""
        found: Account | None = self._cache.peek(self._keys + name, "account")
        return found

    async def names(self, start: int, stop: int) -> list[str]:
        """Return the names of the accounts from rank ``start`` to ``stop``, in their order."""
        return await self._store.documents.members(self._index, start, stop)

    async def count(self) -> int:
        """Return how many there are."""
        return await self._store.documents.count(self._index)

    async def _run(self, name: str, change: dict[str, Any]) -> Account | None:
        known = change.get("set", {}).get("role") in self._roles.standard
        keep = self._store.options.max_events
        reply = await self._store.script(
            CHANGE,
            keys=[self._key(name)],
            args=[
                self._store.keys.root,
                orjson.dumps({"name": name, "keep": keep, "role_known": known, **change}),
            ],
            touches=[self._index],
        )
        outcome = reply[0]
        if outcome == b"exists":
            raise AccountExists(name)
        if outcome == b"limit":
            raise AccountLimitReached(name)
        if outcome == b"missing":
            raise AccountMissing(name)
        if outcome == b"version":
            raise VersionMismatch(int(reply[1]))
        if outcome == b"role":
            raise RoleMissing(change["set"]["role"])
        if outcome == b"last":
            raise LastAdministrator(name)
        for digest in reply[2]:
            # The server tells every process; this one shall not answer before it knows.
            self._store.forget(self._store.keys.of("session", digest.decode()))
        return Account.load(Document.from_reply(reply[1])) if reply[1] else None

    async def _hash(self, name: str, password: str) -> str:
        policy = await self._policy.read()
        check_rules(
            password,
            name,
            shortest=policy.min_password_length,
            longest=policy.max_password_length,
        )
        return await self._passwords.hash(password)

    async def create(
        self,
        name: str,
        password: str,
        role: str,
        *,
        enabled: bool = True,
        change_required: bool = False,
    ) -> Account:
        """Make an account.

        Raises :class:`PasswordRejected`, :class:`AccountExists`, :class:`AccountLimitReached`,
        :class:`RoleMissing`.
        """
        if NAME.fullmatch(name) is None:
            raise ValueError("the name of an account has letters, digits and . _ @ -")
        values = {
            "user": name,
            "hash": await self._hash(name, password),
            "role": role,
            "enabled": "1" if enabled else "0",
            "change_required": "1" if change_required else "0",
        }
        made = await self._run(name, {"op": "create", "limit": self._limit, "set": values})
        assert made is not None
        return made

    async def update(
        self,
        name: str,
        *,
        password: str | None = None,
        role: str | None = None,
        enabled: bool | None = None,
        unlock: bool = False,
        change_required: bool | None = None,
        expect: Iterable[int] | None = None,
        keep_session: str | None = None,
        another: bool = False,
    ) -> Account:
        """Change what is given, if the version is one of ``expect``.

        A new password ends the account's sessions but ``keep_session``; being disabled ends all.
        With ``another`` the password must not be the one that the account has.
        Raises :class:`PasswordRejected`, :class:`AccountMissing`, :class:`RoleMissing`,
        :class:`LastAdministrator`, ``VersionMismatch``.
        """
        wanted = None if expect is None else frozenset(expect)
        found = await self._require(name, wanted)
        values: dict[str, str] = {}
        if password is not None:
            values["hash"] = await self._hash(name, password)
            if another and await self._passwords.verify(found.hash, password):
                raise PasswordRejected("a password that has to be changed must be another one")
            values["change_required"] = "0"
        if role is not None:
            values["role"] = role
        if enabled is not None:
            values["enabled"] = "1" if enabled else "0"
        if change_required is not None:
            values["change_required"] = "1" if change_required else "0"
        change: dict[str, Any] = {"op": "update", "set": values}
        if unlock:
            change.update(unset=["locked_until"], unlock=True)
        if password is not None or enabled is False:
            change["end_sessions"] = True
            if enabled is not False and keep_session is not None:
                change["keep_session"] = keep_session
        if wanted is not None:
            change["expect"] = sorted(wanted)
        changed = await self._run(name, change)
        assert changed is not None
        return changed

    async def _require(self, name: str, wanted: frozenset[int] | None) -> Account:
        # Before a password is hashed for nothing; the step itself looks once more.
        key = self._key(name)
        account = await self._load(key) if NAME.fullmatch(name) else None
        if account is None:
            raise AccountMissing(name)
        if wanted is not None and account.version not in wanted:
            raise VersionMismatch(account.version)
        return account

    async def delete(self, name: str, *, expect: Iterable[int] | None = None) -> None:
        """Remove an account and its sessions.

        Raises :class:`AccountMissing`, :class:`LastAdministrator`, ``VersionMismatch``.
        """
        if NAME.fullmatch(name) is None:
            raise AccountMissing(name)
        change: dict[str, Any] = {"op": "delete"}
        if expect is not None:
            change["expect"] = sorted(expect)
        await self._run(name, change)

    async def failed(self, account: Account | None) -> None:
        """Count a wrong password, which may lock the account; None, no account, counts nothing.

        Nobody is spared, not even the last administrator, at whose password one could guess for
        ever. A lock is no way to shut somebody out: it ends by itself, open sessions go on, and
        ``odimra user`` takes it off.
        """
        policy = await self._policy.read()
        if policy.lockout_threshold == 0 or policy.lockout_duration == 0:
            return  # AccountService v1: either one switches locking off
        # No account has an empty name.
        name, hashed = ("", "") if account is None else (account.name, account.hash)
        await self._store.script(
            FAILED,
            keys=[self._key(name)],
            args=[
                self._store.keys.root,
                name,
                self._clock.now_ms(),
                policy.lockout_threshold,
                policy.lockout_duration * 1000,
                policy.lockout_reset_after * 1000,
                hashed,
                self._store.options.max_events,
            ],
        )

    async def proved(self, account: Account) -> bool:
        """Forget the wrong passwords that came before the right one.

        False when the account was locked, disabled, deleted or given another password meanwhile.
        """
        reply = await self._store.script(
            PROVED,
            keys=[self._key(account.name)],
            args=[self._store.keys.root, account.name, self._clock.now_ms(), account.hash],
        )
        return bool(reply == 1)
