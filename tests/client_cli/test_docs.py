"""What docs/cli.md says of the commands that ask a service."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import click

from odimra.cli import main
from odimra.client import errors, profiles, secrets
from odimra.client.lazy import COMMANDS
from tests.support.service import CHECKOUT, clean_environment

PAGE = (CHECKOUT / "docs" / "cli.md").read_text("utf-8")


def section(heading: str) -> str:
    found = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found, heading
    return found


def subclasses(kind: type[errors.ClientError]) -> list[type[errors.ClientError]]:
    return [kind, *(one for sub in kind.__subclasses__() for one in subclasses(sub))]


def test_every_exit_code_is_told_with_its_name() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", section("Exit codes of commands that ask"), re.M)
    told = {int(code): set(re.findall("`([a-z-]+)`", names)) for code, names in rows}
    kinds: defaultdict[int, set[str]] = defaultdict(set)
    for kind in subclasses(errors.ClientError):
        kinds[kind.code].add(kind.kind)
    assert told == {0: set(), errors.INTERRUPTED: set(), **kinds}


def test_every_variable_is_told() -> None:
    told = set(re.findall(r"^\| `(ODIMRA_\w+)`", section("Profiles"), re.M))
    known = {*profiles.VARIABLES.values(), secrets.PASSWORD, secrets.TOKEN, "ODIMRA_WAIT"}
    assert told == known


def test_every_command_that_a_page_shows_can_be_typed() -> None:
    shown = [
        shlex.split(line)
        for page in ("cli.md", "first-hour.md")
        for line in re.findall(
            r"^\$ odimra (.+)$", (CHECKOUT / "docs" / page).read_text("utf-8"), re.M
        )
    ]
    assert len(shown) > 10
    for words in shown:
        command: click.Command = main
        context = click.Context(main)
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None
            command = found
        command.make_context("shown", words)  # raises for what it does not know


def test_the_service_loads_nothing_of_the_client() -> None:
    """Each process of a service imports the command line; it pays for none of these."""
    code = (
        "import sys; import odimra.cli;"
        "print([name for name in sys.modules if name.startswith(('odimra.client.', 'rich', "
        "'keyring')) and name != 'odimra.client.lazy'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_client_imports_nothing_else_of_odimra() -> None:
    """Rooms that come later as well, which the contract in setup.cfg has to name one by one."""
    found = {
        match
        for path in (CHECKOUT / "odimra" / "client").rglob("*.py")
        for match in re.findall(r"(?:from|import) (odimra(?:\.\w+)?)\b", path.read_text("utf-8"))
    }
    assert found == {"odimra.client"}


def test_a_command_that_asks_loads_nothing_of_the_service() -> None:
    """It is called time and again; loading the store and the supervisor would be most of it."""
    code = (
        "import sys; sys.argv = ['odimra', 'task', 'list', '--help'];"
        "from odimra.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('redis', 'uvloop', 'odimra.')) "
        "and not name.startswith(('odimra.client', 'odimra.__main__'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: odimra task list" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_shells_complete_the_commands(tmp_path: Path) -> None:
    def completed(words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "odimra"],
            env=clean_environment(
                PYTHONPATH=str(CHECKOUT),
                _ODIMRA_COMPLETE="bash_complete",
                COMP_WORDS=f"odimra {words}",
                COMP_CWORD=str(len(words.split(" "))),
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert set(COMMANDS) <= set(completed(""))
    assert {"list", "show", "watch", "cancel", "delete"} == set(completed("task "))
    assert completed("task list --st") == ["--state"]
