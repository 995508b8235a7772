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
    states_only = text("docs/tasks.md").partition("\n## States\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (\w+) \|.*\| ([\w, ]+) \|$", states_only, re.MULTILINE))
    rows.pop("state", None)
    told = {
        state: set() if moves == "nothing" else set(moves.split(", "))
        for state, moves in rows.items()
    }
    assert told == {state: set(moves) for state, moves in states.TRANSITIONS.items()}


def table(page: str, heading: str) -> list[str]:
    """Return the first cells of the first table below a heading."""
    section = text(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)
    assert len(cells) > 1, f"{page}: no table below {heading}"
    return cells[1:]


def test_every_dependency_is_in_the_readme_and_no_other() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"].split("\n")
    names = [re.split(r"[ >=<;]", line.strip())[0] for line in wanted if line.strip()]
    assert names
    assert sorted(table("README.md", "Dependencies")) == sorted(names)


def test_every_make_target_is_in_the_readme() -> None:
    makefile = text("Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    # Announced there, but what it runs is yet to come.
    if not (ROOT / "benchmarks" / "soak.py").exists():
        targets.discard("soak")
    told = {cell.strip("`").removeprefix("make ") for cell in table("README.md", "Working on it")}
    assert told == targets


def test_every_page_is_in_the_readme() -> None:
    pages = [f"(docs/{path.name})" for path in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if page not in text("README.md")] == []


def test_every_client_that_is_tested_is_in_the_readme() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options.extras_require"]["clients"].split("\n")
    names = [line.split()[0] for line in wanted if line.strip()]
    told = [
        found[1]
        for cell in table("README.md", "Clients known to work")
        if (found := re.match(r"`([\w-]+)`", cell))
    ]
    assert sorted(told) == sorted(names)


def test_the_picture_shows_only_moves_that_are_allowed_and_every_end() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+):", text("docs/tasks.md"), re.MULTILINE)
    assert drawn
    assert [(old, new) for old, new in drawn if new not in states.TRANSITIONS[old]] == []
    ends = re.findall(r"^    (\w+) --> \[\*\]", text("docs/tasks.md"), re.MULTILINE)
    assert set(ends) == states.FINAL


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    for source in (ROOT / "docs" / page, ROOT / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", source.read_text("utf-8")):
            if not target.startswith("http"):
                assert (source.parent / target).exists(), f"{source.name}: {target}"
