"""The rows about the console: its table of tasks, against the plain API call behind it.

A browser shows the page; times are taken in it, from the wish to the first row that stands there,
and of the same request sent by `fetch` and read as JSON, in turn.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import targets
from benchmarks.fill import fill
from benchmarks.rows import Plan, Row

#: Turns of one round: each is a plain call, a first row and a page change.
TURNS = 30

PLAIN = """async (uri) => {
  const token = JSON.parse(sessionStorage.getItem("odimra.session")).token;
  const headers = { "X-Auth-Token": token, Accept: "application/json" };
  const asked = { headers, cache: "no-store", credentials: "omit" };
  const began = performance.now();
  const found = await (await fetch(uri, asked)).json();
  if (!found.rows.length) throw new Error("no rows");
  return performance.now() - began;
}"""

# From what the operator does to a first row that was not there before, laid out.
SHOWN = """(act) => new Promise((resolve, reject) => {
  const first = () => document.querySelector("table.tasks tbody tr");
  const before = first() && first().dataset.id;
  const late = setTimeout(() => reject(new Error("no row came")), 20000);
  const look = new MutationObserver(() => {
    const row = first();
    if (!row || row.dataset.id === before || !row.getBoundingClientRect().height) return;
    look.disconnect();
    clearTimeout(late);
    resolve(performance.now() - began);
  });
  const all = { subtree: true, childList: true, attributes: true };
  look.observe(document.getElementById("main"), all);
  const began = performance.now();
  if (act === "open") location.hash = "#/tasks";
  else [...document.querySelectorAll("button")].find((one) => one.textContent === act).click();
})"""


def size() -> int:
    """Return BENCH_CONSOLE, a number of tasks; else the one of the aim."""
    return int(os.environ.get("BENCH_CONSOLE", "1000000"))


@contextmanager
def _page(stack: targets.Stack) -> Iterator[Any]:
    # Imported here: who measures other rows needs no browser.
    from playwright.sync_api import sync_playwright

    from tests.console.conftest import CHROMIUM, Desk

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        desk = Desk(context, stack.service).open().login(password=targets.FIRST_PASSWORD)
        desk.page.locator("table.tasks tbody tr").first.wait_for()
        yield desk.page
        browser.close()


def table(plan: Plan) -> list[Row]:
    """First row and page change at many tasks, as ratios to the plain call."""
    with targets.stack() as stack:
        pattern = stack.reset_once().rsplit("/", 1)[1]

        def told(done: int) -> None:
            if done % 100_000 == 0:
                plan.tell(f"filled {done:,} of {size():,} tasks")

        asyncio.run(fill(stack.store_url, pattern, size() - 1, told))
        with _page(stack) as page:
            taken = _turns(page, plan.rounds)
    plain = statistics.median(taken["plain"])
    rows = []
    for name in ("first_row", "page_change"):
        ratio = statistics.median(
            mine / base for mine, base in zip(taken[name], taken["plain"], strict=True)
        )
        note = f"{statistics.median(taken[name]):.1f} ms, the call {plain:.1f} ms, {size():,} tasks"
        rows.append(Row(f"console_{name}", ratio, "ratio", 1.5, at_least=False, note=note))
    return rows


def _turns(page: Any, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds by what was done, medians of each round; the first one warms up."""
    taken: dict[str, list[float]] = {"plain": [], "first_row": [], "page_change": []}
    for number in range(rounds + 1):
        each: dict[str, list[float]] = {name: [] for name in taken}
        for turn in range(TURNS):
            each["plain"].append(page.evaluate(PLAIN, f"/console/api/tasks?skip={turn}&top=50"))
            page.evaluate("location.hash = '#/events'")
            page.get_by_role("heading", name="Events").wait_for()
            page.wait_for_timeout(150)  # the rest of that view; somebody looks before he clicks
            each["first_row"].append(page.evaluate(SHOWN, "open"))
            page.wait_for_timeout(80)  # the rest of the rows; nobody turns the page sooner
            each["page_change"].append(page.evaluate(SHOWN, "Next"))
            page.wait_for_timeout(80)
        if number:
            for name, values in each.items():
                taken[name].append(statistics.median(values))
    return taken


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    table: ("console_first_row", "console_page_change"),
}
