"""What is told in OpenAPI of those who watch. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from odimra.describe.model import Operation, Reply, Served, ref, summary
from odimra.metrics.frame import HEALTH, METRICS, READY, Watching

TEXT = {"type": "string"}
PLAIN = ("text/plain",)
AGAIN = {"Retry-After": "When, in seconds."}
OPERATIONS = (
    Operation(
        "GET",
        METRICS.strip("/"),
        {
            200: Reply("Metrics.", TEXT, media=("text/plain", "application/openmetrics-text")),
            401: Reply("Neither of this host nor logged in.", TEXT, media=PLAIN),
            403: Reply("The password has to be changed first.", TEXT, media=PLAIN),
            503: Reply("Nobody can be logged in at present.", TEXT, AGAIN, PLAIN),
        },
        text="Who is on this host needs no login, unless `metrics.without_login` says otherwise.",
        optional=True,
    ),
    Operation("GET", HEALTH.strip("/"), {200: Reply("It lives.", ref("Alive"))}, open=True),
    Operation(
        "GET",
        READY.strip("/"),
        {
            200: Reply("It can work.", ref("Ready")),
            503: Reply("The store does not answer.", ref("NotReady")),
        },
        open=True,
    ),
)


def served(watching: Watching) -> list[Served]:
    """Return the routes."""
    handlers = {METRICS: watching.metrics, HEALTH: watching.health, READY: watching.ready}
    return [Served("GET", path.strip("/"), summary(one)) for path, one in handlers.items()]
