"""Reads resources for events that carry them: as the account that subscribed may read them now.

Handed by :mod:`odimra.faces` to those who deliver events.
"""

from __future__ import annotations

from typing import Protocol

from odimra.access import Principal
from odimra.events import OriginGone
from odimra.redfish import body as bodies
from odimra.redfish.frame import Frame, ResourceGone


class Accounts(Protocol):
    """Who knows what an account may; see :class:`odimra.access.Access`."""

    async def principal(self, name: str) -> Principal | None:
        """Return what the account ``name`` may do now; None when it is gone or disabled."""


class OriginReader:
    """Reads through the frame, by the same rules as a GET."""

    def __init__(self, frame: Frame, accounts: Accounts) -> None:
        self._frame = frame
        self._accounts = accounts

    async def __call__(self, uri: str, account: str) -> bytes | None:
        """Return the resource at ``uri`` as JSON, None when ``account`` may not read it.

        Raises :class:`~odimra.events.OriginGone`, :class:`~odimra.store.StoreUnavailable`.
        """
        principal = await self._accounts.principal(account)
        if principal is None or principal.password_change_required:
            return None
        try:
            body = await self._frame.read(uri, principal)
        except ResourceGone:
            raise OriginGone(uri) from None
        return None if body is None else bodies.render(body)
