"""A page that stays open while the service is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import tests.support.service as starting
from tests.console.conftest import PATIENCE, WIDE, Desk
from tests.support import work
from tests.support.service import Service, merged

expect.set_options(timeout=2 * PATIENCE)

PASSWORD = "Long-enough-9"
SETTINGS = merged(work.SETTINGS, {"engine": {"drain_seconds": 1}})


def test_a_restart_under_an_open_page(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Service(SETTINGS, folder=tmp_path, first_password=PASSWORD)
    with browser.new_context(ignore_https_errors=True, viewport=WIDE) as context:
        with first as service:
            desk = Desk(context, service).open().login()
            page = desk.page
            expect(page.locator("#stream")).to_have_text("live")
            page.goto(f"{service.address}/console/#/events")
            # It runs for longer than the service does.
            client = service.admin()
            asked = work.reset(client, "endless")
            client.close()
            page.goto(f"{service.address}/console/#/tasks/{asked.body['Id']}")
            expect(page.locator(".line .badge")).to_have_text("Running")
        expect(page.get_by_text("The service does not answer")).to_be_visible()
        expect(page.locator("#stream")).to_have_text("connecting…")
        # The same address as before.
        monkeypatch.setattr(starting, "free_port", lambda: first.port)
        with Service(SETTINGS, folder=tmp_path, first_password=PASSWORD) as service:
            expect(page.get_by_text("The service does not answer")).to_be_hidden()
            expect(page.locator("#stream")).to_have_text("live")
            # The session, the task and the page have survived it.
            expect(page.locator("#user")).to_have_text("admin")
            client = service.admin()
            work.cancel(client, asked)
            client.close()
            expect(page.locator(".line .badge")).to_have_text("Cancelled")
            page.goto(f"{service.address}/console/#/events")
            cancelled = page.locator("tbody tr").filter(has_text="TaskCancelled")
            expect(cancelled.filter(has_text=asked.body["Id"])).to_be_visible()
