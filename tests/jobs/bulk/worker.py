"""A process that works on bulk scripts: ``python -m tests.jobs.bulk.worker URL NAMESPACE``."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import Any

from odimra.jobs.bulk.steps import BulkOptions
from odimra.records.transaction import Transaction
from odimra.store import Store, StoreOptions
from tests.jobs.bulk.yard import TYPE, Yard


async def bump(bindings: Mapping[str, Any], change: Transaction) -> int:
    """Count one more on the object: done twice, it shows."""
    id = bindings["input"]["oid"]
    # Scripts take their time in other processes.
    await asyncio.sleep(0.0005)
    record = await change.patch(
        TYPE, id, [{"operation": "increment", "field": "/n", "value": 1}], None
    )
    return int(record.content["n"])


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    options = BulkOptions(flush_items=20, flush_seconds=0.1)
    async with Yard(store, options, machines=12) as yard:
        yard.scripts.named["bump"] = bump
        yard.machines.slow = 0.05
        print("ready", flush=True)
        await yard.engine.work(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
