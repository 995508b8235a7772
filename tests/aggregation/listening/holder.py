"""Who listens, in a process of its own, to be killed.

``python -m tests.aggregation.listening.holder URL NAMESPACE KEY ADDRESS``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from odimra.aggregation.bmcs import Bmcs, BmcsOptions
from odimra.aggregation.listening import Ledger, Listening, ListeningOptions
from odimra.aggregation.sources import Sources
from odimra.aggregation.vault import Vault
from odimra.clock import SystemClock
from odimra.redfish.messages import Messages
from odimra.store import Store, StoreOptions


async def main(url: str, namespace: str, key: str, address: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace, timeout=10))
    clock = SystemClock()
    sources = Sources(store)
    async with Bmcs(sources, Vault.open(Path(key)), clock, BmcsOptions()) as bmcs:
        listening = Listening(
            Ledger(store),
            sources,
            bmcs,
            clock,
            # The lease outlives the process for as long.
            ListeningOptions(address, poll=0.05, check=0.05, scan=0.05, lease=1.0),
            word=Messages.load().build,
        )
        await listening.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
