"""``/actuator/info``: what serves here. Clients ask it first, and show it as it is."""

from __future__ import annotations

import orjson

from odimra.midpoint.asking import Answer, Ask, Handler


def information(version: str) -> Handler:
    """Return what answers with the version of the service, as JSON whatever is asked for."""
    # Texts only: a client shows them in a table.
    raw = orjson.dumps({"version": version, "build": f"odimra {version}", "license": "Apache-2.0"})

    async def info(ask: Ask) -> Answer:
        """Which version of what serves here."""
        return Answer(raw=raw)

    return info
