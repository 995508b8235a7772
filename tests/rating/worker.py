"""A process that rates windows again: ``python -m tests.rating.worker URL NAMESPACE``."""

from __future__ import annotations

import asyncio
import signal
import sys

from odimra.jobs.reprocess import worker
from odimra.store import Store, StoreOptions
from tests.rating.yard import Yard


async def main(url: str, namespace: str) -> None:
    # Small steps: so there is time to be killed in the middle.
    worker.PERIODS = 10
    store = await Store.open(StoreOptions(url, namespace=namespace))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Yard(store) as yard:
        print("ready", flush=True)
        await yard.engine.work(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
