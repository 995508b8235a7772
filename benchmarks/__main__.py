"""`make bench`.

Measure, print one table, write .bench/latest.json. `ONLY=<name>` measures what gives that row, no
more.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from benchmarks import (
    aggregate_rows,
    bulk_rows,
    console_rows,
    event_rows,
    rating_rows,
    rows,
    scan_rows,
    submit_rows,
)
from benchmarks.load import generator, two_cores
from benchmarks.rows import Plan, Row, sizes_from_environment
from benchmarks.targets import HOME

console = Console()
ROWS = {
    **rows.ROWS,
    **event_rows.ROWS,
    **scan_rows.ROWS,
    **bulk_rows.ROWS,
    **rating_rows.ROWS,
    **submit_rows.ROWS,
    **aggregate_rows.ROWS,
    **console_rows.ROWS,
}


def chosen(only: str | None) -> list[object]:
    """Return the functions that give the row `only`, or all of them.

    Ends with status 2 when no row is called so.
    """
    if not only:
        return list(ROWS)
    found = [
        function
        for function, names in ROWS.items()
        if any(fnmatch.fnmatch(only, name) or fnmatch.fnmatch(name, only) for name in names)
    ]
    if not found:
        names = sorted(name for names in ROWS.values() for name in names)
        console.print(f"no row is called {only}; there are: {', '.join(names)}")
        raise SystemExit(2)
    return found


def show(rows: list[Row], title: str) -> None:
    """Print the table, and below it how each figure came about."""
    table = Table(title=title)
    table.add_column("row", no_wrap=True)
    table.add_column("value", justify="right")
    for column in ("unit", "aim", "met"):
        table.add_column(column)
    for row in rows:
        line = row.as_json()
        met = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}[row.met]
        value = f"{row.value:,.2f}" if row.value < 100 else f"{row.value:,.0f}"
        table.add_row(row.name, value, row.unit, line["aim"] or "", met)
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"  {row.name}: {row.note}", soft_wrap=True, highlight=False)


def main() -> int:
    """Measure and report.

    A missed aim is a figure, not an error: the status is 0 whenever everything was measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=os.environ.get("ONLY"), help="the name of one row")
    parser.add_argument("--seconds", type=float, default=3, help="of load per figure and round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    plan = Plan(
        arguments.seconds,
        arguments.rounds,
        sizes_from_environment(),
        lambda text: console.print(f"  {text}"),
    )
    found: list[Row] = []
    for function in chosen(arguments.only):
        console.print(f"{function.__doc__.splitlines()[0]} ...")  # type: ignore[attr-defined]
        measured = function(plan)  # type: ignore[operator]
        found += [
            row
            for row in measured
            if not arguments.only or fnmatch.fnmatch(row.name, arguments.only)
        ]
    pinning = "server on core 0, load on core 1" if two_cores() else "NOT pinned"
    title = f"load by {generator()}, {pinning}, plain HTTP on all sides"
    show(found, title)
    HOME.mkdir(exist_ok=True)
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "method": f"{title}; {plan.rounds} rounds of {plan.seconds:g} s, interleaved",
        "rows": [row.as_json() for row in found],
    }
    (HOME / "latest.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
