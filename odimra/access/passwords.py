"""Hashing of passwords, off the event loop and no more at a time than there is memory for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from odimra.access.model import PasswordRejected


@dataclass(frozen=True, slots=True)
class HashingOptions:
    """The cost of argon2id (RFC 9106); ``threads`` hashes are computed at a time."""

    time_cost: int = 2
    memory_kib: int = 19456
    parallelism: int = 1
    threads: int = 2


class Passwords:
    """Hashes and verifies."""

    def __init__(self, options: HashingOptions) -> None:
        self._hasher = PasswordHasher(options.time_cost, options.memory_kib, options.parallelism)
        self._pool = ThreadPoolExecutor(options.threads, "argon2")
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether a password is right; for None (no account) take as long as for one."""
        if hashed is None:
            if self._dummy is None:
                self._dummy = await self.hash("")
            hashed = self._dummy
            await self._verify(hashed, password)
            return False
        return await self._verify(hashed, password)

    async def _verify(self, hashed: str, password: str) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._check, hashed, password)

    def _check(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def check_rules(password: str, user: str, *, shortest: int, longest: int) -> None:
    """Refuse a password that breaks the rules. Raises :class:`PasswordRejected`."""
    if not shortest <= len(password) <= longest:
        raise PasswordRejected(f"a password has {shortest} to {longest} characters")
    if user and user.lower() in password.lower():
        raise PasswordRejected("a password must not contain the name of its account")
    if any(ord(character) < 32 or ord(character) == 127 for character in password):
        raise PasswordRejected("a password has no control characters")
