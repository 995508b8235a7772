"""Test events: put on the stream like all others, and heard by whom the filters let hear them.

Called by the face of the EventService.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from odimra.events.model import prefix_of
from odimra.store import Script, Store

SAY = Script.from_package("odimra.events", "lua/say.lua")


class TestEvents:
    """What somebody who wants to see whether events arrive can have told."""

    __test__ = False  # no class of tests, whatever its name

    def __init__(self, store: Store) -> None:
        self._store = store

    async def submit(self, record: Mapping[str, Any], resource_type: str) -> None:
        """Tell of ``record`` (an EventRecord with a MessageId) as it is.

        ``resource_type`` is the schema name of what its OriginOfCondition leads to.
        """
        message_id = str(record["MessageId"])
        await self._say(
            registry=prefix_of(message_id),
            message=message_id.rpartition(".")[2],
            severity=str(record.get("MessageSeverity", "OK")),
            resource_type=resource_type,
            given=orjson.dumps(record),
        )

    async def announce(self) -> None:
        """Tell that this is a test (ResourceEvent.TestMessage)."""
        await self._say(
            registry="ResourceEvent",
            message="TestMessage",
            severity="OK",
            resource_type="EventService",
        )

    async def _say(self, **fields: str | bytes) -> None:
        flat = [part for pair in fields.items() for part in pair]
        await self._store.script(
            SAY, keys=[self._store.keys.events], args=[self._store.options.max_events, *flat]
        )
