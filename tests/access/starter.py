"""A process that starts for the first time when told to: store URL, namespace, state folder."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from odimra.access import Access, AccessOptions, HashingOptions
from odimra.clock import SystemClock
from odimra.store import Store, StoreOptions


async def main(url: str, namespace: str, folder: str) -> None:
    store = await Store.open(StoreOptions(url, namespace))
    access = Access(store, AccessOptions(hashing=HashingOptions(1, 8, 1, 1)), SystemClock())
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await access.first_start(Path(folder)) is not None)
    access.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
