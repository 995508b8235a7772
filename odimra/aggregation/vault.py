"""Passwords of BMCs, sealed: who has the store alone can read none of them.

The key is a file. What seals is Fernet (AES-128-CBC with HMAC-SHA256); a file of several lines
opens with each of its keys and seals with the first, so that a key can be changed. Used by whatever
speaks to BMCs; knows nobody.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class BadKey(Exception):
    """The key cannot be used; the text says why and names the file."""


class NotOpened(Exception):
    """A password was sealed with a key that this process does not have."""


class Vault:
    """Seals passwords, each for the source that it belongs to."""

    def __init__(self, keys: MultiFernet) -> None:
        self._keys = keys

    @classmethod
    def open(cls, path: Path) -> Vault:
        """Read the keys of a file, which is made with a new one if there is none.

        Raises :class:`BadKey`.
        """
        try:
            lines = _lines(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise BadKey(f"{path}: cannot be used as a key: {reason}") from None
        try:
            return cls(MultiFernet([Fernet(line) for line in lines]))
        except ValueError:
            raise BadKey(
                f"{path}: each line has to be a key: 32 bytes, as URL-safe base64"
            ) from None

    def seal(self, source_id: str, password: str) -> str:
        """Return ``password`` so that it can be opened for ``source_id`` only."""
        return self._keys.encrypt(json.dumps([source_id, password]).encode()).decode()

    def unseal(self, source_id: str, sealed: str) -> str:
        """Return the password that was sealed for ``source_id``. Raises :class:`NotOpened`."""
        try:
            meant, password = json.loads(self._keys.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            raise NotOpened("the password was sealed with another key") from None
        if meant != source_id:
            raise NotOpened("the password was sealed for another source")
        return str(password)


def _lines(path: Path) -> list[str]:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
        try:
            # Of several processes that start at the same time one has its way.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    return [line for line in found if line and not line.startswith("#")] or [""]
