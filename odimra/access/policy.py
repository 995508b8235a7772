"""What the AccountService and the SessionService can be set to, in the store for all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar, cast
from zlib import crc32

from odimra.store import Document, DocumentExists, DocumentMissing, Store, VersionMismatch

#: Versions of what nobody has changed begin here, where those of the store never come.
CONFIGURED = 2**40
#: Writers that may come between a look and a write before the writer gives up.
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. A lockout threshold or duration of 0 never locks (AccountService v1)."""

    min_password_length: int = 8
    max_password_length: int = 128
    lockout_threshold: int = 5
    lockout_duration: int = 30
    lockout_reset_after: int = 30
    version: int = 0


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """``timeout`` in seconds without use."""

    timeout: int = 1800
    version: int = 0


class PolicyConflict(ValueError):
    """Two settings contradict each other: ``first`` cannot be so because of ``second``."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} contradicts {second}")
        self.first = first
        self.second = second


P = TypeVar("P", bound="Policy | SessionPolicy")


def consistent(policy: Policy) -> None:
    """Refuse a policy that contradicts itself. Raises :class:`PolicyConflict`."""
    if policy.min_password_length > policy.max_password_length:
        raise PolicyConflict("min_password_length", "max_password_length")
    # AccountService v1: the counter is reset no later than the lock ends.
    if 0 < policy.lockout_duration < policy.lockout_reset_after:
        raise PolicyConflict("lockout_reset_after", "lockout_duration")


def _with(policy: P, values: Mapping[str, int]) -> P:
    changed: Any = replace(policy, **values)  # type: ignore[type-var,arg-type,unused-ignore]
    return cast("P", changed)


class Kept(Generic[P]):
    """One policy: the configuration's values until somebody has changed them."""

    def __init__(
        self,
        store: Store,
        name: str,
        defaults: P,
        check: Callable[[P], None] | None = None,
    ) -> None:
        self._store = store
        self._cache = store.cache
        self._key = store.keys.of("setting", name)
        # The configuration may change from one start to the next: with it, the version.
        self._defaults = _with(defaults, {"version": CONFIGURED + crc32(repr(defaults).encode())})
        self._check = check

    async def read(self) -> P:
        """Return the policy in force."""
        return await self._store.cached(self._key, "policy", self._load)

    def peek(self) -> P | None:
        """Return the policy in force if it is in the cache."""
        found: P | None = self._cache.peek(self._key, "policy")
        return found

    async def _load(self) -> P:
        reply = await self._store.call("HGETALL", self._key)
        return self._of(Document.from_reply(reply)) if reply else self._defaults

    def _of(self, document: Document) -> P:
        numbers = {
            field.name: int(document.fields[field.name])
            for field in fields(self._defaults)
            if field.name in document.fields
        }
        return _with(self._defaults, {**numbers, "version": document.version})

    async def write(self, changes: Mapping[str, int], *, expect: Iterable[int] | None) -> P:
        """Change values by name if the version is one of ``expect``.

        Raises :class:`PolicyConflict`, :class:`~odimra.store.VersionMismatch`.
        """
        wanted = None if expect is None else frozenset(expect)
        for _ in range(ATTEMPTS):
            current = await self._load()
            if wanted is not None and current.version not in wanted:
                raise VersionMismatch(current.version)
            changed = _with(current, changes)
            if self._check is not None:
                self._check(changed)
            try:
                return self._of(await self._write(changed))
            except (VersionMismatch, DocumentExists, DocumentMissing):
                continue  # somebody else was faster: what is checked together is written together
        raise VersionMismatch(current.version)

    async def _write(self, policy: P) -> Document:
        values = {
            field.name: str(getattr(policy, field.name))
            for field in fields(policy)
            if field.name != "version"
        }
        documents = self._store.documents
        if policy.version >= CONFIGURED:
            return await documents.create(self._key, values)
        return await documents.update(self._key, values, expect={policy.version})
