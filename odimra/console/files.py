"""The files of the page, read once at start; each with the headers that protect it.

Called by the console's frame; knows nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

#: What a browser is told of each kind of file.
MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

#: Nothing from elsewhere, nothing written into the page, in nobody's frame. A text that comes from
#: a machine can therefore be shown, but never run.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

HEADERS: Mapping[str, str] = {
    "Server": "odimra",
    # Asked for each time, and answered with 304 while it is the same: after an upgrade nobody works
    # with half of an old page.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content: bytes
    etag: str
    headers: Mapping[str, str]


def load() -> dict[str, File]:
    """Read all files of the page, by their names."""
    return dict(_read())


def _read() -> Iterator[tuple[str, File]]:
    for one in files("odimra.console").joinpath("static").iterdir():
        media = MEDIA.get(one.name.rpartition(".")[2])
        if media is not None:
            content = one.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield one.name, File(content, etag, {**HEADERS, "Content-Type": media, "ETag": etag})
