"""Who is let in, by the faces that ask it of every request alike.

Redfish has rules for each resource, and what is open to everybody: its frame does this by itself.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from odimra.access.model import AuthenticationFailed, Principal
from odimra.access.request import credentials, same_origin

READS = ("GET", "HEAD")


class ForeignOrigin(Exception):
    """A page of another service sends a request that is to change something."""

    def __init__(self) -> None:
        super().__init__("The page that sends this is another service's")


class PasswordChangeNeeded(Exception):
    """The account may do nothing before its password is changed."""

    def __init__(self) -> None:
        super().__init__("The password has to be changed first")


class Authenticator(Protocol):
    """Who finds out who asks; see :class:`odimra.access.Access`."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        """Return who it is. Raises AuthenticationFailed."""


async def admit(
    request: web.Request, access: Authenticator, public_url: str, method: str | None = None
) -> Principal:
    """Return who asks; ``method`` is what counts as the request's.

    Raises :class:`ForeignOrigin`, :class:`~odimra.access.AuthenticationFailed`,
    :class:`PasswordChangeNeeded`.
    """
    # A browser adds the credentials that it remembers, whoever's page it shows.
    if (method or request.method) not in READS and not same_origin(request.headers, public_url):
        raise ForeignOrigin
    given = credentials(request.headers, bearer=True)
    if given is None:
        raise AuthenticationFailed
    principal = await access.authenticate(*given)
    if principal.password_change_required:
        raise PasswordChangeNeeded
    return principal
