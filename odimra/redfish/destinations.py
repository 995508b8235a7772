"""Where a subscriber may have events sent, and with which headers: checked before it is stored.

Nothing is contacted, and nothing is resolved. No value that may hold a secret is repeated in an
error. Used by :mod:`.event_destinations`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from odimra.networks import Reach
from odimra.redfish import errors

#: Headers that belong to the delivery itself (RFC 9110), in lower case.
RESERVED = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "odata-version",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
MOST_HEADERS = 32
LONGEST_HEADER = 8192
LONGEST_DESTINATION = 2048
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
BACKUPS = "BackupDestinations"
#: Each may take as long as a delivery may, one after the other.
MOST_BACKUPS = 8
#: Names and addresses as every library reads them; what is not ASCII is written in Punycode.
HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+(?:%[0-9A-Za-z._-]+)?")


def destination(value: Any, reach: Reach, name: str = "Destination") -> str:
    """Return a destination that events can be posted to: an absolute HTTP(S) URI.

    Refuses credentials in it: whoever may read subscriptions would read them. A value that is
    refused is not repeated in the error, for the same reason. An address that is out of ``reach``
    is, in the value's place; a name is judged when it is connected to, not here.
    """
    if isinstance(value, str) and len(value) <= LONGEST_DESTINATION and value.isprintable():
        try:
            parts = urlsplit(value)
            usable = (
                parts.scheme in ("http", "https")
                and bool(parts.hostname)
                and "@" not in parts.netloc
                and parts.port != 0
                and not parts.fragment
                and " " not in value
                and HOST.fullmatch(parts.hostname or "") is not None
            )
        except ValueError:
            usable = False
        if usable:
            if reach.refuses_literal(parts.hostname or ""):
                raise errors.property_value_out_of_range(parts.hostname, name)
            return value
    raise errors.property_value_error(name)


def backups(value: Any, reach: Reach) -> list[str]:
    """Return BackupDestinations; null in it leaves an element out (DSP0266, PATCH of arrays)."""
    if not isinstance(value, list):
        raise errors.property_value_error(BACKUPS)
    if len(value) > MOST_BACKUPS:
        raise errors.array_size_too_long(BACKUPS, MOST_BACKUPS)
    return [
        destination(one, reach, f"{BACKUPS}/{number}")
        for number, one in enumerate(value)
        if one is not None
    ]


def http_headers(value: Any) -> list[tuple[str, str]]:
    """Return HttpHeaders as pairs; a header that cannot be sent is refused, never repeated."""
    if not isinstance(value, list) or len(value) > MOST_HEADERS:
        raise errors.property_value_error("HttpHeaders")
    pairs: list[tuple[str, str]] = []
    for number, one in enumerate(value):
        if not isinstance(one, dict) or not one:
            raise errors.property_value_error(f"HttpHeaders/{number}")
        for name, content in one.items():
            if (
                not HEADER_NAME.fullmatch(name)
                or name.lower() in RESERVED
                or not isinstance(content, str)
                or len(content) > LONGEST_HEADER
                or not HEADER_VALUE.fullmatch(content)
            ):
                raise errors.property_value_error(f"HttpHeaders/{number}")
            pairs.append((name, content))
    if len(pairs) > MOST_HEADERS:
        raise errors.property_value_error("HttpHeaders")
    return pairs
