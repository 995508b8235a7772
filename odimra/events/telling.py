"""From entries of the stream to events that are told: each is rendered once for all who hear it.

Called by :mod:`.feed`. How an event is worded is passed in.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from odimra.events.model import Event, Rendered
from odimra.events.streams import Place, place

log = logging.getLogger(__name__)

#: Events kept, so that many who come back at once do not have the same ones rendered for each.
KEPT = 2000


@dataclass(frozen=True, slots=True)
class Wording:
    """How events are worded: an ordinary one, that history is lost, that a stream was ended.

    The latter two take the id of a place in the stream, and a time in ms since the epoch.
    """

    render: Callable[[Event], Rendered]
    gap: Callable[[str, int], Rendered]
    terminated: Callable[[str, int], Rendered]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the stream; ``event`` is None where it cannot be worded.

    ``removed`` is the id of the EventDestination of which it says that there is none any more.
    """

    at: Place
    id: str
    event: Rendered | None
    removed: str = ""


class Teller:
    """Renders entries."""

    def __init__(self, wording: Wording) -> None:
        self.wording = wording
        self._kept: OrderedDict[bytes, Told] = OrderedDict()

    def __call__(self, entry: Sequence[Any]) -> Told:
        """Return what an entry is to be told as."""
        found = self._kept.get(entry[0])
        if found is None:
            found = self._kept[entry[0]] = self._told(entry)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _told(self, entry: Sequence[Any]) -> Told:
        stream_id = entry[0].decode()
        try:
            event = Event.load(entry)
            gone = (event.message, event.resource_type) == ("ResourceRemoved", "EventDestination")
            removed = event.resource if gone else ""
            return Told(place(stream_id), stream_id, self.wording.render(event), removed)
        except Exception:
            # Written by another version, perhaps: the others are told all the same.
            log.exception("event %s cannot be told", stream_id)
            return Told(place(stream_id), stream_id, None)
