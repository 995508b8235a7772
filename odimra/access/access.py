"""Who is asking: from a token or a name and password to a principal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from odimra.access.accounts import Accounts
from odimra.access.model import (
    ADMINISTRATOR,
    Account,
    AccountExists,
    AuthenticationFailed,
    Principal,
    Session,
    principal_of,
)
from odimra.access.passwords import HashingOptions, Passwords
from odimra.access.peek import Peek
from odimra.access.policy import Kept, Policy, SessionPolicy, consistent
from odimra.access.roles import Roles, standard_roles
from odimra.access.sessions import SessionLimits, Sessions
from odimra.clock import Clock
from odimra.store import Store

#: Passwords that HTTP Basic has proved and that are believed for a while, at most.
BELIEVED = 1000


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """The configuration of this room; ``basic_cache`` in seconds."""

    administrator: str = "admin"
    policy: Policy = field(default_factory=Policy)
    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    limits: SessionLimits = field(default_factory=SessionLimits)
    max_accounts: int = 1000
    basic_cache: int = 60
    hashing: HashingOptions = field(default_factory=HashingOptions)


@dataclass(frozen=True, slots=True)
class _Believed:
    version: int
    until: int


class Access:
    """Accounts, roles, sessions and the ways to authenticate."""

    def __init__(
        self,
        store: Store,
        options: AccessOptions,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.options = options
        self._clock = clock
        self._random = random_bytes
        self._passwords = Passwords(options.hashing)
        self.policy = Kept(store, "account_service", options.policy, consistent)
        self.session_policy = Kept(store, "session_service", options.sessions)
        self.roles = Roles(store, standard_roles())
        self.accounts = Accounts(
            store,
            self.roles,
            self._passwords,
            self.policy,
            clock,
            limit=options.max_accounts,
        )
        self.sessions = Sessions(
            store, self.session_policy, options.limits, clock, random_bytes=random_bytes
        )
        self._peek = Peek(store, self.session_policy, self.roles, clock)
        # The key lives as long as the process: what is kept under it is of no use elsewhere.
        self._key = random_bytes(32)
        self._believed: OrderedDict[bytes, _Believed] = OrderedDict()
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}

    def close(self) -> None:
        """Let the hashing threads end."""
        self._passwords.close()

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        """Return who asks, by session token or else by name and password.

        Raises :class:`AuthenticationFailed`, for whichever reason.
        """
        if token is not None:
            return await self._by_token(token)
        if basic is not None:
            account = await self.verify(*basic)
            return principal_of(account, await self.roles.get(account.role), None)
        raise AuthenticationFailed

    async def _by_token(self, token: str) -> Principal:
        session = await self.sessions.find(token)
        if session is None:
            raise AuthenticationFailed
        account = await self.accounts.get(session.account)
        if account is None or not account.enabled:
            raise AuthenticationFailed
        return principal_of(account, await self.roles.get(account.role), session.id)

    def peek(self, token: str) -> Principal | None:
        """Return who asks if all that is needed to know is in the cache, without waiting."""
        return self._peek(token)

    async def verify(self, name: str, password: str) -> Account:
        """Return the account of a name and password.

        Raises :class:`AuthenticationFailed`: unknown, disabled, locked or wrong, in the same time.
        """
        account = await self.accounts.get(name)
        if account is not None and self._believes(account, password):
            if account.enabled and not account.locked(self._clock.now_ms()):
                return account
            raise AuthenticationFailed
        right = await self._verify_once(account, name, password)
        if account is None:
            raise AuthenticationFailed
        if account.locked(self._clock.now_ms()) or not account.enabled:
            raise AuthenticationFailed
        if not right:
            await self.accounts.failed(name)
            raise AuthenticationFailed
        await self.accounts.succeeded(name)
        self._believe(account, password)
        return account

    def _mark(self, name: str, password: str) -> bytes:
        text = f"{len(name)}:{name}{password}".encode()
        return hmac.digest(self._key, text, hashlib.sha256)

    def _believes(self, account: Account, password: str) -> bool:
        known = self._believed.get(self._mark(account.name, password))
        # Any change of the account is another version: what was believed is so no longer.
        return (
            known is not None
            and known.version == account.version
            and self._clock.now_ms() < known.until
        )

    def _believe(self, account: Account, password: str) -> None:
        if not self.options.basic_cache:
            return
        until = self._clock.now_ms() + self.options.basic_cache * 1000
        self._believed[self._mark(account.name, password)] = _Believed(account.version, until)
        if len(self._believed) > BELIEVED:
            self._believed.popitem(last=False)

    async def _verify_once(self, account: Account | None, name: str, password: str) -> bool:
        """Verify; requests that prove the same at the same time share one computation."""
        hashed = None if account is None else account.hash
        mark = self._mark(name, password) + (hashed or "").encode()
        running = self._verifying.get(mark)
        if running is None:
            running = asyncio.create_task(self._passwords.verify(hashed, password))
            self._verifying[mark] = running
            running.add_done_callback(lambda _: self._verifying.pop(mark, None))
        return await asyncio.shield(running)

    async def login(self, name: str, password: str, *, client: str = "") -> tuple[Session, str]:
        """Open a session; return it and its token.

        Raises :class:`AuthenticationFailed`, :class:`SessionLimitReached`.
        """
        account = await self.verify(name, password)
        role = await self.roles.get(account.role)
        if role is None or "Login" not in role.privileges:
            raise AuthenticationFailed
        return await self.sessions.open(account.name, client=client)

    async def first_start(self, state_folder: Path, password: str | None = None) -> Path | None:
        """Make the administrator's account if there is no account at all.

        Without ``password`` one is made by chance and written to ``initial-password`` in the state
        folder *before* the account is made, so that no crash leaves an account nobody can use.
        Returns that file, or None when there was nothing to do.
        """
        if await self.accounts.count():
            return None
        file = None
        if password is None:
            file = state_folder / "initial-password"
            password = self._initial_password(file)
        try:
            await self.accounts.create(self.options.administrator, password, ADMINISTRATOR)
        except AccountExists:
            return None  # another process was faster, with the same password
        return file

    def _initial_password(self, file: Path) -> str:
        draft = file.with_name(f".{file.name}.{self._random(8).hex()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(self._random(12).hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)  # whole or not at all, and only the first of several processes
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return file.read_text(encoding="utf-8").strip()
