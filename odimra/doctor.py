"""``odimra doctor``: looks at everything that a start needs, and says what to do.

Changes nothing and starts nothing. Called by the command line.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from odimra.certificates import BadCertificate, Pair, check_pair, local_names, read
from odimra.config import mask_url
from odimra.store.embedded import EmbeddedStoreError, running_url, server_binary
from odimra.store.probe import ProbeFailed, ServerFacts, probe
from odimra.supervisor import CannotServe, answers, reserve_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odimra.config import Settings

RENEW_DAYS = 30
SMALLEST_DISK_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it stands with a subject, and with ``warn`` and ``fail`` what to do."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str
    remedy: str = ""


async def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Return what was found, in the order in which a start would meet it."""
    return [
        *state_folder(Path(settings.state_folder)),
        *await store(settings),
        *certificate(settings, now),
        *await port(settings),
    ]


def state_folder(path: Path) -> Iterator[Finding]:
    """Whether the folder is there, private and has room."""
    subject = "state folder"
    parent = next(folder for folder in (path, *path.parents) if folder.exists())
    if parent != path:
        if os.access(parent, os.W_OK):
            yield Finding("ok", subject, f"{path} will be made at the first start")
        else:
            yield Finding(
                "fail", subject, f"{path} cannot be made", f"make it, or let {parent} be written to"
            )
            return
    elif not path.is_dir():
        yield Finding("fail", subject, f"{path} is not a folder", "choose another state_folder")
        return
    else:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid != os.geteuid():
            yield Finding(
                "fail", subject, f"{path} belongs to another user", "choose another state_folder"
            )
            return
        if mode != 0o700:
            yield Finding(
                "warn",
                subject,
                f"{path} has mode {mode:04o}, so that others may look into it",
                f"chmod 700 {path} (the next start does it)",
            )
        else:
            yield Finding("ok", subject, f"{path} is private")
    free = shutil.disk_usage(parent).free
    if free < SMALLEST_DISK_BYTES:
        yield Finding(
            "warn", "disk", f"{free // 1_000_000} MB free at {parent}", "make room, or move it"
        )


async def store(settings: Settings) -> list[Finding]:
    """Whether the server answers and is fit to keep tasks."""
    url, embedded = settings.store.url, settings.store.url == "embedded:"
    if embedded:
        try:
            binary = server_binary()
        except EmbeddedStoreError as error:
            return [Finding("fail", "store", "embedded, but there is no server", str(error))]
        running = await running_url(Path(settings.state_folder))
        if running is None:
            return [Finding("ok", "store", f"embedded; serve will start {binary}")]
        url = running
    try:
        facts = await probe(url, settings.store.timeout_seconds)
    except ProbeFailed as error:
        return [
            Finding(
                "fail",
                "store",
                f"{mask_url(url)} does not answer: {error}",
                "start the server, or correct store.url (address, login, TLS)",
            )
        ]
    return [Finding("ok", "store", f"{mask_url(url)} answers"), *judge(facts)]


