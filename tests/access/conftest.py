"""Access on a real store, with passwords that are cheap to hash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from odimra.access import Access, AccessOptions, HashingOptions
from odimra.store import Store, StoreOptions
from tests.fakes import FakeClock

CHEAP = HashingOptions(time_cost=1, memory_kib=8, parallelism=1, threads=2)
PASSWORD = "correct horse"

MakeAccess = Callable[..., Access]


@pytest.fixture
async def make_access(store: Store, clock: FakeClock) -> AsyncIterator[MakeAccess]:
    made: list[Access] = []

    def make(on: Store | None = None, **options: Any) -> Access:
        given = AccessOptions(**{"hashing": CHEAP, **options})
        made.append(Access(on or store, given, clock))
        return made[-1]

    yield make
    for access in made:
        access.close()


@pytest.fixture
async def access(make_access: MakeAccess) -> Access:
    """Access with an administrator ``root`` and an operator ``op``."""
    access = make_access()
    await access.accounts.create("root", PASSWORD, "Administrator")
    await access.accounts.create("op", PASSWORD, "Operator")
    return access


@pytest.fixture
async def other_store(store: Store) -> AsyncIterator[Store]:
    """The same store as another process sees it."""
    options = StoreOptions(store.options.url, namespace=store.options.namespace)
    opened = await Store.open(options)
    yield opened
    await opened.close()
