"""The writable properties of the TaskService, in the store so that all processes share them."""

from __future__ import annotations

from dataclasses import dataclass

from odimra.store import Kept, Store


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


TaskServiceSettings = Kept[ServiceSettings]


def task_service_settings(store: Store, defaults: ServiceSettings) -> TaskServiceSettings:
    """Return the settings of one store. The atomic step that creates a task reads them too."""
    return Kept(store, "task_service", defaults, resource_type="TaskService")
