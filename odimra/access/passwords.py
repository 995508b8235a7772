"""Hashing of passwords, off the event loop and no more at a time than there is memory for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from odimra.access.model import HashingBusy, PasswordRejected

T = TypeVar("T")

#: Computations that may wait for each thread; at 30 ms each the last one waits two seconds.
WAITING = 64


@dataclass(frozen=True, slots=True)
class HashingOptions:
    """The cost of argon2id (RFC 9106); ``threads`` hashes are computed at a time."""

    time_cost: int = 2
    memory_kib: int = 19456
    parallelism: int = 1
    threads: int = 2


class Passwords:
    """Hashes and verifies. Raises :class:`HashingBusy` when too many wait already."""

    def __init__(self, options: HashingOptions) -> None:
        self._hasher = PasswordHasher(options.time_cost, options.memory_kib, options.parallelism)
        self._pool = ThreadPoolExecutor(options.threads, "argon2")
        self._most = options.threads * (WAITING + 1)
        self._under_way = 0

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password."""
        return await self._compute(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether a password is right; for None (no account) take as long as for one."""
        if hashed is None:
            await self.hash(password)  # the same work as a verification
            return False
        return await self._compute(lambda: self._check(hashed, password))

    async def _compute(self, work: Callable[[], T]) -> T:
        if self._under_way >= self._most:
            raise HashingBusy
        running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        self._under_way += 1
        # When it is done, not when the caller is: who gives up waiting leaves the work behind.
        running.add_done_callback(self._done)
        return await running

    def _done(self, _: asyncio.Future[T]) -> None:
        self._under_way -= 1

    def _check(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _bytes(password: str) -> bytes:
    # JSON can carry halves of characters, which no strict encoding takes.
    return password.encode("utf-8", "surrogatepass")


def check_rules(password: str, user: str, *, shortest: int, longest: int) -> None:
    """Refuse a password that breaks the rules. Raises :class:`PasswordRejected`."""
    if not shortest <= len(password) <= longest:
        raise PasswordRejected(f"a password has {shortest} to {longest} characters")
    if user.casefold() in password.casefold():
        raise PasswordRejected("a password must not contain the name of its account")
    if any(ord(one) < 32 or ord(one) == 127 or "\ud800" <= one <= "\udfff" for one in password):
        raise PasswordRejected("a password has whole characters and no control characters")
