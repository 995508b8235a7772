"""docs/console.md names every path of the console, every parameter, every view, and the policy."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web

from odimra.console import files, frame, table
from odimra.console.frame import Console

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "console.md").read_text("utf-8")


def rows(heading: str) -> list[str]:
    """Return the first cells of the table that begins with ``heading``."""
    body = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [cell.strip("` ") for cell in re.findall(r"^\| ([^|]+) \|", body, re.MULTILINE)]


def test_every_path_is_told() -> None:
    app = web.Application()
    Console(None, None, None, "").mount(app)  # type: ignore[arg-type]
    served = {resource.canonical.replace("{name}", "{file}") for resource in app.router.resources()}
    assert set(rows("path")) == served
    assert frame.HOME in PAGE


def test_every_parameter_and_every_column_is_told() -> None:
    assert sorted(rows("parameter")) == sorted(table.KNOWN)
    row = table.Row("t", "k", "o", "New", "n", 0, None, 0, None, 0, None)
    answer = PAGE.partition('The answer is `{"total"')[2].partition("Errors are")[0]
    assert [name for name in table._shown(row) if f"`{name}`" not in answer] == []


def test_every_view_is_told() -> None:
    source = (ROOT / "odimra/console/static/main.js").read_text("utf-8")
    views = re.findall(r'^  \["\w+", "(\w+)"', source, re.MULTILINE)
    assert len(views) >= 4
    assert set(views) == set(rows("view")) - {"one task"}


def test_the_policy_is_told_as_it_is() -> None:
    assert files.POLICY in re.sub(r"\s+", " ", PAGE)
    for name in ("Cache-Control", "X-Content-Type-Options", "Referrer-Policy"):
        assert f"`{name}: {files.HEADERS[name]}`" in PAGE
