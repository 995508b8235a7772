"""What the documentation says is so."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from odimra.tasks import states

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_table_of_states_is_the_code_s() -> None:
    rows = dict(re.findall(r"^\| (\w+) \|.*\| ([\w, ]+) \|$", text("docs/tasks.md"), re.MULTILINE))
    rows.pop("state", None)
    told = {
        state: set() if moves == "nothing" else set(moves.split(", "))
        for state, moves in rows.items()
    }
    assert told == {state: set(moves) for state, moves in states.TRANSITIONS.items()}


def test_every_dependency_is_in_the_readme() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"].split("\n")
    names = [re.split(r"[ >=<;]", line.strip())[0] for line in wanted if line.strip()]
    table = text("README.md").partition("## Dependencies")[2].partition("\n## ")[0]
    assert names
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", table)] == []


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*?##", text("Makefile"), re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert phony is not None
    hidden = {"ruff-check", "ruff-format", "mypy", "lint-imports"}
    assert set(targets) | hidden >= set(phony[1].split()) - {"help"}


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    for source in (ROOT / "docs" / page, ROOT / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", source.read_text("utf-8")):
            if not target.startswith("http"):
                assert (source.parent / target).exists(), f"{source.name}: {target}"
