"""Who asks: a kept session, made anew when it has ended, or a password with each request.

With a password in the environment every request carries it (HTTP Basic) and nothing is kept, which
is what scripts want. Otherwise ``odimra login`` has made a session; when that has ended the
password in the keyring makes another one, or a person is asked.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from odimra.client import answers
from odimra.client.errors import BadUsage, NotLoggedIn
from odimra.client.profiles import Profile
from odimra.client.secrets import Secrets, Session

if TYPE_CHECKING:
    from odimra.client.http import Api

SESSIONS = "/redfish/v1/SessionService/Sessions"
HEADER = "X-Auth-Token"


class Login:
    """The proof that an account asks."""

    def __init__(
        self, profile: Profile, secrets: Secrets, prompt: Callable[[str], str] | None
    ) -> None:
        """``prompt`` asks a person for a password; None if nobody is there."""
        self._profile = profile
        self._secrets = secrets
        self._prompt = prompt
        self._session: Session | None = None
        #: Of many requests that are refused at once, one makes the next session.
        self._making = asyncio.Lock()

    async def proof(self, api: Api) -> dict[str, str]:
        """Return the headers that say who asks. Raises :class:`NotLoggedIn`."""
        if self._secrets.given_token:
            return {HEADER: self._secrets.given_token}
        if self._secrets.given_password:
            if not self._profile.account:
                raise BadUsage(
                    "there is a password, but no account", "name it: --account, or ODIMRA_ACCOUNT"
                )
            pair = f"{self._profile.account}:{self._secrets.given_password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        async with self._making:
            if self._session is None:
                self._session = self._secrets.session()
            if self._session is None:
                await self._again(api)
            assert self._session is not None
            return {HEADER: self._session.token}

    async def refused(self, api: Api, proof: dict[str, str]) -> None:
        """Make another session, as the one of ``proof`` has ended. Raises :class:`NotLoggedIn`."""
        if "Authorization" in proof or self._secrets.given_token:
            raise self.ended()
        async with self._making:
            if self._session is not None and self._session.token != proof[HEADER]:
                return
            kept = self._secrets.session()
            if kept is not None and kept.token != proof[HEADER]:
                self._session = kept  # another command has made it meanwhile
                return
            await self._again(api)

    async def _again(self, api: Api) -> None:
        password = self._secrets.password() if self._profile.account else None
        if password is None and self._prompt is not None and self._profile.account:
            password = self._prompt(f"Password of {self._profile.account} at {self._profile.url}")
        if password is None:
            self._secrets.forget_session()
            raise self.ended()
        await self.open(api, password)

    async def open(self, api: Api, password: str, keep: bool = True) -> Session:
        """Make a session, and keep it if there is a place. Raises :class:`NotLoggedIn`."""
        body = {"UserName": self._profile.account, "Password": password}
        answer = await api.plain("POST", SESSIONS, json=body)
        if answer.status == 401:
            # Asked with it time and again, the service would lock the account.
            self._secrets.forget_password()
            raise NotLoggedIn(
                f"{self._profile.url} does not accept the account {self._profile.account} with "
                "that password",
                f"try again: odimra login {self._profile.url} --account NAME",
            )
        token = answer.headers.get(HEADER, "")
        if answer.status != 201 or not token:
            raise answers.failure(answer, "the login failed")
        self._session = Session(token, answer.location)
        if keep:
            self._secrets.keep_session(self._session)
        return self._session

    def ended(self) -> NotLoggedIn:
        """Return what to say when nothing proves who asks."""
        url = self._profile.url
        if self._secrets.given_password and not self._secrets.given_token:
            return NotLoggedIn(
                f"{url} does not accept the account {self._profile.account} with the password in "
                "ODIMRA_PASSWORD",
                "set the right one",
            )
        if self._secrets.given_token:
            return NotLoggedIn(
                f"the session in ODIMRA_TOKEN has ended, or is none of {url}",
                f'unset it and run "odimra login {url}"',
            )
        return NotLoggedIn(f"not logged in to {url}", f'run "odimra login {url}"')


def person() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
