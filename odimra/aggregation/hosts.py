"""The address of a BMC, however it is written: a name, an IP address, with a port, or a URL.

Pure; knows nobody.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}
#: Longest name of a host, in characters (RFC 1035).
LONGEST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class BadHost(ValueError):
    """It is no address; the text says why, and repeats nothing of it: it may hold a password."""


def base_of(host_name: str, *, allow_http: bool = False) -> str:
    """Return where a host is, in the one way it is kept (``https://10.0.0.1:8443``).

    Raises :class:`BadHost`.
    """
    given = host_name.strip()
    if "://" not in given:
        bare = given.count(":") > 1 and not given.startswith("[")
        given = f"https://[{given}]" if bare else f"https://{given}"
    try:
        parts = urlsplit(given)
        port = parts.port
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        raise BadHost("it is no address") from None
    if parts.scheme not in PORTS:
        raise BadHost("only https is spoken")
    if parts.scheme == "http" and not allow_http:
        raise BadHost("http without TLS is not allowed here (aggregation.allow_http)")
    if parts.username is not None or parts.password is not None:
        raise BadHost("credentials have properties of their own")
    if parts.path.rstrip("/") not in ("", "/redfish", "/redfish/v1"):
        raise BadHost("it has a path")
    if parts.query or parts.fragment:
        raise BadHost("it has more than a host and a port")
    shown = _host(host)
    if port in (None, PORTS[parts.scheme]):
        return f"{parts.scheme}://{shown}"
    return f"{parts.scheme}://{shown}:{port}"


def _host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return f"[{address}]" if address.version == 6 else str(address)
    try:
        name = host.encode("idna").decode("ascii").lower() if host else ""
    except UnicodeError:
        raise BadHost("it is no name of a host") from None
    digits = re.fullmatch(r"[0-9.]+", name)  # an address that was mistyped
    if not name or len(name) > LONGEST or digits:
        raise BadHost("it is no name of a host")
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise BadHost("it is no name of a host")
    return name
