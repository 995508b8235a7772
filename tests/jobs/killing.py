"""Worker processes that can be killed at any instant."""

from __future__ import annotations

import asyncio
import signal
import sys

from odimra.store import Store


class Workers:
    """Worker processes on one store; ``module`` is what they run."""

    def __init__(self, store: Store, module: str) -> None:
        self._store = store
        self._module = module
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        options = self._store.options
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module, options.url, options.namespace),
            stdout=asyncio.subprocess.PIPE,
        )
        self._processes.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

    async def kill(self, number: int) -> None:
        process = self._processes.pop(number)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def end(self) -> None:
        while self._processes:
            await self.kill(0)
