"""A yard that works, for tests of what scripts do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from odimra.store import Store
from tests.jobs.bulk.yard import Yard


@pytest.fixture
async def yard(store: Store) -> AsyncIterator[Yard]:
    async with Yard(store) as made:
        made.work()
        yield made
