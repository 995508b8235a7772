"""``odimra doctor``: what it finds, what it says to do, and its exit code."""

from __future__ import annotations

import dataclasses
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from odimra import doctor
from odimra.certificates import ensure_pair
from odimra.config import Settings, load
from odimra.store.embedded import EmbeddedStore, NoServerBinary
from odimra.store.probe import ProbeFailed, ServerFacts, probe
from odimra.supervisor import reserve_port
from tests.doors.processes import odimra, running

NOW = datetime.now(UTC)
GOOD = ServerFacts("valkey", (9, 1, 2), 0, "noeviction", True, False, True)


def settings(folder: Path, **flags: object) -> Settings:
    overrides = {name.replace("__", "."): value for name, value in flags.items()}
    return load(None, {}, {"state_folder": str(folder / "state"), "http.port": 0, **overrides})


def levels(findings) -> dict[str, str]:
    return {finding.subject: finding.level for finding in findings}


def texts(findings) -> str:
    return "\n".join(f"{finding.text} -> {finding.remedy}" for finding in findings)


async def test_all_is_well_before_the_first_start(tmp_path):
    findings = await doctor.examine(settings(tmp_path), NOW)
    assert set(levels(findings).values()) == {"ok"}
    assert not (tmp_path / "state").exists()


def test_the_command_prints_a_line_for_each_and_ends_with_0(tmp_path):
    done = odimra("doctor", "--port", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 5
    assert not list(tmp_path.iterdir())


def test_a_failure_ends_with_1_and_says_what_to_do(tmp_path):
    done = odimra("doctor", "--store", "redis://u:sesame@127.0.0.1:1", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert "fail  store: redis://u:***@127.0.0.1:1 does not answer" in done.stdout
    assert "-> start the server, or correct store.url" in done.stdout
    assert "sesame" not in done.stdout + done.stderr


def test_bad_settings_are_a_finding(tmp_path):
    (tmp_path / "odimra.yaml").write_text("http: {port: 70000}\n")
    done = odimra("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "fail  configuration: odimra.yaml: http.port: 70000 is greater" in done.stdout


def test_a_running_service_is_recognised(tmp_path):
    with running(tmp_path, "api=1=serve_api") as service:
        port = service.ready().address.rpartition(":")[2]
        done = odimra("doctor", "--port", port, cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert "odimra runs with this state folder" in done.stdout
        assert "store.sock answers" in done.stdout
        other = odimra("doctor", "--port", port, "--state", "other", cwd=tmp_path)
        assert "warn  port: a Redfish service answers" in other.stdout


async def test_a_port_of_another_program_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        findings = await doctor.port(settings(tmp_path, http__port=other.getsockname()[1]))
    assert levels(findings) == {"port": "fail"}


def test_the_state_folder_is_judged(tmp_path, monkeypatch):
    state = tmp_path / "state"
    state.write_text("")
    assert levels(doctor.state_folder(state)) == {"state folder": "fail"}
    state.unlink()
    state.mkdir(mode=0o755)
    findings = list(doctor.state_folder(state))
    assert levels(findings) == {"state folder": "warn"}
    assert f"chmod 700 {state}" in texts(findings)
    state.chmod(0o700)
    assert levels(doctor.state_folder(state)) == {"state folder": "ok"}
    monkeypatch.setattr(doctor, "SMALLEST_DISK_BYTES", 1 << 80)
    assert levels(doctor.state_folder(state))["disk"] == "warn"
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert levels(doctor.state_folder(tmp_path / "none")) == {"state folder": "fail"}
    monkeypatch.setattr(doctor.os, "geteuid", lambda: -1)
    assert levels(doctor.state_folder(state)) == {"state folder": "fail"}


async def test_the_embedded_store_is_asked_when_it_runs(tmp_path):
    store = EmbeddedStore(tmp_path / "state")
    await store.start()
    findings = await doctor.store(settings(tmp_path))
    await store.stop()
    assert set(levels(findings).values()) == {"ok"}
    assert set(levels(findings)) == {
        *("store", "store version", "store memory", "store persistence", "store cache")
    }


async def test_no_server_to_embed_is_a_failure(tmp_path, monkeypatch):
    def none() -> Path:
        raise NoServerBinary("install one")

    monkeypatch.setattr(doctor, "server_binary", none)
    findings = await doctor.store(settings(tmp_path))
    assert levels(findings) == {"store": "fail"}
    assert "install one" in texts(findings)


async def test_a_server_elsewhere_is_probed(valkey):
    facts = await probe(valkey, 0.8)
    assert (facts.name, facts.tracking, facts.append_only) == ("valkey", True, False)
    assert facts.version >= (8,)


async def test_what_is_no_server_fails_in_time(tmp_path):
    with pytest.raises(ProbeFailed, match="scheme"):
        await probe("http://127.0.0.1", 0.8)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        with pytest.raises(ProbeFailed, match=r"no answer within 0\.2 s"):
            await probe(f"redis://127.0.0.1:{deaf.getsockname()[1]}", 0.2)


@pytest.mark.parametrize(
    ("change", "subject", "level"),
    [
        ({}, "store version", "ok"),
        ({"version": (7, 2)}, "store version", "fail"),
        ({"name": "redis", "version": (6, 2, 14)}, "store version", "ok"),
        ({"name": "redis", "version": (6, 0)}, "store version", "fail"),
        ({"maxmemory_policy": "allkeys-lru"}, "store memory", "warn"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": 1000}, "store memory", "fail"),
        ({"append_only": False, "snapshots": True}, "store persistence", "warn"),
        ({"append_only": False}, "store persistence", "warn"),
        ({"tracking": False}, "store cache", "warn"),
    ],
)
def test_a_server_is_judged_by_what_tasks_need(change, subject, level):
    facts = dataclasses.replace(GOOD, **change)
    findings = {finding.subject: finding for finding in doctor.judge(facts)}
    assert findings[subject].level == level
    assert bool(findings[subject].remedy) is (level != "ok")
    assert [f.level for s, f in findings.items() if s != subject] == ["ok"] * 3


@pytest.mark.parametrize(
    ("days", "level"), [(0, "ok"), (824, "warn"), (826, "warn"), (-1, "fail"), (790, "ok")]
)
def test_the_end_of_the_certificate_is_foreseen(tmp_path, days, level):
    own = settings(tmp_path)
    (tmp_path / "state").mkdir()
    ensure_pair(own, NOW)
    assert levels(doctor.certificate(own, NOW + timedelta(days=days)))["certificate"] == level


def test_a_configured_certificate_is_judged(tmp_path):
    (tmp_path / "state").mkdir()
    pair = ensure_pair(settings(tmp_path), NOW)
    flags = {"http__tls__certificate": str(pair.certificate), "http__tls__key": str(pair.key)}
    configured = settings(tmp_path, **flags, http__public_url="https://bmc.example.com")
    findings = list(doctor.certificate(configured, NOW + timedelta(days=900)))
    assert levels(findings) == {"certificate": "fail", "certificate names": "warn"}
    assert "bmc.example.com is not among localhost" in texts(findings)
    pair.key.chmod(0o644)
    findings = list(doctor.certificate(settings(tmp_path, **flags), NOW))
    assert levels(findings) == {"certificate": "ok", "certificate key": "warn"}
    pair.certificate.write_text("no certificate")
    assert levels(doctor.certificate(configured, NOW)) == {"certificate": "fail"}


@pytest.mark.parametrize(
    ("address", "level"), [("127.0.0.1", "ok"), ("localhost", "ok"), ("0.0.0.0", "warn")]
)
def test_plain_http_is_for_this_machine(tmp_path, address, level):
    plain = settings(tmp_path, http__plain_http=True, http__address=address)
    assert levels(doctor.certificate(plain, NOW)) == {"certificate": level}


def test_a_port_can_be_held_and_given_back():
    held = reserve_port("127.0.0.1", 0)
    port = held.getsockname()[1]
    held.close()
    reserve_port("127.0.0.1", port).close()
