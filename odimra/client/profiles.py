"""Which service is meant, and who asks: flags, then the environment, then the file of profiles.

The file knows addresses and accounts, never a secret (those are in :mod:`.secrets`).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from odimra.client.errors import BadUsage, NotLoggedIn

FILE = "profiles.json"
#: What a profile may know; a file with anything else is somebody else's.
FIELDS = ("url", "account", "ca", "fingerprint")
#: The environment says the same as the flags.
VARIABLES = {
    "profile": "ODIMRA_PROFILE",
    "url": "ODIMRA_URL",
    "account": "ODIMRA_ACCOUNT",
    "ca": "ODIMRA_CA",
    "fingerprint": "ODIMRA_FINGERPRINT",
}
HEX_DIGITS_OF_SHA256 = 64


@dataclass(frozen=True, slots=True)
class Profile:
    """A service and how to ask it.

    ``ca`` is a file of certificates to trust, ``fingerprint`` the SHA-256 of the only certificate
    that counts (hex digits); with neither, what the system trusts.
    """

    name: str
    url: str = ""
    account: str = ""
    ca: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """The profiles of the file, and the one that is meant when none is named."""

    current: str = ""
    profiles: Mapping[str, Profile] = field(default_factory=dict)


def folder(env: Mapping[str, str]) -> Path:
    """Return where the file lies (XDG Base Directory Specification)."""
    base = env.get("XDG_CONFIG_HOME", "")
    # A relative path there is to be ignored, says the specification.
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / "odimra"


def read(env: Mapping[str, str]) -> Book:
    """Return the profiles; none if there is no file yet. Raises :class:`BadUsage`."""
    path = folder(env) / FILE
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Book()
    except (OSError, ValueError) as error:
        raise BadUsage(f"{path} cannot be read: {error}", "mend it, or remove it and log in") from (
            error
        )
    try:
        profiles = {
            str(name): Profile(str(name), **{key: str(values.get(key, "")) for key in FIELDS})
            for name, values in document["profiles"].items()
        }
        return Book(str(document.get("current", "")), profiles)
    except (AttributeError, KeyError, TypeError):
        raise BadUsage(
            f"{path} is no file of profiles", "mend it, or remove it and log in"
        ) from None


def write(env: Mapping[str, str], book: Book) -> None:
    """Replace the file in one go; nobody else may read it."""
    document = {
        "current": book.current,
        "profiles": {
            profile.name: {
                key: value for key, value in asdict(profile).items() if key in FIELDS and value
            }
            for profile in book.profiles.values()
        },
    }
    replace_private(folder(env) / FILE, json.dumps(document, indent=2) + "\n")


def replace_private(path: Path, text: str) -> None:
    """Write ``text`` to a file that only its owner may read, as a whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with mode 0600, in the folder in which it is renamed.
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadUsage(f"{path} cannot be written: {error.strerror}") from error


def keep(env: Mapping[str, str], profile: Profile) -> None:
    """Write a profile down, and make it the one that is meant from now on."""
    book = read(env)
    write(env, Book(profile.name, {**book.profiles, profile.name: profile}))


def chosen(env: Mapping[str, str], flags: Mapping[str, str | None]) -> Profile:
    """Return the profile that flags, environment and file come to.

    What the file knows of a service counts only for the address that it was written for: an account
    or a certificate of one service is none of another's. Raises :class:`NotLoggedIn` if no service
    is named anywhere, :class:`BadUsage` for what cannot be used.
    """
    said = {name: flags.get(name) or env.get(variable, "") for name, variable in VARIABLES.items()}
    book = read(env)
    name = said.pop("profile")
    if name and name not in book.profiles and not said["url"]:
        known = ", ".join(sorted(book.profiles)) or "none"
        raise BadUsage(
            f'there is no profile "{name}" (known: {known})',
            f"make it: odimra login URL --profile {name}",
        )
    kept = book.profiles.get(name or ("" if said["url"] else book.current))
    if kept is None and said["url"]:
        # Named by its address alone: it may be one that somebody logged in to.
        url = plain_url(said["url"])
        kept = next((one for one in book.profiles.values() if one.url == url), None)
    profile = kept or Profile(name)
    if said["url"]:
        url = plain_url(said["url"])
        profile = profile if profile.url == url else Profile(name, url)
    if not profile.url:
        raise NotLoggedIn(
            "no service is named",
            "log in to one: odimra login https://HOST:PORT (or set ODIMRA_URL)",
        )
    if said["fingerprint"]:
        said["fingerprint"] = plain_fingerprint(said["fingerprint"])
    if said["ca"] and not said["fingerprint"]:
        profile = replace(profile, fingerprint="")
    return replace(profile, **{key: value for key, value in said.items() if value and key != "url"})


def plain_url(text: str) -> str:
    """Return an address as it is kept: scheme, host and port, ``https`` if it has no scheme."""
    whole = text.strip() if "://" in text else f"https://{text.strip()}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadUsage(f"{text} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", host):
        raise BadUsage(f"{text} is no address of a service", "write https://HOST:PORT")
    if parts.username or parts.password:
        raise BadUsage(
            "an address holds no account and no password",
            "name the account with --account; the password is asked for",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def plain_fingerprint(text: str) -> str:
    """Return the SHA-256 of a certificate as it is kept: 64 hex digits."""
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if len(digits) != HEX_DIGITS_OF_SHA256 or not re.fullmatch("[0-9a-f]+", digits):
        raise BadUsage(f"{text} is no SHA-256 fingerprint", "it has 64 hex digits")
    return digits


def name_of(url: str) -> str:
    """Return the name of a profile that got none: host and port."""
    return url.partition("://")[2]
