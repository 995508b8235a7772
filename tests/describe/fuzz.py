"""Schemathesis against a freshly started service: requests as the description has them, and others.

The tests run a little of it for each face; `make fuzz` runs more: `python -m tests.describe.fuzz
[face ...] [-n examples] [--seed number]`.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.service import CHECKOUT, Service, clean_environment

CONFIG = Path(__file__).with_name("schemathesis.toml")
FACES = ("records", "bulk", "rating", "jobs", "console", "service")
SETTINGS = {"http": {"plain_http": True}, "log": {"level": "warning"}}


def run(
    service: Service, token: str, face: str, *, examples: int, seed: int, flags: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Try one face; the answer has what was printed, and is 0 if nothing was found."""
    assert service.folder is not None
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
            *("run", f"{service.address}/openapi.json", "--include-tag", face),
            *("--max-examples", str(examples), "--seed", str(seed)),
            *("--generation-database", "none", "--output-sanitize", "false", *flags),
        ],
        cwd=service.folder,
        env=clean_environment(PYTHONPATH=str(CHECKOUT), TOKEN=token, NO_COLOR="1", COLUMNS="120"),
        capture_output=True,
        text=True,
    )


def login(service: Service) -> str:
    """Return the token of a session of the administrator."""
    token = service.admin().token
    assert token is not None
    return token


def main() -> int:
    """Run more than the tests do; return the exit status."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("faces", nargs="*", default=FACES, help=", ".join(FACES))
    parser.add_argument("-n", "--examples", type=int, default=100, help="of each operation")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = random.randrange(2**32) if given.seed is None else given.seed
    failed = []
    for face in given.faces:
        with Service(SETTINGS) as service:
            done = run(service, login(service), face, examples=given.examples, seed=seed)
            print(done.stdout, done.stderr, sep="\n")
            if done.returncode:
                failed.append(face)
                print(service.printed())
    print(f"seed {seed}: " + (f"found something in {', '.join(failed)}" if failed else "all well"))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
