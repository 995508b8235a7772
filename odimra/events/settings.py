"""The writable properties of the EventService, in the store so that all processes share them."""

from __future__ import annotations

from dataclasses import dataclass

from odimra.store import Kept, Store


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


EventServiceSettings = Kept[EventSettings]


def event_service_settings(store: Store, defaults: EventSettings) -> EventServiceSettings:
    """Return the settings of one store."""
    return Kept(store, "event_service", defaults, resource_type="EventService")
