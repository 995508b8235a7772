"""What the AccountService and the SessionService can be set to, in the store for all processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. A lockout threshold or duration of 0 never locks (AccountService v1)."""

    min_password_length: int = 8
    max_password_length: int = 128
    lockout_threshold: int = 5
    lockout_duration: int = 30
    lockout_reset_after: int = 30
    version: int = 0


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """``timeout`` in seconds without use."""

    timeout: int = 1800
    version: int = 0


class PolicyConflict(ValueError):
    """Two settings contradict each other: ``first`` cannot be so because of ``second``."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} contradicts {second}")
        self.first = first
        self.second = second


def consistent(policy: Policy) -> None:
    """Refuse a policy that contradicts itself. Raises :class:`PolicyConflict`."""
    if policy.min_password_length > policy.max_password_length:
        raise PolicyConflict("min_password_length", "max_password_length")
    # AccountService v1: the counter is reset no later than the lock ends.
    if 0 < policy.lockout_duration < policy.lockout_reset_after:
        raise PolicyConflict("lockout_reset_after", "lockout_duration")
