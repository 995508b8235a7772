"""Leaves a BMC alone that does not answer, and tries it again now and then."""

from __future__ import annotations

from collections.abc import Callable

from odimra.aggregation.bmc.errors import BmcDown


class Breaker:
    """Opens after ``failures`` in a row, for ``first`` seconds and then longer, up to ``longest``.

    When that time is over one request goes through; what becomes of it decides.
    """

    def __init__(
        self, now: Callable[[], float], *, failures: int = 3, first: float = 5, longest: float = 60
    ) -> None:
        self._now = now
        self._most = failures
        self._first, self._longest = first, longest
        self._failed = 0
        self._until = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether it is left alone at the moment."""
        return self._failed >= self._most and (self._trying or self._now() < self._until)

    def enter(self) -> None:
        """Ask whether a request may be sent. Raises :class:`BmcDown`."""
        if self._failed < self._most:
            return
        left = self._until - self._now()
        if left > 0 or self._trying:
            raise BmcDown(max(left, 1.0))
        self._trying = True

    def succeeded(self) -> None:
        """Note that it has answered, whatever that was."""
        self._failed, self._trying = 0, False

    def failed(self) -> None:
        """Note that it has not answered."""
        self._failed += 1
        self._trying = False
        if self._failed >= self._most:
            doubled = min(self._failed - self._most, 16)
            self._until = self._now() + min(self._longest, self._first * 2**doubled)

    def left(self) -> None:
        """Note that a request was given up before it was known what becomes of it."""
        self._trying = False
