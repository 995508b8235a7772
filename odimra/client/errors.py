"""What can go wrong with a command: what to say, what to do next, and the exit code.

Raised everywhere in the client, told by :mod:`.running`. docs/cli.md has the codes.
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """A command that ends without having done what was asked.

    ``text`` says what is wrong, ``remedy`` what to do next. ``code`` is the exit code, ``kind`` its
    name in JSON.
    """

    code: ClassVar[int] = 1
    kind: ClassVar[str] = "failed"

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


class OperationFailed(ClientError):
    """The operation that was asked for has ended, and not well."""


class BadUsage(ClientError):
    """Flags, variables or files that cannot be used."""

    code = 2
    kind = "usage"


class NotReachable(ClientError):
    """Nobody answers at the address, or not the one who should."""

    code = 3
    kind = "not-reachable"


class AnswerLost(NotReachable):
    """The request was sent and its answer did not come: nobody here knows whether it was done."""


class NotLoggedIn(ClientError):
    """There is no session, no password, or a wrong one."""

    code = 4
    kind = "not-logged-in"


class NotAllowed(ClientError):
    """The account may not do that."""

    code = 4
    kind = "not-allowed"


class NotFound(ClientError):
    """There is nothing of that name."""

    code = 5
    kind = "not-found"


class Refused(ClientError):
    """The service refuses: the request makes no sense, or not now."""

    code = 6
    kind = "refused"


class ServiceFailed(ClientError):
    """The service is at fault, or is no odimra."""

    code = 7
    kind = "service-failed"


#: Ended by Ctrl-C: 128 and the number of the signal, as shells have it.
INTERRUPTED = 130