def judge(facts: ServerFacts) -> Iterator[Finding]:
    """Whether a server is fit to keep tasks."""
    version = ".".join(map(str, facts.version))
    if facts.recent_enough:
        yield Finding("ok", "store version", f"{facts.name} {version}")
    else:
        yield Finding(
            "fail", "store version", f"{facts.name} {version}", "use Redis 6.2, Valkey 8 or later"
        )
    if facts.maxmemory_policy == "noeviction":
        yield Finding("ok", "store memory", "nothing is evicted (noeviction)")
    else:
        yield Finding(
            "fail" if facts.maxmemory else "warn",
            "store memory",
            f"the server may drop tasks when memory is short ({facts.maxmemory_policy})",
            "set maxmemory-policy noeviction",
        )
    if facts.append_only:
        yield Finding("ok", "store persistence", "append-only file")
    elif facts.snapshots:
        yield Finding(
            "warn",
            "store persistence",
            "snapshots only: a crash loses what came after the last one",
            "set appendonly yes",
        )
    else:
        yield Finding(
            "warn",
            "store persistence",
            "none seen: a restart of the server may lose every task",
            "set appendonly yes",
        )
    if facts.tracking:
        yield Finding("ok", "store cache", "the server can tell of changes (CLIENT TRACKING)")
    else:
        yield Finding(
            "warn",
            "store cache",
            "no CLIENT TRACKING: every read goes to the server, which is slower",
            "allow the command CLIENT TRACKING to odimra's user",
        )


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Whether clients will be able to trust the certificate."""
    subject, http = "certificate", settings.http
    if http.plain_http:
        if _is_loopback(http.address):
            yield Finding("ok", subject, "none: plain HTTP on this machine only")
        else:
            yield Finding(
                "warn",
                subject,
                f"none: passwords reach {http.address} in clear",
                "listen on 127.0.0.1 behind the proxy, or set http.plain_http to false",
            )
        return
    folder = Path(settings.state_folder)
    own = not http.tls.certificate
    pair = (
        Pair(folder / "certificate.pem", folder / "certificate.key", True)
        if own
        else Pair(Path(http.tls.certificate).expanduser(), Path(http.tls.key).expanduser(), False)
    )
    if own and not (pair.certificate.exists() and pair.key.exists()):
        yield Finding("ok", subject, "a self-signed pair will be made at the first start")
        return
    try:
        check_pair(pair)
        facts = read(pair.certificate)
    except BadCertificate as error:
        remedy = "delete both files, the next start makes new ones" if own else "correct http.tls"
        yield Finding("fail", subject, str(error), remedy)
        return
    renew = "the next start makes a new one" if own else "renew it"
    until = f"{facts.not_after:%Y-%m-%d}"
    if facts.not_after <= now:
        yield Finding("warn" if own else "fail", subject, f"ended on {until}", renew)
    elif facts.not_before > now:
        yield Finding(
            "fail", subject, f"is valid from {facts.not_before:%Y-%m-%d}", "set the clock"
        )
    elif facts.not_after - now < timedelta(days=RENEW_DAYS):
        yield Finding("warn", subject, f"{pair.certificate} ends on {until}", renew)
    else:
        yield Finding("ok", subject, f"{pair.certificate} is valid until {until}")
    host = urlsplit(http.public_url).hostname
    wanted = (host,) if host else local_names(http.address)[:2]
    missing = [name for name in wanted if not _covered(name, facts.names)]
    if missing and (host or own):
        yield Finding(
            "warn",
            "certificate names",
            f"{', '.join(missing)} is not among {', '.join(facts.names) or 'none'}",
            "use a certificate for that name (http.tls.certificate, http.tls.key)",
        )
    if stat.S_IMODE(pair.key.stat().st_mode) & 0o077:
        yield Finding(
            "warn", "certificate key", f"others may read {pair.key}", f"chmod 600 {pair.key}"
        )


async def port(settings: Settings) -> list[Finding]:
    """Whether the service can listen, or already does."""
    http = settings.http
    try:
        reserve_port(http.address, http.port).close()
    except CannotServe as error:
        if await answers(http.address, http.port, tls=not http.plain_http):
            text = f"a Redfish service answers on {http.address} port {http.port}"
            if await running_url(Path(settings.state_folder)):
                return [Finding("ok", "port", f"{text}: odimra runs with this state folder")]
            return [Finding("warn", "port", text, "stop it, or choose another port")]
        return [Finding("fail", "port", str(error), "choose another port, or stop who has it")]
    return [Finding("ok", "port", f"{http.address} port {http.port} is free")]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _covered(name: str, names: tuple[str, ...]) -> bool:
    wildcard = f"*.{name.partition('.')[2]}"
    return name.lower() in (known.lower() for known in names) or wildcard in names
