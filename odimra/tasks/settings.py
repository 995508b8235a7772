"""The writable properties of the TaskService, in the store so that all processes share them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from odimra.store import Document, DocumentExists, Store


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a PATCH of the TaskService may change (TaskService v1_3_0), and their version.

    ``auto_delete_minutes``: completed tasks go after that; ``monitor_expiry_seconds``: the monitor
    of a completed task goes that long after it was first read. None is never.
    """

    enabled: bool = True
    auto_delete_minutes: int | None = None
    monitor_expiry_seconds: int | None = None
    version: int = 0


def _write(settings: ServiceSettings) -> dict[str, str]:
    return {
        "enabled": "1" if settings.enabled else "0",
        "auto_delete_minutes": _text(settings.auto_delete_minutes),
        "monitor_expiry_seconds": _text(settings.monitor_expiry_seconds),
    }


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _read(document: Document) -> ServiceSettings:
    def number(name: str) -> int | None:
        text = document.fields.get(name, "")
        return int(text) if text else None

    return ServiceSettings(
        enabled=document.fields.get("enabled") != "0",
        auto_delete_minutes=number("auto_delete_minutes"),
        monitor_expiry_seconds=number("monitor_expiry_seconds"),
        version=document.version,
    )


class TaskServiceSettings:
    """The settings of one store; the configuration's values until somebody has changed them."""

    def __init__(self, store: Store, defaults: ServiceSettings) -> None:
        self._store = store
        self._documents = store.documents
        self._key = store.keys.of("setting", "task_service")
        self._defaults = defaults

    async def read(self) -> ServiceSettings:
        """Return the settings in force."""

        async def load() -> ServiceSettings:
            document = await self._documents.read(self._key)
            return self._defaults if document is None else _read(document)

        # Kept also when nobody has changed them: there is no document then that could be kept.
        return await self._store.cached(self._key, "settings", load)

    async def write(
        self, changes: dict[str, int | bool | None], *, expect: Iterable[int] | None = None
    ) -> ServiceSettings:
        """Change settings by name if the version is one of ``expect``.

        Raises :class:`~odimra.store.VersionMismatch`.
        """
        # Version 1 holds the configuration's values, so that the first change is one like any.
        with contextlib.suppress(DocumentExists):
            await self._documents.create(self._key, _write(self._defaults))
        text = {
            name: ("1" if value else "0") if isinstance(value, bool) else _text(value)
            for name, value in changes.items()
        }
        return _read(await self._documents.update(self._key, text, expect=expect))
