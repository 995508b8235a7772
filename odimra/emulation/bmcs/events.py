"""Who listens to an emulated BMC, and what there is to be told. Sent by :mod:`.serving`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from odimra.emulation.bmcs.tree import Body, resource

#: Subscriptions that a BMC has room for, and events that wait to be sent; the oldest goes.
MOST = 20
WAITING = 100


class Subscriptions:
    """The subscriptions of one BMC."""

    def __init__(self) -> None:
        self._all: dict[str, dict[str, str]] = {}
        self._number = 0
        self._event = 0
        #: What is to be sent: where, and what.
        self.waiting: deque[tuple[str, Body]] = deque(maxlen=WAITING)

    @property
    def listening(self) -> bool:
        """Whether anybody listens."""
        return bool(self._all)

    def add(self, root: str, body: Body) -> str | None:
        """Keep a subscription; return where it is, None if it names no destination."""
        destination = body.get("Destination")
        if not isinstance(destination, str) or not destination.startswith(("http://", "https://")):
            return None
        if len(self._all) >= MOST:
            del self._all[next(iter(self._all))]
        self._number += 1
        uri = f"{root}/{self._number}"
        context = body.get("Context")
        self._all[uri] = {
            "Destination": destination,
            "Context": context if isinstance(context, str) else "",
        }
        return uri

    def remove(self, uri: str) -> bool:
        """Forget a subscription; tell whether there was one."""
        return self._all.pop(uri, None) is not None

    def uris(self, root: str) -> list[str]:
        """Return where they are."""
        return list(self._all)

    def represent(self, uri: str) -> Body | None:
        """Return one, or None."""
        kept = self._all.get(uri)
        if kept is None:
            return None
        type_ = "EventDestination.v1_15_0.EventDestination"
        return resource(uri, type_, "Subscription", Protocol="Redfish", **kept)

    def tell(
        self, message_id: str, text: str, origin: str, severity: str, args: Sequence[Any]
    ) -> None:
        """Have an event sent to everybody who listens."""
        if not self._all:
            return
        self._event += 1
        record = {
            "EventId": str(self._event), "EventType": "Event", "MemberId": "0",
            "MessageId": message_id, "Message": text, "MessageArgs": list(args),
            "MessageSeverity": severity, "OriginOfCondition": {"@odata.id": origin},
        }  # fmt: skip
        for kept in self._all.values():
            body = {
                "@odata.type": "#Event.v1_10_0.Event",
                "Id": str(self._event),
                "Name": "Event",
                "Context": kept["Context"],
                "Events": [record],
            }
            self.waiting.append((kept["Destination"], body))
