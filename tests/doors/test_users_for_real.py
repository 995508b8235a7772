"""``odimra user`` on the real accounts, and a start with settings that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from odimra.cli import main

User = Callable[..., Result]
GOOD = "a-good-Passw0rd\na-good-Passw0rd\n"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str = "") -> Result:
        done = CliRunner().invoke(main, ["user", *words], input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def test_the_life_of_an_account(user: User) -> None:
    assert user("add", "ann", "--role", "Administrator", stdin=GOOD).exit_code == 0
    assert user("add", "bob", "--role", "ReadOnly", stdin=GOOD).exit_code == 0
    assert user("list").output == "ann\tAdministrator\tenabled\nbob\tReadOnly\tenabled\n"
    changed = user("passwd", "bob", stdin="another-Passw0rd\nanother-Passw0rd\n")
    assert changed.exit_code == 0, changed.output
    assert user("delete", "bob", "--yes").exit_code == 0
    assert user("list").output == "ann\tAdministrator\tenabled\n"


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (("add", "ann", "--role", "ReadOnly"), GOOD, "already"),
        (("add", "bob", "--role", "King"), GOOD, "no role 'King'"),
        (("add", "bob", "--role", "ReadOnly"), "short\nshort\n", "characters"),
        (("add", "b b", "--role", "ReadOnly"), GOOD, "name"),
        (("passwd", "bob"), GOOD, "no account 'bob'"),
        (("delete", "bob", "--yes"), "", "no account 'bob'"),
        (("delete", "ann", "--yes"), "", "last"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    user: User, words: tuple[str, ...], stdin: str, said: str
) -> None:
    user("add", "ann", "--role", "Administrator", stdin=GOOD)
    refused = user(*words, stdin=stdin)
    assert refused.exit_code == 1
    last = refused.output.strip().splitlines()[-1]
    assert last.startswith("odimra: ") and said in last
    assert "short" not in last and "Passw0rd" not in last
    assert user("list").output == "ann\tAdministrator\tenabled\n"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "ODIMRA_INITIAL_PASSWORD",
            "short",
            "what ODIMRA_INITIAL_PASSWORD holds cannot be used, as a password has",
        ),
        ("ODIMRA_EMULATION__FLEET", "./nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_a_service_that_cannot_start_says_why_and_ends_with_2(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "odimra", "serve", "--state", "state", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, variable: value, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
