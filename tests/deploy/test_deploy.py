"""What lies in deploy/ fits this version: settings that there are, commands that there are.

As far as that can be seen without an engine. Tools that are not everywhere are used where they are.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from redis import Redis, RedisError

from odimra.cli import main
from odimra.config import load
from tests.support.service import free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
#: Read by the start itself, and no settings.
OTHERS = {"ODIMRA_INITIAL_PASSWORD"}
#: Beside Python, where pip puts it.
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))
REDIS = shutil.which("redis-server")
SECRET = {"ODIMRA_STORE__URL": "rediss://odimra:secret@redis.test:6379/0"}


def unit(path: Path) -> configparser.RawConfigParser:
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(path, "utf-8")
    return parsed


def settings_of(environment: dict[str, str]) -> None:
    """Load an environment as a process does, so that a name that is none is told."""
    given = {name: value for name, value in environment.items() if name not in OTHERS}
    assert all(name.startswith("ODIMRA_") for name in given), given
    load(None, given, {})


def understood(words: list[str]) -> None:
    """Have the command line parse a command without doing anything."""
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0, done.output
    flags = {word for word in words if word.startswith("--")}
    assert all(flag in done.output for flag in flags), (flags, done.output)


def until(what: Callable[[], Any]) -> None:
    """Return when ``what`` is true at last."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(RedisError):
            if what():
                return
        time.sleep(0.05)
    raise AssertionError("it did not become so")


# systemd


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_start_what_there_is_and_give_up_what_they_can(path: Path) -> None:
    service = dict(unit(path)["Service"])
    words = service["ExecStart"].split()
    assert words[0].endswith("/bin/odimra")
    understood([word for word in words[1:] if not word.startswith("/")])
    assert service["RestartPreventExitStatus"] == "2"
    assert int(service["TimeoutStopSec"]) > load(None, {}, {}).engine.drain_seconds
    assert words[-1] == f"/var/lib/{service['StateDirectory']}"
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("true", "strict")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_understands_the_units(path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if path.name in line]
    # Only that the program is not where the unit expects it.
    assert all("is not executable" in line for line in said), done.stderr


# The image


