"""What the headers of a request say of who sends it. Called by the faces; knows nobody."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping


def credentials(
    given: Mapping[str, str], *, bearer: bool = False
) -> tuple[str | None, tuple[str, str] | None] | None:
    """Return session token and name and password of HTTP Basic; None when there is neither.

    A session counts before HTTP Basic; with ``bearer`` its token may come as RFC 6750 has it. What
    cannot be read is an empty name and password, which no account has.
    """
    token = given.get("X-Auth-Token")
    if token is not None:
        return token, None
    header = given.get("Authorization")
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    if bearer and scheme.lower() == "bearer":
        return encoded.strip(), None
    if scheme.lower() != "basic":
        return None, ("", "")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None, ("", "")
    user, _, password = text.partition(":")
    return None, (user, password)


def same_origin(given: Mapping[str, str], public_url: str) -> bool:
    """Tell whether the page that sends the request is one of this service's own.

    ``public_url`` is where clients reach the service when the Host header does not say so.
    """
    origin = given.get("Origin")
    if origin is None:
        return True
    place = origin.partition("://")[2].lower()
    return place != "" and (
        place == given.get("Host", "").lower() or origin.lower() == public_url.lower().rstrip("/")
    )
