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
    PasswordRejected,
    Principal,
    Session,
    principal_of,
)
from odimra.access.passwords import HashingOptions, Passwords
from odimra.access.peek import Peek
from odimra.access.policy import Policy, SessionPolicy, consistent
from odimra.access.roles import Roles, standard_roles
from odimra.access.sessions import SessionLimits, Sessions
from odimra.clock import Clock
from odimra.store import Kept, Store

#: Passwords that HTTP Basic has proved and that are believed for a while, at most.
BELIEVED = 1000
#: Characters of the first password, where the rules allow as many: 24 of 32 are 120 bits.
INITIAL = 24
#: 32 characters that cannot be mistaken for one another.
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


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
    hash: str = field(repr=False)
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
        self.policy = Kept(
            store, "account_service", options.policy, consistent, resource_type="AccountService"
        )
        self.session_policy = Kept(
            store, "session_service", options.sessions, resource_type="SessionService"
        )
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
        self._peek = Peek(store, self.sessions, self.accounts, self.roles)
        # The key lives as long as the process: what is kept under it is of no use elsewhere.
        self._key = random_bytes(32)
        self._believed: OrderedDict[bytes, _Believed] = OrderedDict()
        self._proving: dict[bytes, asyncio.Task[bool]] = {}

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

    async def principal(self, name: str) -> Principal | None:
        """Return what the account ``name`` may do now; None when it is gone or disabled.

        For what somebody set up earlier, such as a subscription: nobody has to prove anything.
        """
        account = await self.accounts.get(name)
        if account is None or not account.enabled:
            return None
        return principal_of(account, await self.roles.get(account.role), None)

    def peek(self, token: str) -> Principal | None:
        """Return who asks if all that is needed to know is in the cache, without waiting."""
        return self._peek(token)

    async def verify(self, name: str, password: str) -> Account:
        """Return the account of a name and password.

        Raises :class:`AuthenticationFailed`: unknown, disabled, locked or wrong, in the same time;
        :class:`HashingBusy`.
        """
        account = await self.accounts.get(name)
        if account is not None and self._believes(account, password):
            if account.enabled and not account.locked(self._clock.now_ms()):
                return account
            raise AuthenticationFailed
        proved = await self._prove_once(account, name, password)
        if account is None or not proved:
            raise AuthenticationFailed
        self._believe(account, password)
        return account

    def _mark(self, name: str, password: str) -> bytes:
        text = f"{len(name)}:{name}{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, hashlib.sha256)

    def _believes(self, account: Account, password: str) -> bool:
        known = self._believed.get(self._mark(account.name, password))
        # Any change of the account is another version: what was believed is so no longer. Nor is it
        # of another account of that name; no two hashes are alike.
        return (
            known is not None
            and known.version == account.version
            and known.hash == account.hash
            and self._clock.now_ms() < known.until
        )

    def _believe(self, account: Account, password: str) -> None:
        if not self.options.basic_cache:
            return
        until = self._clock.now_ms() + self.options.basic_cache * 1000
        proof = _Believed(account.hash, account.version, until)
        self._believed[self._mark(account.name, password)] = proof
        if len(self._believed) > BELIEVED:
            self._believed.popitem(last=False)

    async def _prove_once(self, account: Account | None, name: str, password: str) -> bool:
        """Prove; requests that prove the same at the same time share one computation.

        They count as one attempt: a client that asks for several things at once with an old
        password does not lock its account.
        """
        mark = self._mark(name, password) + (account.hash if account else "").encode()
        running = self._proving.get(mark)
        if running is None:
            running = asyncio.create_task(self._prove(account, password))
            self._proving[mark] = running
            running.add_done_callback(lambda done: self._proved(mark, done))
        return await asyncio.shield(running)

    def _proved(self, mark: bytes, done: asyncio.Task[bool]) -> None:
        del self._proving[mark]
        if not done.cancelled():
            done.exception()  # looked at, should all who asked have gone away

    async def _prove(self, account: Account | None, password: str) -> bool:
        right = await self._passwords.verify(None if account is None else account.hash, password)
        if account is None or not right:
            # Also for a name that nobody has: how long it takes must not tell which it is.
            await self.accounts.failed(account)
            return False
        return await self.accounts.proved(account)

    async def login(
        self, name: str, password: str, *, client: str = "", context: str | None = None
    ) -> tuple[Session, str]:
        """Open a session for ``client`` (its address); return it and its token.

        Raises :class:`AuthenticationFailed`, :class:`SessionLimitReached`, :class:`HashingBusy`.
        """
        account = await self.verify(name, password)
        role = await self.roles.get(account.role)
        if role is None or "Login" not in role.privileges:
            raise AuthenticationFailed
        return await self.sessions.open(account, client=client, context=context)

    async def first_start(self, state_folder: Path, password: str | None = None) -> Path | None:
        """Make the administrator's account if there is no account at all.

        Without ``password`` one is made by chance and written to ``initial-password`` in the state
        folder *before* the account is made, so that no crash leaves an account nobody can use.
        Returns that file, or None when there was nothing to do or ``password`` was given.
        Raises :class:`PasswordRejected` when ``password``, or what the file holds already, breaks
        the rules.
        """
        if await self.accounts.count():
            return None
        file = None
        if password is None:
            file = state_folder / "initial-password"
            password = await self._initial_password(file)
        name = self.options.administrator
        try:
            await self.accounts.create(name, password, ADMINISTRATOR)
        except AccountExists:
            # Another process was faster: with this password if it shares the folder.
            if file is not None and not await self._is_right(name, password):
                file.unlink(missing_ok=True)
            return None
        except PasswordRejected as error:
            if file is None:
                raise
            raise PasswordRejected(
                f"{file} was there before the first start, and {error}: remove the file"
            ) from None
        return file

    async def _is_right(self, name: str, password: str) -> bool:
        account = await self.accounts.get(name)
        return account is not None and await self._passwords.verify(account.hash, password)

    async def _initial_password(self, file: Path) -> str:
        password = self._random_password(await self.policy.read())
        return await asyncio.to_thread(self._write_once, file, password)

    def _random_password(self, policy: Policy) -> str:
        length = min(max(INITIAL, policy.min_password_length), policy.max_password_length)
        # The password must not contain the name, which may be as short as one letter.
        name = self.options.administrator.casefold()
        letters = LETTERS.replace(name, "") if len(name) == 1 else LETTERS
        while True:
            password = "".join(letters[byte % len(letters)] for byte in self._random(length))
            if name not in password:
                return password

    def _write_once(self, file: Path, password: str) -> str:
        """Write ``password`` unless the file is there; return what is in it."""
        draft = file.with_name(f".{file.name}.{self._random(8).hex()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w") as out:
                out.write(password + "\n")
                out.flush()
                os.fsync(out.fileno())
            os.link(draft, file)  # whole or not at all, and only the first of several processes
        except FileExistsError:
            file.chmod(0o600)  # whoever put it there: it is the administrator's password
        finally:
            draft.unlink()
        return file.read_text(encoding="utf-8").strip()
