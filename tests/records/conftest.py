from __future__ import annotations

import pytest

from odimra.records.model import RecordOptions
from odimra.records.records import Records
from odimra.store import Store
from tests.fakes import FakeClock


@pytest.fixture
def options() -> RecordOptions:
    return RecordOptions(max_bytes=4096, max_sorted=50, max_results=100)


@pytest.fixture
def records(store: Store, options: RecordOptions, clock: FakeClock) -> Records:
    """The records of a store of one's own."""
    return Records(store, options, clock)
