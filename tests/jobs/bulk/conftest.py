"""A yard that works, for tests of what scripts do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from odimra.store import Store
from tests.jobs.bulk.yard import TYPE, Yard


@pytest.fixture
async def yard(store: Store) -> AsyncIterator[Yard]:
    async with Yard(store) as made:
        made.work()
        yield made


@pytest.fixture
async def people(yard: Yard) -> None:
    """One user with a role, another role, and a resource."""
    await yard.records.create(
        TYPE,
        {
            "name": "ann",
            "city": "Ulm",
            "activation": {"administrativeStatus": "enabled"},
            "assignment": [{"id": 1, "targetRef": {"oid": "r1", "type": "RoleType"}}],
        },
        "a",
    )
    for name in ("r1", "r2"):
        await yard.records.create("managed/role", {"name": name}, name)
    await yard.records.create("managed/resource", {"name": "db"}, "db")