def test_the_image_is_built_from_what_there_is() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    joined = re.sub(r"\\\n", " ", text)
    given = dict(re.findall(r"\b(ODIMRA_[A-Z_]+)=(\S+)", joined))
    settings_of(given)
    assert given["ODIMRA_HTTP__ADDRESS"] == "0.0.0.0"
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.rindex("USER 10001") < text.index("ENTRYPOINT")
    understood(json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1]))
    probe = re.findall(r"CMD (\[\"python\".*\])", text)
    compile(json.loads(probe[0])[2], "probe", "exec")
    assert "8443/health" in probe[0]
    assert f"EXPOSE {load(None, {}, {}).http.port}" in text
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    needed = {"odimra", "config", "schemas", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"}
    assert not needed & set(ignored)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no package for this machine")
def test_the_image_is_linted() -> None:
    path = DEPLOY / "container" / "Containerfile"
    done = subprocess.run([str(HADOLINT), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# Compose


@pytest.fixture(scope="module")
def compose() -> Any:
    text = (DEPLOY / "container" / "compose.yaml").read_text("utf-8")
    # As compose does with variables: the default behind the dash, two dollars for one.
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", text).replace("$$", "$")
    return yaml.safe_load(text)


def test_compose_is_the_service_two_workers_and_a_store_that_survives(compose: Any) -> None:
    services = compose["services"]
    sentinels = {name for name in services if name.startswith("sentinel")}
    assert set(services) - sentinels == {
        "odimra",
        "worker-1",
        "worker-2",
        "redis",
        "redis-replica",
    }
    # A quorum of two needs a third.
    assert len(sentinels) == 3
    assert "sentinel monitor odimra redis 6379 2" in str(services["sentinel-1"]["command"])
    for name in ("odimra", "worker-1", "worker-2"):
        one = services[name]
        understood([str(word) for word in one["command"]])
        settings_of(one["environment"])
        url = one["environment"]["ODIMRA_STORE__URL"]
        assert url.startswith("redis+sentinel://:") and url.endswith("/odimra")
        hosts = {host.partition(":")[0] for host in url.split("@")[1].split("/")[0].split(",")}
        assert hosts == sentinels == set(one["depends_on"])
        assert one["read_only"] and one["cap_drop"] == ["ALL"]
    for name in ("redis", "redis-replica"):
        command = str(services[name]["command"])
        assert "noeviction" in command and "--appendonly yes" in command


def test_compose_names_nothing_that_it_does_not_have(compose: Any) -> None:
    for name, one in compose["services"].items():
        assert set(one["networks"]) <= set(compose["networks"]), name
        assert set(one.get("depends_on", ())) <= set(compose["services"]), name
        volumes = {volume.partition(":")[0] for volume in one["volumes"]}
        assert volumes <= set(compose["volumes"]), name
        assert set(one.get("secrets", ())) <= set(compose["secrets"]), name
        assert "image" in one
    used = {v.partition(":")[0] for one in compose["services"].values() for v in one["volumes"]}
    assert used == set(compose["volumes"])
    assert compose["networks"]["inside"]["internal"]
    ports = [name for name, one in compose["services"].items() if one.get("ports")]
    assert ports == ["odimra"]


@pytest.mark.skipif(REDIS is None, reason="there is no redis-server on this machine")
def test_redis_and_sentinel_start_as_compose_starts_them(compose: Any, tmp_path: Path) -> None:
    # What stands for the containers: folders, ports and the name that the image gives to Sentinel.
    port, watcher = free_port(), free_port()
    (tmp_path / "redis-sentinel").symlink_to(str(REDIS))
    (tmp_path / "sentinel").mkdir()

    def started(name: str, *changes: tuple[str, str]) -> subprocess.Popen[bytes]:
        one = compose["services"][name]
        words = [str(word) for word in one["command"]]
        for before, after in changes:
            assert before in words[-1]
            words[-1] = words[-1].replace(before, after)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        return subprocess.Popen(
            words, cwd=tmp_path, env={**one["environment"], "PATH": path}, stdout=subprocess.DEVNULL
        )

    announced = ("--replica-announce-ip redis", f"--port {port}")
    monitored = ("monitor odimra redis 6379", f"monitor odimra localhost {port}")
    sentinel = ("/data/", f"{tmp_path}/sentinel/"), monitored, ("port 26379", f"port {watcher}")
    password = compose["services"]["redis"]["environment"]["STORE_PASSWORD"]
    with started("redis", announced) as redis, Redis(port=port, password=password) as store:
        try:
            until(lambda: store.ping())
            assert store.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert store.config_get("appendonly")["appendonly"] == "yes"
            # Twice: what a Sentinel has learned is not written over by its next start.
            for _ in range(2):
                with started("sentinel-1", *sentinel) as watching, Redis(port=watcher) as asked:
                    try:
                        # It knows the run's id once the password has let it ask.
                        until(lambda one=asked: one.sentinel_master("odimra")["runid"])
                        state = asked.sentinel_master("odimra")
                        assert (state["ip"], state["port"]) == ("localhost", port)
                        assert state["down-after-milliseconds"] == 3000
                    finally:
                        watching.terminate()
        finally:
            redis.terminate()


# Kubernetes


def manifests() -> list[dict[str, Any]]:
    """Return what kustomize puts together, or where there is none the files that it names."""
    folder = DEPLOY / "kubernetes"
    if shutil.which("kubectl"):
        done = subprocess.run(
            ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True
        )
        return list(yaml.safe_load_all(done.stdout))
    names = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    return [one for name in names for one in yaml.safe_load_all((folder / name).read_text("utf-8"))]


def test_manifests_are_valid() -> None:
    found = manifests()
    kinds = [one["kind"] for one in found]
    assert kinds.count("Deployment") == 2 and "Service" in kinds and "NetworkPolicy" in kinds
    for one in found:
        kubernetes_validate.validate(one, "1.31", strict=True)


def test_every_manifest_is_put_together() -> None:
    folder = DEPLOY / "kubernetes"
    named = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted([*named, "kustomization.yaml"]) == sorted(path.name for path in MANIFESTS)


def test_manifests_fit_this_version() -> None:
    found = manifests()
    (config,) = (one["data"] for one in found if one["kind"] == "ConfigMap")
    settings_of({**config, **SECRET})
    for one in (one for one in found if one["kind"] == "Deployment"):
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        understood(container["args"])
        settings_of(
            {
                entry["name"]: SECRET[entry["name"]]
                for entry in container["env"]
                if entry["name"] not in OTHERS
            }
        )
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounted) == {volume["name"] for volume in pod["volumes"]}
        assert config["ODIMRA_AGGREGATION__KEY_FILE"].startswith(mounted["key"])
        if "tls" in mounted:
            assert config["ODIMRA_HTTP__TLS__KEY"].startswith(mounted["tls"])
            assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
            assert container["livenessProbe"]["httpGet"]["path"] == "/health"
            (port,) = container["ports"]
            assert str(port["containerPort"]) == config["ODIMRA_HTTP__PORT"]


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    for name in re.findall(r"\bdeploy/[\w./-]+\w", page):
        assert (ROOT / name).exists() or name.endswith("aggregation.key"), name
