"""The request that started a task, made fit to be shown: no credentials, no secrets.

Headers come from a whitelist, so that what is not known to be harmless stays out; the body is
masked at every depth by the names of its properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from odimra.tasks.model import Payload

#: Headers worth showing; all others (Authorization, X-Auth-Token, Cookie, ...) stay out.
SHOWN_HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Content-Length",
    "Content-Type",
    "Host",
    "If-Match",
    "OData-Version",
    "User-Agent",
)
#: A property whose name matches holds a secret.
SECRET = re.compile(r"passw|passphrase|secret|token|credential|privatekey|apikey|community", re.I)
MASK = "******"
#: Bodies are shown up to this many bytes; longer ones are left out whole.
SHOWN_BODY = 64 * 1024
#: ``user:password@`` within a URI.
USERINFO = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Tell whether a property of that name holds a secret."""
    return SECRET.search(name) is not None


def mask(value: Any) -> Any:
    """Return ``value`` with every secret in it replaced, at whatever depth."""
    if isinstance(value, dict):
        return {
            name: MASK if is_secret(name) and inner is not None else mask(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    if isinstance(value, str) and "://" in value:
        return USERINFO.sub(f"{MASK}@", value)
    return value


def payload_of(
    method: str, target_uri: str, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: Any
) -> Payload:
    """Return the ``Payload`` of a request (Task v1_7_4: headers an array, the body a string)."""
    given = headers.items() if isinstance(headers, Mapping) else headers
    lower = {name.lower(): value for name, value in given}
    shown = tuple(
        f"{name}: {lower[name.lower()]}" for name in SHOWN_HEADERS if name.lower() in lower
    )
    text = orjson.dumps(mask(body)).decode() if body is not None else ""
    if len(text) > SHOWN_BODY:
        text = ""
    return Payload(method, target_uri, shown, text)
