"""Errors as CREST words them: ``{"code", "reason", "message"}``, and ``detail`` where there is any.

What the rooms below raise becomes one of these in one table. Used by every module of this face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from odimra.access import AuthenticationFailed, HashingBusy
from odimra.access.entry import ForeignOrigin, PasswordChangeNeeded
from odimra.engine.schedules import BadSchedule
from odimra.idempotency import BadRetryKey
from odimra.jobs.invocation import BadJob
from odimra.jobs.scanner.definition import BadScan
from odimra.jobs.scanner.runs import NotCancellable
from odimra.records.errors import (
    ReadOnly,
    RecordExists,
    RecordMissing,
    RecordsError,
    RecordTooLarge,
    RevisionMismatch,
    TooManyRecords,
    UnknownType,
)
from odimra.records.filter import BadFilter
from odimra.records.macros import BadDuration
from odimra.store import (
    DocumentExists,
    DocumentMissing,
    LimitReached,
    StoreUnavailable,
    VersionMismatch,
)
from odimra.tasks import TaskMissing, TaskServiceDisabled, TasksFull
from odimra.tasks.retries import RetryKeyTaken
from odimra.wire import BadBody, BodyTooLong, BodyTooSlow

#: Phrases that newer versions of Python word otherwise.
REASONS = {413: "Request Entity Too Large"}


class CrestError(Exception):
    """An error response."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The body of the response."""
        reason = REASONS.get(self.code) or HTTPStatus(self.code).phrase
        said = {"code": self.code, "reason": reason, "message": self.message}
        return said if self.detail is None else {**said, "detail": self.detail}


def bad(message: str, *, detail: Any = None) -> CrestError:
    """Return the error of a request that makes no sense."""
    return CrestError(400, message, detail=detail)


def not_found(message: str) -> CrestError:
    """Return the error of something that is not there."""
    return CrestError(404, message)


def not_supported(message: str) -> CrestError:
    """Return the error of an operation that a resource does not have (501, as CREST has it)."""
    return CrestError(501, message)


def unavailable(seconds: int) -> CrestError:
    """Return the error of a service that cannot answer now."""
    return CrestError(
        503,
        "The service cannot answer at present",
        headers={"Retry-After": str(max(1, seconds))},
    )


def _said(code: int) -> Callable[[Any], CrestError]:
    return lambda error: CrestError(code, str(error))


def _full(error: TasksFull) -> CrestError:
    return unavailable(error.retry_after)


#: What is made of the failures of the rooms; the first class that fits.
TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], CrestError]], ...] = (
    (StoreUnavailable, lambda error: unavailable(error.retry_after)),
    (AuthenticationFailed, lambda error: denied()),
    (HashingBusy, lambda error: unavailable(error.retry_after)),
    (UnknownType, _said(404)),
    (RecordMissing, _said(404)),
    (RecordExists, _said(412)),
    (RevisionMismatch, _said(412)),
    (ReadOnly, _said(403)),
    (RecordTooLarge, _said(413)),
    # Asking again changes nothing until somebody deletes some.
    (TooManyRecords, _said(409)),
    (RecordsError, _said(400)),
    (BadFilter, _said(400)),
    (BadJob, _said(400)),
    (BadScan, _said(400)),
    (BadDuration, _said(400)),
    (BadSchedule, lambda error: bad(f"{error.name}: {error}")),
    (DocumentExists, lambda error: CrestError(412, "Schedule already exists")),
    (DocumentMissing, lambda error: not_found("Schedule does not exist")),
    (VersionMismatch, lambda error: CrestError(412, "The schedule has another revision")),
    (LimitReached, lambda error: CrestError(409, "There are as many schedules as there may be")),
    (TaskMissing, lambda error: not_found(f"Task with id '{error}' not found.")),
    (NotCancellable, lambda error: CrestError(409, "The task has completed")),
    (TasksFull, _full),
    (TaskServiceDisabled, lambda error: unavailable(60)),
    (BodyTooLong, lambda error: CrestError(413, "The content is longer than is taken")),
    (BodyTooSlow, lambda error: CrestError(408, "The content has not arrived in time")),
    (BadBody, lambda error: bad("The request could not be processed: its content breaks off")),
    (ForeignOrigin, _said(403)),
    (PasswordChangeNeeded, _said(403)),
    (BadRetryKey, _said(400)),
    (RetryKeyTaken, _said(422)),
)


def denied() -> CrestError:
    """Return the error of somebody who is not known."""
    return CrestError(401, "Access Denied", headers={"WWW-Authenticate": 'Bearer realm="odimra"'})


def translated(error: Exception) -> CrestError | None:
    """Return what an error of a room comes to, None for one that nobody knows."""
    for kind, translate in TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None
