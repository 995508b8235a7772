"""``odimra emulate`` as somebody starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.http import Client
from tests.support.service import clean_environment, free_port


def command(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "odimra", "emulate", *words],
        cwd=cwd,
        env=clean_environment(PYTHONPATH=str(Path(__file__).resolve().parents[2])),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_fleet_from_its_start_to_its_end(tmp_path: Path) -> None:
    port = str(free_port())
    words = ("--count", "300", "--port", port, "--list", "all.jsonl", "--faulty", "0.1")
    with command(*words, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == (
            f"300 BMCs, 30 of them faulty, from http://127.1.0.1:{port} "
            f"to http://127.1.1.46:{port}\n"
        )
        lines = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        assert len(found) == 300 and sum(one["fault"] is not None for one in found) == 30
        assert (tmp_path / "all.jsonl").stat().st_mode & 0o077 == 0
        healthy = [one for one in found if one["fault"] is None]
        for one in (healthy[0], healthy[-1]):
            client = Client(one["url"], None, None, (one["user"], one["password"]))
            system = client.get("/redfish/v1/Systems/1")
            assert (system.status, system.body["HostName"]) == (200, f"host-{one['number']}")
            client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "tired"), "--fault: there is no fault 'tired'"),
        (("--first", "10.0.0.1"), "127.0.0.0/8"),
        (("--first", "here"), "here"),
        (("--scenarios", "./none.yaml"), "none.yaml"),
        (("--mockup", "."), "service root"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    with command(*words, cwd=tmp_path) as process:
        _, wrong = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said in wrong and len(wrong.strip().splitlines()) == 1, wrong
