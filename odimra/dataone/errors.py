"""Errors of this face: ``{"message"}``. What the rooms below raise becomes one in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from odimra.access import AuthenticationFailed, HashingBusy
from odimra.access.entry import ForeignOrigin, PasswordChangeNeeded
from odimra.idempotency import BadRetryKey
from odimra.jobs.submission.contracts import BadVariables
from odimra.jobs.submission.jobs import JobsFull
from odimra.jobs.submission.starting import StartRefused
from odimra.store import StoreUnavailable
from odimra.tasks import TaskGuarded, TaskMissing, TaskServiceDisabled, TasksFull, TransitionRefused
from odimra.tasks.retries import RetryKeyTaken
from odimra.wire import BadBody, BodyTooLong, BodyTooSlow


class JobFault(Exception):
    """An error response."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def bad(message: str) -> JobFault:
    """Return the error of a request that makes no sense."""
    return JobFault(400, message)


def unavailable(seconds: int) -> JobFault:
    """Return the error of a service that cannot answer now."""
    headers = {"Retry-After": str(max(1, seconds))}
    return JobFault(503, "The service cannot answer at present", headers=headers)


def _denied(error: Exception) -> JobFault:
    challenge = 'Basic realm="odimra", charset="UTF-8"'
    return JobFault(401, "Authentication is required", headers={"WWW-Authenticate": challenge})


def _said(status: int) -> Callable[[Any], JobFault]:
    return lambda error: JobFault(status, str(error))


#: What is made of the failures of the rooms; the first class that fits.
TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], JobFault]], ...] = (
    (StoreUnavailable, lambda error: unavailable(error.retry_after)),
    (AuthenticationFailed, _denied),
    (HashingBusy, lambda error: unavailable(error.retry_after)),
    (ForeignOrigin, _said(403)),
    (PasswordChangeNeeded, _said(403)),
    (BodyTooLong, lambda error: JobFault(413, "The body is longer than is taken")),
    (BodyTooSlow, lambda error: JobFault(408, "The body did not arrive in time")),
    (BadBody, lambda error: bad(f"The body is no JSON: {error}")),
    (BadRetryKey, _said(400)),
    (RetryKeyTaken, _said(422)),
    (BadVariables, _said(400)),
    (StartRefused, lambda error: bad(f"actionVariables: {error}")),
    (TaskGuarded, lambda error: bad(f"actionVariables: refused: {', '.join(error.why)}")),
    (JobsFull, lambda error: unavailable(60)),
    (TaskMissing, lambda error: JobFault(409, "The task of the job is gone")),
    (TransitionRefused, lambda error: JobFault(409, "The job has ended, or is about to")),
    (TasksFull, lambda error: unavailable(error.retry_after)),
    (TaskServiceDisabled, lambda error: unavailable(60)),
)


def translated(error: Exception) -> JobFault | None:
    """Return what an error of a room comes to, None for one that nobody knows."""
    for kind, translate in TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None
