"""What the stream of a store says of resources, as tests compare it."""

from __future__ import annotations

from dataclasses import dataclass

from odimra.events import Event
from odimra.store import Store


@dataclass
class News:
    """Reads the stream of a store on from where it was read last."""

    store: Store
    last: str = "-"

    async def events(self) -> list[Event]:
        """Return all events since then."""
        entries = await self.store.call("XRANGE", self.store.keys.events, self.last, "+")
        found = [Event.load(entry) for entry in entries]
        if found:
            self.last = f"({found[-1].id}"
        return found

    async def resources(self) -> list[Event]:
        """Return those of them that are about resources, tasks apart."""
        return [one for one in await self.events() if one.registry == "ResourceEvent"]

    async def told(self) -> list[tuple[str, str, str, str]]:
        """Return of those what happened to which resource, and whom it concerns."""
        return [
            (one.message.removeprefix("Resource"), one.resource_type, one.resource, one.owner)
            for one in await self.resources()
        ]
