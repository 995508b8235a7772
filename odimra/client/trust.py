"""Which certificate a service must show: what the system trusts, a file, or one that is known.

A service makes its certificate itself at its first start, so the first login of a client is to one
that nobody vouches for. It is shown, and counts from then on if a person says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from urllib.parse import urlsplit

import aiohttp

from odimra.client.errors import BadUsage, NotReachable
from odimra.client.profiles import Profile

SECONDS = 10


def judge(profile: Profile) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    """Return what aiohttp takes as ``ssl``. Raises :class:`BadUsage` for a file of no use."""
    if profile.fingerprint:
        return aiohttp.Fingerprint(bytes.fromhex(profile.fingerprint))
    if not profile.ca:
        return True
    try:
        return ssl.create_default_context(cafile=profile.ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it holds no certificate"
        raise BadUsage(
            f"{profile.ca} cannot be used as certificates to trust: {reason}",
            "name another file with --ca",
        ) from error


async def shown(url: str) -> str:
    """Return the SHA-256 of the certificate that is shown at ``url``, as hex digits."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    # Nothing is sent to it: it is only looked at, to be shown to a person.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context
            )
    except (OSError, TimeoutError) as error:
        raise NotReachable(f"{url} does not answer: {error}") from error
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return hashlib.sha256(certificate).hexdigest()


def readable(fingerprint: str) -> str:
    """Return a fingerprint as openssl prints it."""
    upper = fingerprint.upper()
    return ":".join(upper[at : at + 2] for at in range(0, len(upper), 2))
