"""A service as its user starts it, and a browser before it.

Debian's Chromium, driven by Playwright; the browsers that Playwright would download are not needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support import work
from tests.support.service import Service, merged

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
#: How long a page may take to show what it was asked for, in milliseconds, on a busy machine.
PATIENCE = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module and no longer: while Playwright is there, its event loop runs, and no other can.
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    # The self-signed certificate of a first start, as an operator meets it.
    with Service(merged(work.SETTINGS, {"http": {"processes": 1}})) as running:
        yield running


class Desk:
    """A page before an operator, with all that it complained of."""

    def __init__(self, context: BrowserContext, service: Service) -> None:
        self.service = service
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message) -> None:
        # That an answer was not 200 the page deals with; a browser writes it down all the same.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _request(self, request) -> None:
        if not request.url.startswith(self.service.address):
            self.foreign.append(request.url)

    def open(self, place: str = "/console/") -> Desk:
        self.page.goto(self.service.address + place)
        return self

    def login(self, name: str = "admin", password: str | None = None) -> Desk:
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password or self.service.password)
        self.page.get_by_role("button", name="Log in").click()
        return self

    def go(self, name: str) -> Desk:
        self.page.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", level=1).wait_for()
        return self


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(ignore_https_errors=True, viewport=WIDE) as found:
        yield found


@pytest.fixture
def desk(context: BrowserContext, service: Service) -> Iterator[Desk]:
    found = Desk(context, service)
    yield found
    assert found.complaints == []
    assert found.foreign == []


@pytest.fixture
def inside(desk: Desk) -> Desk:
    """A desk that is logged in as the administrator."""
    desk.open().login()
    desk.page.get_by_role("heading", name="Tasks").wait_for()
    return desk
