"""Which keys a store has, of many that tests share."""

from __future__ import annotations

from odimra.store import Store


async def keys_of(store: Store, *parts: str) -> set[str]:
    """Return the keys of ``store`` that begin like ``keys.of(*parts)``; all without parts."""
    pattern = (store.keys.of(*parts) if parts else store.keys.root) + "*"
    found: set[str] = set()
    cursor: bytes | int = 0
    while True:  # others leave many keys there
        cursor, keys = await store.call("SCAN", cursor, "MATCH", pattern, "COUNT", 10_000)
        found |= {key.decode() for key in keys}
        if int(cursor) == 0:
            return found
