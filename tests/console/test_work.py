"""The views of work: bulk runs, scans, what is rated again, submitted jobs, charts of all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.console.conftest import PATIENCE, Desk
from tests.support import work
from tests.support.http import Client
from tests.support.service import Service

expect.set_options(timeout=PATIENCE)

USERS = 260


@pytest.fixture(scope="module")
def admin(service: Service) -> Iterator[Client]:
    client = service.admin()
    for number in range(USERS):
        made = {"userName": f"u{number}", "title": "Engineer"}
        assert client.request("PUT", f"/openidm/managed/user/u{number}", made).status == 201
    yield client
    client.close()


SCRIPT = """executeScript:
  pipeline:
    - '@element': search
      type: UserType
    - '@element': action
      type: execute-script
      parameter:
        - name: script
          value: {code: 'let n = 0; for (let i = 0; i < 400000; i++) n += i; input', language: javascript}
    - '@element': action
      type: log
      parameter: [{name: message, value: seen}]
"""  # noqa: E501


def test_a_bulk_run_is_followed_while_it_puts_out(inside: Desk, admin: Client) -> None:
    page = inside.go("Bulk").page
    page.get_by_role("button", name="Run a script…").click()
    page.get_by_role("textbox", name="Script").fill("executeScript: {nonsense: 1}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("nonsense")
    page.get_by_role("textbox", name="Script").fill(SCRIPT)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bulk script")
    console = page.get_by_role("region", name="Console output")
    expect(console).to_contain_text("Executed script on user:")
    first = (console.text_content() or "").count("Executed")
    # It was there before the end, and has grown since, each line once.
    expect(page.locator(".line .badge").first).to_have_text("Running")
    expect(page.get_by_text("in_progress")).to_be_visible()
    expect(page.locator(".line .badge").first).to_have_text("Completed")
    expect(page.get_by_text("success;")).to_be_visible()
    lines = re.findall(r"seen user:(u\d+)", console.text_content() or "")
    assert 0 < first < USERS == len(lines) == len(set(lines))
    items = page.locator(".output tbody tr")
    expect(items).to_have_count(100)
    page.get_by_role("button", name="Show more items").click()
    expect(items).to_have_count(200)
    page.get_by_role("button", name="Show more items").click()
    expect(items).to_have_count(USERS)
    expect(page.get_by_role("button", name="Show more items")).to_be_hidden()
    shown = page.locator(".output tbody tr td:first-child").all_text_contents()
    assert len(set(shown)) == USERS
    inside.go("Bulk")
    expect(page.locator("tbody tr").first).to_contain_text("bulk-script")


def scan(name: str) -> dict[str, object]:
    return {
        "enabled": True,
        "type": "simple",
        "repeatInterval": 3_600_000,
        "startTime": "2099-01-01T00:00:00Z",
        "persisted": True,
        "invokeService": "taskscanner",
        "invokeContext": {
            "scan": {
                "_queryFilter": "/userName pr",
                "object": "managed/user",
                "taskState": {"started": f"/{name}/s", "completed": f"/{name}/c"},
            },
            "task": {"script": {"type": "text/javascript", "source": "true"}},
        },
    }


def test_a_scan_is_run_now_and_its_job_rests(inside: Desk, admin: Client) -> None:
    made = admin.request("PUT", "/openidm/scheduler/job/nightly", scan("nightly"))
    assert made.status == 201, made.body
    page = inside.go("Scans").page
    job = page.locator("tr[data-id='nightly']")
    expect(job).to_contain_text("2099-01-01")
    expect(job).to_contain_text("every 3600 s")
    job.get_by_role("button", name="Run now").click()
    run = page.locator("tr").filter(has=page.get_by_role("link", name="nightly"))
    expect(run).to_contain_text(f"{USERS} of {USERS}")
    expect(run.locator(".badge")).to_have_text("COMPLETED")
    job.get_by_role("button", name="Pause").click()
    expect(job.get_by_role("button", name="Resume")).to_be_visible()
    state = admin.get("/openidm/scheduler/job/nightly").body["triggers"][0]["state"]
    assert state == "PAUSED"
    job.get_by_role("button", name="Resume").click()
    expect(job.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("link", name="nightly").click()
    expect(page.locator(".line .badge").first).to_have_text("Completed")


def test_a_submitted_job_is_followed_and_aborted(inside: Desk, admin: Client) -> None:
    def submit(key: str, system: str) -> None:
        job = {
            "contractName": "machines",
            "actionName": "reset",
            "extIPID": key,
            "actionVariables": {"systems": [system], "resetType": "ForceRestart"},
        }
        assert admin.post("/ghibli-rest/v2/job-manager/jobs", job).status == 201

    submit("desk-quick", "quick-2")
    submit("desk-endless", "endless")
    page = inside.go("Submitted").page
    quick = page.locator("tr").filter(has_text="desk-quick")
    expect(quick.locator(".badge")).to_have_text("COMPLETED")
    endless = page.locator("tr").filter(has_text="desk-endless")
    expect(endless.locator(".badge")).to_have_text("RUNNING")
    endless.get_by_role("button", name=re.compile("Abort")).click()
    page.get_by_role("button", name="Abort the job").click()
    expect(endless.locator(".badge")).to_have_text("ABORTED")
    page.get_by_label("Status").select_option("ABORTED")
    expect(quick).to_have_count(0)
    endless.get_by_role("link").click()
    expect(page.locator(".line .badge").first).to_have_text("Cancelled")


def test_what_is_rated_again_is_a_bar_over_time(inside: Desk, admin: Client) -> None:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    begin = end - timedelta(hours=9)
    scope = {"scope_id": "desk", "last_processed_timestamp": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    assert admin.post("/v2/scope", scope).status < 300
    for first, last in ((0, 3), (5, 9)):
        window = {
            "scope_ids": ["desk"],
            "start_reprocess_time": f"{begin + timedelta(hours=first):%Y-%m-%dT%H:%M:%SZ}",
            "end_reprocess_time": f"{begin + timedelta(hours=last):%Y-%m-%dT%H:%M:%SZ}",
            "reason": "the price was wrong",
        }
        asked = admin.post("/v2/task/reprocesses", window)
        assert asked.status == 202, asked.body
    page = inside.go("Rating").page
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    for number in range(2):
        expect(rows.nth(number)).to_contain_text("100 %")
        expect(rows.nth(number)).to_contain_text("the price was wrong")
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("svg.window .done")]
            .map((one) => [Number(one.getAttribute("x")), Number(one.getAttribute("width"))])"""
    )
    (late_at, late), (early_at, early) = drawn
    assert early_at == 0 and early == pytest.approx(100 * 3 / 9)
    assert late_at == pytest.approx(100 * 5 / 9) and late == pytest.approx(100 * 4 / 9)


