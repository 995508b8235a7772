"""Scripts in Python, for scans where it is not about JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.records.transaction import Transaction
from tests.jobs.yard import TYPE


async def ok(bindings: Mapping[str, Any], change: Transaction) -> Any:
    """Count on the record how often it was worked on."""
    _, record_id = bindings["objectID"].rsplit("/", 1)
    value = bindings["input"].get("count", 0) + 1
    count = {"operation": "replace", "field": "/count", "value": value}
    await change.patch(TYPE, record_id, [count], None)
    return True
