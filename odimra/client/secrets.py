"""Where passwords and sessions are kept: the system's keyring, never the file of profiles.

A password is in the keyring or in the environment. A session, which ends by itself, may also lie in
the user's runtime folder (XDG Base Directory Specification), which is in memory, private, and gone
when the user has logged out of the machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odimra.client.profiles import Profile, replace_private

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "odimra"
PASSWORD = "ODIMRA_PASSWORD"  # noqa: S105 - a name
TOKEN = "ODIMRA_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Session:
    """A Redfish session: its token and its resource."""

    token: str
    uri: str


class Secrets:
    """The secrets of an account at a service."""

    def __init__(self, env: Mapping[str, str], profile: Profile) -> None:
        self._env = env
        self._who = f"{profile.account}@{profile.url}"

    @functools.cached_property
    def _ring(self) -> KeyringBackend | None:
        # Loaded when it is asked: a command with its password in the environment never does.
        return _keyring()

    @property
    def keeps_sessions(self) -> bool:
        """Whether there is a place for a session."""
        return self._ring is not None or self._runtime is not None

    @property
    def given_password(self) -> str:
        """The password that the environment says, or nothing."""
        return self._env.get(PASSWORD, "")

    @property
    def given_token(self) -> str:
        """The token that the environment says, or nothing."""
        return self._env.get(TOKEN, "")

    @property
    def _runtime(self) -> Path | None:
        root = self._env.get("XDG_RUNTIME_DIR", "")
        if not root.startswith("/") or not Path(root).is_dir():
            return None
        # A digest: what is in the name of an account need not be possible in that of a file.
        digest = hashlib.sha256(self._who.encode()).hexdigest()[:32]
        return Path(root) / "odimra" / f"session-{digest}.json"

    def password(self) -> str | None:
        """Return the password that is kept in the keyring."""
        return self._get("password")

    def keep_password(self, password: str) -> bool:
        """Keep the password in the keyring; tell whether it is kept."""
        return self._set("password", password)

    def session(self) -> Session | None:
        """Return the session that is kept."""
        kept = self._get("session")
        if kept is None and self._runtime is not None:
            with contextlib.suppress(OSError):
                kept = self._runtime.read_text("utf-8")
        try:
            document = json.loads(kept or "null")
            return Session(str(document["token"]), str(document["uri"]))
        except (ValueError, KeyError, TypeError):
            return None

    def keep_session(self, session: Session) -> bool:
        """Keep a session in place of the one before; tell whether it is kept."""
        text = json.dumps({"token": session.token, "uri": session.uri})
        if self._set("session", text):
            return True
        if self._runtime is None:
            return False
        replace_private(self._runtime, text)
        return True

    def forget_session(self) -> None:
        """Keep no session any more."""
        self._delete("session")
        if self._runtime is not None:
            self._runtime.unlink(missing_ok=True)

    def forget_password(self) -> None:
        """Keep no password any more."""
        self._delete("password")

    # The keyring may be locked, or its owner may say no: then it is as if there were none.

    def _get(self, what: str) -> str | None:
        found: Any = None
        if self._ring is not None:
            with _unless_locked():
                found = self._ring.get_password(SERVICE, f"{what} of {self._who}")
        return None if found is None else str(found)

    def _set(self, what: str, value: str) -> bool:
        if self._ring is not None:
            with _unless_locked():
                self._ring.set_password(SERVICE, f"{what} of {self._who}", value)
                return True
        return False

    def _delete(self, what: str) -> None:
        if self._ring is not None:
            with _unless_locked():
                self._ring.delete_password(SERVICE, f"{what} of {self._who}")


def _keyring() -> KeyringBackend | None:
    """Return the system's keyring, if there is one that keeps what it is given."""
    try:
        import keyring

        ring = keyring.get_keyring()
        return ring if ring.priority > 0 else None
    except Exception:  # noqa: BLE001 - whatever a backend of somebody else's raises, it is of no use
        return None


def _unless_locked() -> contextlib.AbstractContextManager[None]:
    """Return a block that is left when the keyring refuses."""
    import keyring.errors

    return contextlib.suppress(keyring.errors.KeyringError, OSError)
