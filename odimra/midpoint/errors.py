"""Errors as midPoint's clients know them: an OperationResultType that has failed.

What the rooms below raise becomes one of these in one table. Used by every module of this face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from odimra.access import AuthenticationFailed, HashingBusy
from odimra.access.entry import ForeignOrigin, PasswordChangeNeeded
from odimra.idempotency import BadRetryKey
from odimra.jobs.bulk.deltas import CannotApply
from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.query import BadQuery
from odimra.jobs.bulk.results import failed
from odimra.jobs.bulk.runs import CannotRunAgain, NotSuspended
from odimra.jobs.bulk.turn import ActionFailed, Stopped
from odimra.jobs.bulk.types import UnknownObjectType
from odimra.jobs.scripts import ScriptRefused
from odimra.midpoint.media import BadDocument, NotAcceptable, UnknownForm
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
from odimra.store import StoreUnavailable
from odimra.tasks import (
    TaskMissing,
    TaskServiceDisabled,
    TasksFull,
    TransitionRefused,
)
from odimra.tasks.retries import RetryKeyTaken
from odimra.wire import BadBody, BodyTooLong, BodyTooSlow


class MidpointError(Exception):
    """An error response: its HTTP status and what it says."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    def result(self, operation: str) -> dict[str, Any]:
        """Return the body of the response."""
        return failed(operation, self.message)


def unavailable(seconds: int) -> MidpointError:
    """Return the error of a service that cannot answer now."""
    return MidpointError(
        503,
        "The service cannot answer at present",
        headers={"Retry-After": str(max(1, seconds))},
    )


def denied() -> MidpointError:
    """Return the error of somebody who is not known."""
    challenge = 'Basic realm="odimra", charset="UTF-8"'
    return MidpointError(401, "Access denied", headers={"WWW-Authenticate": challenge})


def _said(status: int) -> Callable[[Any], MidpointError]:
    return lambda error: MidpointError(status, str(error))


#: What is made of the failures of the rooms; the first class that fits.
TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], MidpointError]], ...] = (
    (StoreUnavailable, lambda error: unavailable(error.retry_after)),
    (AuthenticationFailed, lambda error: denied()),
    (HashingBusy, lambda error: unavailable(error.retry_after)),
    (BodyTooLong, lambda error: MidpointError(413, "The body is longer than is taken")),
    (BodyTooSlow, lambda error: MidpointError(408, "The body did not arrive in time")),
    (BadBody, lambda error: MidpointError(400, f"The body cannot be read: {error}")),
    (BadDocument, lambda error: MidpointError(400, f"The body cannot be read: {error}")),
    (UnknownForm, lambda error: MidpointError(415, str(error))),
    (NotAcceptable, lambda error: MidpointError(406, str(error))),
    (BadScript, _said(400)),
    (ScriptRefused, _said(400)),
    (BadQuery, _said(400)),
    (CannotApply, _said(400)),
    (ActionFailed, lambda error: MidpointError(error.status, str(error))),
    (Stopped, lambda error: MidpointError(error.status, str(error))),
    (UnknownObjectType, _said(404)),
    (UnknownType, _said(404)),
    (RecordMissing, lambda error: MidpointError(404, f"Object not found: {error}")),
    (RecordExists, _said(409)),
    (RevisionMismatch, _said(409)),
    (ReadOnly, _said(403)),
    (RecordTooLarge, _said(413)),
    (TooManyRecords, _said(409)),
    (RecordsError, _said(400)),
    (NotSuspended, lambda error: MidpointError(409, f"The task {error} is not suspended")),
    (CannotRunAgain, _said(409)),
    (TransitionRefused, lambda error: MidpointError(409, "The task has ended, or is about to")),
    (TaskMissing, lambda error: MidpointError(404, "There is no such task (any more)")),
    (TasksFull, lambda error: unavailable(error.retry_after)),
    (TaskServiceDisabled, lambda error: unavailable(60)),
    (ForeignOrigin, _said(403)),
    (PasswordChangeNeeded, _said(403)),
    (BadRetryKey, _said(400)),
    (RetryKeyTaken, _said(422)),
)


def translated(error: Exception) -> MidpointError | None:
    """Return what an error of a room comes to, None for one that nobody knows."""
    for kind, translate in TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None
