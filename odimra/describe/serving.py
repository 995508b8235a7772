"""``/openapi.json``: the description, to everybody.

It tells what the pages of the documentation tell, and nothing of this installation. Mounted by
:mod:`odimra.faces`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import orjson
from aiohttp import ETag, hdrs, web

from odimra.describe.model import Operation, Reply, Served, summary

PATH = "/openapi.json"
METHODS = ("GET", "HEAD")
HEADERS = {
    "Content-Type": "application/json",
    # Asked again each time, and answered 304 for long: only an upgrade brings another one.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Server": "odimra",
}
OPERATION = Operation(
    "GET",
    PATH.strip("/"),
    {
        200: Reply("The description.", {"type": "object"}, {"ETag": "Its edition."}),
        304: Reply("The client has this edition.", headers={"ETag": "Its edition."}),
    },
    open=True,
)


class Description:
    """Serves a document, which is made when somebody asks for it first."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = make

    @property
    def served(self) -> Served:
        """The route, as the document has it."""
        return Served("GET", PATH.strip("/"), summary(self.serve))

    def mount(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.router.add_route("*", PATH, self.serve)

    @cached_property
    def _edition(self) -> tuple[bytes, str]:
        """The document as it is sent, and what stands for it."""
        raw = orjson.dumps(self._make())
        return raw, hashlib.sha256(raw).hexdigest()[:32]

    async def serve(self, request: web.Request) -> web.Response:
        """What this service has beside Redfish, in OpenAPI."""
        if request.method not in METHODS:
            return web.Response(status=405, headers={hdrs.ALLOW: ", ".join(METHODS)})
        raw, edition = self._edition
        headers = {**HEADERS, hdrs.ETAG: f'"{edition}"'}
        known = request.if_none_match or ()
        if any(one in (ETag("*"), ETag(edition), ETag(edition, is_weak=True)) for one in known):
            del headers[hdrs.CONTENT_TYPE]
            return web.Response(status=304, headers=headers)
        return web.Response(body=raw, headers=headers)
