"""The store for commands that work on it themselves, beside a running service or without one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from odimra.config import Settings
from odimra.store.embedded import EmbeddedStore


@contextlib.asynccontextmanager
async def store_url(settings: Settings) -> AsyncIterator[str]:
    """Yield the URL of the store; the embedded one runs at least as long as this is open.

    Raises :class:`~odimra.store.embedded.EmbeddedStoreError`.
    """
    if settings.store.url != "embedded:":
        yield settings.store.url
        return
    store = EmbeddedStore(Path(settings.state_folder), settings.store.fsync)
    try:
        yield await store.start()
    finally:
        await store.stop()
