"""What is told in OpenAPI of where BMCs post their events. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from odimra.aggregation.listening.receiver import Receiver
from odimra.aggregation.listening.subscribing import RECEIVER
from odimra.describe.model import Body, Operation, Reply, Served, summary

PATH = f"{RECEIVER.strip('/')}/{{source}}/{{secret}}"
AGAIN = {"Retry-After": "When it may be sent again, in seconds."}
OPERATION = Operation(
    "POST",
    PATH,
    {
        204: Reply("It is taken."),
        400: Reply("It cannot be read."),
        404: Reply("There is no such source, or it has another secret."),
        408: Reply("It came too slowly."),
        413: Reply("It is too long."),
        429: Reply("The BMC tells more than it may.", headers=AGAIN),
        503: Reply("It has to be sent again.", headers=AGAIN),
    },
    body=Body({"description": "An Event of Redfish; what a BMC sends else is looked over."}),
    places={
        "source": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
        "secret": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"},
    },
    text="Who knows the secret of the path needs no account.",
    open=True,
)


def served(receiver: Receiver) -> Served:
    """Return the route."""
    return Served("POST", OPERATION.route[1], summary(receiver.receive))
