"""How the store fails, one class per way."""

from __future__ import annotations


class StoreError(Exception):
    """The store answered, and what it said is a fault of this program."""


class StoreUnavailable(Exception):
    """The store cannot answer now: gone, frozen, loading, failing over or refusing writes.

    ``retry_after`` is the number of seconds after which asking again makes sense.
    """

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class DocumentExists(Exception):
    """A document of that key is there already."""


class DocumentMissing(Exception):
    """There is no document of that key."""


class VersionMismatch(Exception):
    """The document has moved on from the version that the writer saw."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the current version is {current}")
        self.current = current


class LimitReached(Exception):
    """The index holds as many members as it may."""
