"""The certificate of the service: a self-signed pair at the first start, and what one says.

Used by the doors. Must never import a room.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odimra.config import Settings

# Apple's and others' clients refuse certificates that are valid for longer.
VALID_DAYS = 825
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class BadCertificate(Exception):
    """The certificate or its key cannot be used; the text says why and names the file."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Files of a certificate and its key; ``made`` when they were made just now."""

    certificate: Path
    key: Path
    self_signed: bool
    made: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself."""

    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    self_signed: bool


def ensure_pair(settings: Settings, now: datetime) -> Pair:
    """Return the configured pair or, without one, the self-signed pair of the state folder.

    The latter is made when it is missing or past its end. ``now`` is aware of its time zone.
    Raises :class:`BadCertificate` when a configured file is missing or the two do not fit.
    """
    tls = settings.http.tls
    if tls.certificate:
        pair = Pair(Path(tls.certificate).expanduser(), Path(tls.key).expanduser(), False)
        check_pair(pair)
        return pair
    folder = Path(settings.state_folder)
    pair = Pair(folder / "certificate.pem", folder / "certificate.key", True)
    if pair.certificate.exists() and pair.key.exists():
        check_pair(pair)
        if read(pair.certificate).not_after > now:
            return pair
    _make(pair, local_names(settings.http.address), now)
    return Pair(pair.certificate, pair.key, True, made=True)


def server_context(settings: Settings, now: datetime) -> ssl.SSLContext | None:
    """Return what an API process listens with, or None for plain HTTP.

    Raises :class:`BadCertificate`.
    """
    if settings.http.plain_http:
        return None
    pair = ensure_pair(settings, now)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = TLS_VERSIONS[settings.http.tls.minimum]
    context.load_cert_chain(pair.certificate, pair.key, password=b"")
    return context


def check_pair(pair: Pair) -> None:
    """Raise :class:`BadCertificate` when the files cannot be used together."""
    for path in (pair.certificate, pair.key):
        if not path.is_file():
            raise BadCertificate(f"{path}: is not a file")
    try:
        # An empty password keeps OpenSSL from asking the terminal for one.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            pair.certificate, pair.key, password=b""
        )
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(
            f"{pair.certificate}: cannot be used with the key {pair.key}: {error}"
        ) from error


def read(path: Path) -> Facts:
    """Return what the (first) certificate in the PEM file says. Raises :class:`BadCertificate`."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise BadCertificate(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadCertificate(f"{path}: is not a certificate in PEM form") from error
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(
            str(name.value)
            for name in extension.value
            if isinstance(name, x509.DNSName | x509.IPAddress)
        )
    except x509.ExtensionNotFound:
        names = ()
    return Facts(
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        names,
        certificate.issuer == certificate.subject,
    )


def make(base: Path, names: Sequence[str], now: datetime) -> Pair:
    """Make a self-signed pair for ``names``: ``<base>.pem`` and ``<base>.key``."""
    pair = Pair(base.with_suffix(".pem"), base.with_suffix(".key"), True, made=True)
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make(pair, names, now)
    return pair


def local_names(address: str) -> tuple[str, ...]:
    """Return the names under which a client on this machine or its network reaches ``address``."""
    hostname = socket.gethostname()
    names = ["localhost", "127.0.0.1", "::1", hostname]
    if address not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        names.append(address)
    return tuple(dict.fromkeys(name for name in names if name))


def _make(pair: Pair, names: Sequence[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odimra self-signed")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour back, for clients whose clock is slow.
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(pair.key, private, 0o600)
    _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, mode: int) -> None:
    # Written beside and renamed: a start that is killed leaves the old file or the new one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
