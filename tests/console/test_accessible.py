"""The page for everybody: axe finds nothing serious, the keyboard is enough, phones can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.console.conftest import NARROW, PATIENCE, WIDE, Desk
from tests.support import work
from tests.support.service import Service

expect.set_options(timeout=PATIENCE)

VIEWS = (
    *("tasks", "charts", "events", "subscriptions", "jobs", "submitted", "scans", "bulk"),
    *("rating", "systems", "sources"),
)


@pytest.fixture(scope="module")
def task(service: Service) -> Iterator[str]:
    """A task with sub-tasks, one of which has failed."""
    client = service.admin()
    asked = work.update(client, "quick-1", "failing")
    work.wait(client, asked.headers["Location"])
    elements = [{"@odata.id": work.system("quick-1")}]
    made = client.post("/redfish/v1/AggregationService/Aggregates", {"Elements": elements})
    assert made.status == 201
    yield str(asked.body["Id"])
    client.close()


def faults(desk: Desk) -> list[str]:
    """Return what axe finds that is serious or worse, with the elements."""
    found: dict[str, Any] = Axe().run(desk.page)
    return [
        f"{one['id']}: {node['html'][:150]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
def test_no_view_has_serious_faults_and_none_is_too_wide(
    browser: Browser, service: Service, task: str, scheme: Any, size: Any
) -> None:
    with browser.new_context(
        ignore_https_errors=True, viewport=size, color_scheme=scheme
    ) as context:
        desk = Desk(context, service).open()
        page = desk.page
        assert faults(desk) == []
        desk.login()
        expect(page.locator("#stream")).to_have_text("live")
        for view in (*VIEWS, f"tasks/{task}"):
            page.goto(f"{service.address}/console/#/{view}")
            if view in ("tasks", "systems", "sources"):
                expect(page.locator("tbody tr").first).to_be_visible()
            assert faults(desk) == [], view
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (view, wide)
        page.get_by_role("button", name="Delete…").click()
        assert faults(desk) == []
        assert desk.complaints == []


def test_the_keyboard_is_enough(browser: Browser, service: Service, task: str) -> None:
    with browser.new_context(ignore_https_errors=True, viewport=WIDE) as context:
        desk = Desk(context, service).open()
        page = desk.page
        expect(page.get_by_label("User name")).to_be_focused()
        page.keyboard.type("admin")
        page.keyboard.press("Tab")
        page.keyboard.type(service.password)
        page.keyboard.press("Enter")
        # Where one has come to is where one goes on, and is read aloud.
        expect(page.get_by_role("heading", name="Tasks")).to_be_focused()
        page.locator(f"tr[data-id='{task}'] a").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        delete = page.get_by_role("button", name="Delete…")
        expect(delete).to_be_enabled()
        delete.focus()
        page.keyboard.press("Enter")
        # Enter by mistake deletes nothing, and the way back is where one was.
        expect(page.get_by_role("dialog").get_by_role("button", name="Back")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(delete).to_be_focused()


def test_a_row_that_is_focused_stays_so_while_the_table_lives(
    browser: Browser, service: Service
) -> None:
    client = service.admin()
    with browser.new_context(ignore_https_errors=True, viewport=WIDE) as context:
        desk = Desk(context, service).open().login()
        page = desk.page
        asked = work.reset(client, "slow")
        link = page.locator(f"tr[data-id='{asked.body['Id']}'] a")
        link.focus()
        other = work.reset(client, "quick-1")
        expect(page.locator(f"tr[data-id='{other.body['Id']}']")).to_contain_text("Completed")
        expect(page.locator(f"tr[data-id='{asked.body['Id']}']")).to_contain_text("Completed")
        expect(link).to_be_focused()
    client.close()
