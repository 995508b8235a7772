"""What errors say, and what they are about."""

from __future__ import annotations

from tests.cloudkitty.conftest import Desk
from tests.rating.yard import PERIOD

#: The last period that was rated: 2027-01-15 08:00, which is when FakeClock starts.
LAST = 1_800_000_000
FIRST, END = "2027-01-15T02:00:00Z", "2027-01-15T04:00:00Z"

MALFORMED = "The browser (or proxy) sent a request that this server could not understand."
NOT_JSON = (
    "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
)
FORBIDDEN = "You are not authorized to perform this action"
NONE = "No resource found for provided filters."


async def scopes(desk: Desk) -> None:
    await desk.yard.scope("p1", LAST)
    await desk.yard.scope("p2", LAST - 5 * PERIOD)
    await desk.yard.scope("off", LAST, active=False)
