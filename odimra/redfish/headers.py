"""The headers that every answer carries (DSP0266, response headers), and those a request may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from odimra.access.request import same_origin
from odimra.redfish import errors

SERVER = "odimra"
JSON = "application/json; charset=utf-8"
JSON_MEDIA = "application/json"

COMMON = {
    "OData-Version": "4.0",
    "Server": SERVER,
    "X-Content-Type-Options": "nosniff",
    # What is shown is the caller's alone and true for a moment only. ETags save work all the same:
    # a client that kept one may ask with If-None-Match.
    "Cache-Control": "no-store",
}

#: A media range with a quality of nothing is refused by the client (RFC 9110 12.4.2).
_REFUSED = re.compile(r";\s*q=0(?:\.0*)?\s*(?:;|$)", re.IGNORECASE)


def link(type_name: str | None) -> dict[str, str]:
    """Return the Link header that describes a resource of the versioned schema ``type_name``."""
    if type_name is None:
        return {}
    schema = type_name.rpartition(".")[0]
    return {"Link": f"</redfish/v1/JsonSchemas/{schema}>; rel=describedby"}


@lru_cache(maxsize=1024)
def acceptable(accept: str, media: str) -> bool:
    """Tell whether who sends ``Accept`` takes ``media`` (RFC 9110 12.5.1).

    Kept by the text of the header: clients send the same few over and over.
    """
    offered = ("*/*", f"{media.partition('/')[0]}/*", media)
    ranges = [part.strip() for part in accept.split(",") if part.strip()]
    return not ranges or any(
        part.partition(";")[0].strip().lower() in offered and not _REFUSED.search(part)
        for part in ranges
    )


def check(given: Mapping[str, str], media: str) -> None:
    """Refuse what cannot be served: 412 for another OData version, 406 for other media."""
    version = given.get("OData-Version")
    if version is not None and version.strip() != "4.0":
        raise errors.header_invalid("OData-Version", 412)
    accept = given.get("Accept")
    if accept is not None and accept != "*/*" and not acceptable(accept, media):
        raise errors.header_invalid("Accept", 406)


def allow_origin(given: Mapping[str, str], public_url: str) -> dict[str, str]:
    """Return what lets pages of the service's own origin read the answer, and no others."""
    origin = given.get("Origin")
    if origin is None:
        return {}
    # Without the second header a browser shows the answer to nobody.
    allowed = {"Access-Control-Allow-Origin": origin} if same_origin(given, public_url) else {}
    return {"Vary": "Origin", **allowed}


def content_type(media: str) -> str:
    """Return the Content-Type of ``media``, which is always UTF-8."""
    return f"{media}; charset=utf-8"
