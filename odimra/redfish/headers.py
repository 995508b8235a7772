"""The headers that every answer carries (DSP0266, response headers), and those a request may."""

from __future__ import annotations

import re

from multidict import CIMultiDictProxy

from odimra.redfish import errors

SERVER = "odimra"
JSON = "application/json; charset=utf-8"

COMMON = {
    "OData-Version": "4.0",
    "Server": SERVER,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Browsers' pages of other origins read nothing here; the console is of this origin.
    "Access-Control-Allow-Origin": "null",
    "Vary": "X-Auth-Token, Authorization",
}
#: Resources may be kept but must be asked about again: with their ETag that costs little.
CACHE = {"Cache-Control": "no-cache, private"}
NO_STORE = {"Cache-Control": "no-store"}

_QUALITY = re.compile(r";\s*q=0(?:\.0*)?\s*$")
_ACCEPTED = ("*/*", "application/*", "application/json")


def link(type_name: str | None) -> dict[str, str]:
    """Return the Link header that describes a resource of the versioned schema ``type_name``."""
    if type_name is None:
        return {}
    schema = type_name.rpartition(".")[0]
    return {"Link": f"</redfish/v1/JsonSchemas/{schema}>; rel=describedby"}


def check(given: CIMultiDictProxy[str], offered: tuple[str, ...] = _ACCEPTED) -> None:
    """Refuse what cannot be served: 412 for another OData version, 406 for other media."""
    version = given.get("OData-Version")
    if version is not None and version.strip() != "4.0":
        raise errors.header_invalid("OData-Version", 412)
    accept = given.get("Accept")
    if accept is None or accept == "*/*":
        return
    for part in accept.split(","):
        if not _QUALITY.search(part) and part.split(";")[0].strip().lower() in (*offered, ""):
            return
    raise errors.header_invalid("Accept", 406)
