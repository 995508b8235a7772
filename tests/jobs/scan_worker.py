"""A process that works on scans: ``python -m tests.jobs.scan_worker URL NAMESPACE``."""

from __future__ import annotations

import asyncio
import signal
import sys

from odimra.jobs.scanner.work import WorkOptions
from odimra.jobs.scanner.worker import ScannerOptions
from odimra.store import Store, StoreOptions
from tests.jobs.scripts import ok
from tests.jobs.yard import PythonScripts, Yard


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    options = ScannerOptions(WorkOptions(tell=0.2))
    async with Yard(store, PythonScripts(ok=ok), options=options) as yard:
        print("ready", flush=True)
        await yard.engine.work(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
