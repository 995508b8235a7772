"""aiohttp-session on our sessions: found by ``X-Auth-Token``, never by a cookie (DSP0266 13.3)."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import AbstractStorage, Session

from odimra.access.sessions import Sessions

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - the name of a header


class TokenStorage(AbstractStorage):
    """Loads the session that a request's token names.

    What a session holds is changed by :class:`Sessions` in atomic steps only, so nothing is saved
    here and no answer ever sets a cookie.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(cookie_name=TOKEN_HEADER)
        self._sessions = sessions

    async def load_session(self, request: web.Request) -> Session:
        """Return the session of the request; a new, empty one when its token names none."""
        token = request.headers.get(TOKEN_HEADER)
        found = None if token is None else await self._sessions.find(token)
        if found is None:
            return Session(None, data=None, new=True)
        data = {"created": found.created // 1000, "session": {"account": found.account}}
        return Session(found.id, data=data, new=False)  # type: ignore[arg-type]

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Save nothing; see the class."""
