"""docs/architecture.md and docs/security.md name every script, its outcomes, every key and mask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from odimra.redfish.headers import COMMON
from odimra.store.keys import CACHED
from odimra.tasks.payload import SECRET, SHOWN_HEADERS

ROOT = Path(__file__).resolve().parents[2]
ODIMRA = ROOT / "odimra"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")

#: What is put before other scripts and is none by itself.
SHARED = {
    "store/lua/news.lua",
    "aggregation/listening/lua/entries.lua",
    "tasks/lua/prelude.lua",
    "tasks/lua/asked.lua",
    "tasks/lua/follow.lua",
    "tasks/lua/tally.lua",
    "jobs/submission/lua/common.lua",
    "events/lua/emit.lua",
    "engine/lua/prelude.lua",
    "events/lua/hub.lua",
    "events/lua/later.lua",
    "jobs/bulk/lua/prelude.lua",
    "jobs/scanner/lua/prelude.lua",
    "records/lua/writes.lua",
}
SCRIPTS = sorted(str(path.relative_to(ODIMRA)) for path in ODIMRA.glob("**/lua/*.lua"))


def rows(section: str) -> dict[str, str]:
    """Return the outcomes of the scripts in the table behind the folder's name."""
    text = PAGE.partition(f"(`odimra/{section}`)")[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None, section
    return dict(re.findall(r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \|$", table[0], re.MULTILINE))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_explained_with_its_outcomes(script: str) -> None:
    if script in SHARED:
        assert f"`{Path(script).name}`" in PAGE
        return
    said = rows(str(Path(script).parent))[Path(script).name]
    source = (ODIMRA / script).read_text("utf-8")
    outcomes = re.findall(r"(?:answer\(|return \{|return )'(\w+)'", source)
    assert [one for one in outcomes if f"`{one}`" not in said] == []


@pytest.mark.parametrize("folder", sorted({str(Path(script).parent) for script in SCRIPTS}))
def test_no_script_is_explained_that_is_gone(folder: str) -> None:
    there = {path.name for path in (ODIMRA / folder).glob("*.lua")}
    assert set(rows(folder)) <= there


def test_every_family_of_keys_is_listed_and_whether_it_is_cached() -> None:
    table = PAGE.partition("| key | type | holds | cached |")[2].partition("\n\n")[0]
    told: dict[str, str] = {}
    for line in table.strip().splitlines()[1:]:
        keys, _, _, cached = cells(line)
        for key in re.findall(r"`([^`]+)`", keys):
            told[key.partition(":")[0]] = cached
    used = {"events", "queue"}  # named by attributes of Keys
    for path in ODIMRA.rglob("*.py"):
        used |= set(re.findall(r"keys\.of\(\s*\"(\w+)\"", path.read_text("utf-8")))
    for path in ODIMRA.rglob("*.lua"):
        used |= set(re.findall(r"root \.\. '([a-z_]+)", path.read_text("utf-8")))
    assert set(told) - {"task", "index"} == used - {"task", "index"}
    assert {family for family, cached in told.items() if cached == "yes"} == set(CACHED)


def test_what_a_payload_shows_and_masks_is_told() -> None:
    text = SECURITY.partition("### The payload of a task")[2].partition("\n#")[0]
    words = [*SHOWN_HEADERS, *SECRET.pattern.split("|")]
    assert [word for word in words if word not in text] == []


def test_the_headers_that_protect_are_told() -> None:
    protecting = {"Cache-Control", "X-Content-Type-Options"}
    assert protecting <= set(COMMON)
    assert [name for name in protecting if f"`{name}: {COMMON[name]}`" not in SECURITY] == []
