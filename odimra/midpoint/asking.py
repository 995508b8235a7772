"""What a request of this face asks, and what an endpoint answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from odimra.access import Principal
from odimra.midpoint.errors import MidpointError
from odimra.midpoint.media import Document, Form, form_of, read_beside
from odimra.wire import BodyLimits, receive


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: who asks, where below the root, in which form the answer is wanted."""

    request: web.Request
    principal: Principal
    form: Form
    params: tuple[str, ...]
    limits: BodyLimits
    #: Where the request came in: what a Location begins with.
    root: str

    async def document(self) -> Document:
        """Return the body, in whichever form it is.

        Raises :class:`~odimra.midpoint.media.BadDocument`, UnknownForm, BadBody.
        """
        form = form_of(self.request.headers.get(hdrs.CONTENT_TYPE))
        raw = await receive(self.request, self.limits)
        if not raw.strip():
            raise MidpointError(400, "The body is missing")
        return await read_beside(raw, form, self.limits.max_depth)

    def flag(self, name: str) -> bool:
        """Return a parameter of the query that is true or false. Raises 400."""
        value = self.request.query.get(name, "false").lower()
        if value not in ("true", "false"):
            raise MidpointError(400, f"{name}: has to be true or false")
        return value == "true"

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter of the query that is a number up to ``most``. Raises 400."""
        value = self.request.query.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 12 or int(value) > most:
            raise MidpointError(400, f"{name}: has to be a number from 0 to {most}")
        return int(value)

    def may(self, privilege: str) -> None:
        """Raise 403 unless who asks has a privilege."""
        if privilege not in self.principal.privileges:
            raise MidpointError(403, f"This needs the privilege {privilege}")


@dataclass(frozen=True, slots=True)
class Stream:
    """Many items for one answer, in pages; ``path`` is where they are in it, before all else."""

    path: tuple[str, ...]
    pages: AsyncIterator[list[Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: a document (``name``, ``content``, its ``type``), or nothing but a status.

    ``stream`` are items that are in it besides; ``raw`` is JSON that is sent as it is.
    """

    status: int = 200
    name: str = ""
    content: Any = None
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Stream | None = None
    raw: bytes | None = None


Handler = Callable[[Ask], Awaitable[Answer]]
