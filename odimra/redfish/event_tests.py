"""The actions that send test events (EventService v1_12_0).

Both take the way of every other event: onto the stream, through the filters, to the subscribers.
"""

from __future__ import annotations

from collections.abc import Callable

from odimra.events import EventServiceSettings, TestEvents
from odimra.redfish import errors
from odimra.redfish.event_json import EVENT_SERVICE
from odimra.redfish.resource import Body, Call, Reply, Resource

SUBMIT = "EventService.SubmitTestEvent"
TEST = "EventService.TestEventSubscription"

#: Allowable values of the parameters of SubmitTestEvent; the schema of its body has them too.
ALLOWABLE = {
    "EventType": [
        "StatusChange",
        "ResourceUpdated",
        "ResourceAdded",
        "ResourceRemoved",
        "Alert",
        "Other",
    ],
    "MessageSeverity": ["OK", "Warning", "Critical"],
}


def resources(
    tests: TestEvents, service: EventServiceSettings, schema_of: Callable[[str], str]
) -> list[Resource]:
    """Return the routes; ``schema_of`` names the schema of the resource at a URI."""
    face = TestEventFace(tests, service, schema_of)
    return [
        Resource(
            f"{EVENT_SERVICE}/Actions/{SUBMIT}",
            "EventService",
            post=face.submit,
            bodies={"POST": f"{SUBMIT}.json"},
            action=SUBMIT,
        ),
        Resource(
            f"{EVENT_SERVICE}/Actions/{TEST}", "EventService", post=face.announce, action=TEST
        ),
    ]


def actions() -> Body:
    """Return the actions as the EventService shows them."""
    allowable = {f"{name}@Redfish.AllowableValues": values for name, values in ALLOWABLE.items()}
    target = f"{EVENT_SERVICE}/Actions/"
    return {
        f"#{SUBMIT}": {"target": f"{target}{SUBMIT}", **allowable},
        f"#{TEST}": {"target": f"{target}{TEST}"},
    }


class TestEventFace:
    """The handlers."""

    __test__ = False  # no class of tests, whatever its name

    def __init__(
        self, tests: TestEvents, service: EventServiceSettings, schema_of: Callable[[str], str]
    ) -> None:
        self._tests = tests
        self._service = service
        self._schema_of = schema_of

    async def submit(self, call: Call) -> Reply:
        """The action: subscribers hear of an event with exactly these properties."""
        await self._publishing()
        record, kind = dict(call.body), ""
        uri = record.get("OriginOfCondition")
        if uri is not None:
            record["OriginOfCondition"] = {"@odata.id": uri}
            kind = self._schema_of(uri)
        await self._tests.submit(record, kind)
        return Reply(204)

    async def announce(self, call: Call) -> Reply:
        """The action: subscribers hear ResourceEvent.TestMessage."""
        await self._publishing()
        await self._tests.announce()
        return Reply(204)

    async def _publishing(self) -> None:
        # Nobody would hear of it, now or later: to say that it was sent would be wrong.
        if not (await self._service.read()).enabled:
            raise errors.service_disabled(EVENT_SERVICE)
