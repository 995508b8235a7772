"""The pair that the first start makes, and what is said of one that cannot be used."""

from __future__ import annotations

import ipaddress
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from odimra.certificates import BadCertificate, Pair, check_pair, ensure_pair, read, server_context
from odimra.config import Settings, load

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, {}, {"state_folder": str(tmp_path)})


def test_the_first_start_makes_a_pair_that_clients_can_trust(settings):
    pair = ensure_pair(settings, NOW)
    assert pair.made
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert certificate.version is x509.Version.v3
    assert certificate.not_valid_after_utc - NOW == timedelta(days=825)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")} <= set(addresses)
    ssl.create_default_context(cafile=pair.certificate)


def test_the_next_start_keeps_it_until_it_ends(settings):
    first = ensure_pair(settings, NOW).certificate.read_bytes()
    kept = ensure_pair(settings, NOW + timedelta(days=824))
    assert not kept.made
    assert kept.certificate.read_bytes() == first
    renewed = ensure_pair(settings, NOW + timedelta(days=826))
    assert renewed.made
    assert renewed.certificate.read_bytes() != first


@pytest.mark.parametrize(("minimum", "version"), [("1.2", "TLSv1_2"), ("1.3", "TLSv1_3")])
def test_the_oldest_version_of_tls_is_the_configured_one(tmp_path, minimum, version):
    overrides = {"state_folder": str(tmp_path), "http.tls.minimum": minimum}
    context = server_context(load(None, {}, overrides), NOW)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion[version]


def test_plain_http_needs_no_certificate(tmp_path):
    overrides = {"state_folder": str(tmp_path), "http.plain_http": True}
    assert server_context(load(None, {}, overrides), NOW) is None
    assert not list(tmp_path.iterdir())


def test_a_configured_pair_is_used_as_it_is(settings, tmp_path):
    own = ensure_pair(settings, NOW)
    overrides = {
        "state_folder": str(tmp_path / "other"),
        "http.tls.certificate": str(own.certificate),
        "http.tls.key": str(own.key),
    }
    pair = ensure_pair(load(None, {}, overrides), NOW + timedelta(days=9999))
    assert (pair.certificate, pair.key, pair.self_signed) == (own.certificate, own.key, False)


def test_files_that_cannot_be_used_are_named(settings, tmp_path):
    pair = ensure_pair(settings, NOW)
    with pytest.raises(BadCertificate, match=r"none\.pem: is not a file"):
        check_pair(Pair(tmp_path / "none.pem", pair.key, False))
    other = load(None, {}, {"state_folder": str(tmp_path / "b")})
    (tmp_path / "b").mkdir()
    stranger = ensure_pair(other, NOW)
    with pytest.raises(BadCertificate, match="cannot be used with the key"):
        check_pair(Pair(pair.certificate, stranger.key, False))
    with pytest.raises(BadCertificate, match="is not a certificate in PEM form"):
        read(pair.key)
    with pytest.raises(BadCertificate, match="cannot be read: No such file"):
        read(tmp_path / "none.pem")
