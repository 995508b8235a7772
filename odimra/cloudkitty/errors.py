"""Errors as CloudKitty words them: ``{"message"}`` below /v2, a fault below /v1.

What the rooms below raise becomes one of these in one table. Used by every module of this face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from odimra.access import HashingBusy
from odimra.access.entry import ForeignOrigin, PasswordChangeNeeded
from odimra.idempotency import BadRetryKey
from odimra.rating.errors import BadRule, RuleExists, RuleMissing, ScopeMissing, TooMany
from odimra.store import StoreUnavailable
from odimra.tasks import TaskMissing, TaskServiceDisabled, TasksFull
from odimra.tasks.retries import RetryKeyTaken
from odimra.wire import BadBody, BodyTooLong, BodyTooSlow


class RatingFault(Exception):
    """An error response."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    def body(self, *, old: bool) -> dict[str, Any]:
        """Return the body of the response; ``old`` is that of /v1."""
        if self.status == 401:
            return {"error": {"code": 401, "title": "Unauthorized", "message": self.message}}
        if old:
            side = "Client" if self.status < 500 else "Server"
            return {"faultcode": side, "faultstring": self.message, "debuginfo": None}
        return {"message": self.message}


def bad(message: str) -> RatingFault:
    """Return the error of a request that makes no sense."""
    return RatingFault(400, message)


def denied(root: str) -> RatingFault:
    """Return the error of somebody who is not known."""
    return RatingFault(
        401,
        "The request you have made requires authentication.",
        headers={"WWW-Authenticate": f'Keystone uri="{root}", Basic realm="odimra"'},
    )


def unavailable(seconds: int) -> RatingFault:
    """Return the error of a service that cannot answer now."""
    return RatingFault(
        503,
        "The service cannot answer at present",
        headers={"Retry-After": str(max(1, seconds))},
    )


def _said(status: int) -> Callable[[Any], RatingFault]:
    return lambda error: RatingFault(status, str(error))


MALFORMED = "The browser (or proxy) sent a request that this server could not understand."

#: What is made of the failures of the rooms; the first class that fits.
TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], RatingFault]], ...] = (
    (StoreUnavailable, lambda error: unavailable(error.retry_after)),
    (HashingBusy, lambda error: unavailable(error.retry_after)),
    (BodyTooLong, lambda error: RatingFault(413, "The body is longer than is taken.")),
    (BodyTooSlow, lambda error: RatingFault(408, "The body did not arrive in time.")),
    (BadBody, lambda error: bad(MALFORMED)),
    (RuleExists, _said(409)),
    (RuleMissing, lambda error: RatingFault(404, f"No such {error.kind}: None (UUID: {error.id})")),
    (BadRule, _said(400)),
    (ScopeMissing, lambda error: RatingFault(404, "No resource found for provided filters.")),
    (TooMany, _said(409)),
    (TaskMissing, lambda error: RatingFault(404, "The task of the request is gone.")),
    (TasksFull, lambda error: unavailable(error.retry_after)),
    (TaskServiceDisabled, lambda error: unavailable(60)),
    (ForeignOrigin, _said(403)),
    (PasswordChangeNeeded, _said(403)),
    (BadRetryKey, _said(400)),
    (RetryKeyTaken, _said(422)),
)


def translated(error: Exception) -> RatingFault | None:
    """Return what an error of a room comes to, None for one that nobody knows."""
    for kind, translate in TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None
