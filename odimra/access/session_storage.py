"""aiohttp-session on our sessions: found by ``X-Auth-Token``, never by a cookie (DSP0266 13.3).

A handler that calls ``aiohttp_session.get_session`` gets the Redfish session of the request and may
keep a little with it. Opening a session takes a password: that is :class:`Access`'s to do.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from aiohttp_session import AbstractStorage, Session

from odimra.access.model import SessionMissing
from odimra.access.sessions import Sessions

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - the name of a header


class TokenStorage(AbstractStorage):
    """Loads and saves what is kept with the session that a request's token names.

    Without such a session there is a new, empty one, which lasts as long as the request.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads)
        self._sessions = sessions

    async def load_session(self, request: web.Request) -> Session:
        """Return the session of the request."""
        token = request.headers.get(TOKEN_HEADER)
        found = None if token is None else await self._sessions.find(token)
        if found is None:
            return Session(None, data=None, new=True)
        data: Any = {"created": found.created // 1000, "session": self._decoder(found.data)}
        return Session(found, data=data, new=False)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Keep what a handler put into the session; close it when the handler invalidated it."""
        found = session.identity
        if found is None:
            return
        try:
            if session.empty:
                await self._sessions.close(found)
            else:
                await self._sessions.keep(found, dict(session))
        except SessionMissing:
            pass  # it ended while the handler ran: there is nothing left to keep it with