def test_charts_show_what_the_service_has_counted(inside: Desk, admin: Client) -> None:
    work.wait(admin, work.reset(admin, "quick-1").headers["Location"])
    running = work.reset(admin, "endless").headers["Location"]
    page = inside.go("Charts").page
    counted = admin.get("/console/api/history?minutes=60").body
    (reset,) = (one for one in counted["durations"] if one["kind"] == "system-reset")
    row = page.locator("table.durations tr").filter(
        has=page.get_by_role("link", name="system-reset", exact=True)
    )
    expect(row.locator("td").first).to_have_text(str(reset["count"]))
    expect(page.get_by_role("status").get_by_role("link", name="Running")).to_be_visible()
    bars = page.locator("rect.ink-Completed")
    expect(bars.first).to_be_attached()
    page.get_by_text("As a table").last.click()
    table = page.locator("figure").last.locator("table")
    expect(table).to_contain_text("Completed")
    cells = [float(one) for one in table.locator("tbody tr td:nth-child(2)").all_text_contents()]
    ended = [span["ended"].get("Completed", 0) for span in counted["spans"]]
    assert len(cells) == 60 and sum(cells) >= sum(ended) > 0
    page.get_by_text("As a table").last.click()
    page.get_by_label("Time", exact=True).select_option(label="the last 24 hours")
    expect(bars.first).to_be_attached()
    assert admin.delete(running.replace("/redfish/v1/TaskService/Tasks", "/taskmon")).status < 300
