"""The writable properties of the EventService, in the store so that all processes share them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from odimra.store import Document, DocumentExists, Store


@dataclass(frozen=True, slots=True)
class EventSettings:
    """What a PATCH of the EventService may change (EventService v1_12_0), and their version.

    ``attempts`` is how often a delivery that failed is tried again before the subscription's policy
    acts, ``interval`` the seconds between two tries.
    """

    enabled: bool = True
    attempts: int = 3
    interval: int = 60
    version: int = 0


def _write(settings: EventSettings) -> dict[str, str]:
    return {
        "enabled": str(int(settings.enabled)),
        "attempts": str(settings.attempts),
        "interval": str(settings.interval),
    }


def _read(document: Document) -> EventSettings:
    fields = document.fields
    return EventSettings(
        fields["enabled"] == "1",
        int(fields["attempts"]),
        int(fields["interval"]),
        document.version,
    )


class EventServiceSettings:
    """The settings of one store; the given defaults until somebody has changed them."""

    def __init__(self, store: Store, defaults: EventSettings) -> None:
        self._store = store
        self._key = store.keys.of("setting", "event_service")
        self._defaults = defaults

    async def read(self) -> EventSettings:
        """Return the settings in force."""

        async def load() -> EventSettings:
            document = await self._store.documents.read(self._key)
            return self._defaults if document is None else _read(document)

        return await self._store.cached(self._key, "settings", load)

    async def write(
        self, changes: Mapping[str, int | bool], *, expect: Iterable[int] | None = None
    ) -> EventSettings:
        """Change settings by name if the version is one of ``expect``.

        Raises :class:`~odimra.store.VersionMismatch`.
        """
        # Version 1 holds the defaults, so that the first change is one like any.
        with contextlib.suppress(DocumentExists):
            await self._store.documents.create(self._key, _write(self._defaults))
        text = {name: str(int(value)) for name, value in changes.items()}
        return _read(await self._store.documents.update(self._key, text, expect=expect))
