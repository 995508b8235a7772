"""How a BMC fails, one class per way. No text has a password, a token or a user's name in it."""

from __future__ import annotations

from typing import Any


class BmcError(Exception):
    """Something is wrong with a BMC; the text says what, for people."""


class Unreachable(BmcError):
    """There is no connection, or no answer in time.

    ``sent`` tells whether the request may have arrived: then nobody knows whether it was done.
    """

    def __init__(self, said: str, *, sent: bool) -> None:
        super().__init__(said)
        self.sent = sent


class BmcDown(Unreachable):
    """It was unreachable so often that it is left alone; ``seconds`` until it is tried again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it does not answer, and is not asked for {seconds:.0f} s", sent=False)
        self.seconds = seconds


class CertificateRefused(Unreachable):
    """Its certificate is not to be trusted."""

    def __init__(self, said: str) -> None:
        super().__init__(said, sent=False)


class LoginRefused(BmcError):
    """It does not take the credentials."""


class BadAnswer(BmcError):
    """What it answers is not what Redfish says, and cannot be understood anyway."""


class Refused(BmcError):
    """It answers with an error: the HTTP ``status``, and its ``body`` if that is an object."""

    def __init__(self, status: int, said: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(said)
        self.status = status
        self.body = body
