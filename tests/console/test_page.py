"""The page as an operator uses it, in Chromium, on a service as its user starts it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.console.conftest import PATIENCE, WIDE, Desk
from tests.support import work
from tests.support.emulated import emulated
from tests.support.http import Client
from tests.support.service import Service, merged

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def admin(service: Service) -> Iterator[Client]:
    client = service.admin()
    yield client
    client.close()


def test_a_wrong_password_is_told_and_the_right_one_lets_in(desk: Desk) -> None:
    page = desk.open().page
    desk.login(password="not this one")
    expect(page.get_by_role("alert").filter(has_text="not known here")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_value("")
    assert page.evaluate("sessionStorage.length") == 0
    desk.login()
    expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    expect(page.locator("#user")).to_have_text("admin")
    expect(page.locator("#stream")).to_have_text("live")


def test_the_page_leads_to_the_description_of_the_apis(inside: Desk) -> None:
    link = inside.page.get_by_role("contentinfo").get_by_role("link", name="the other APIs")
    uri = link.get_attribute("href")
    found = inside.page.request.get(f"{inside.service.address}{uri}")
    assert found.ok and found.json()["openapi"].startswith("3.1")


def test_who_has_logged_out_is_out(inside: Desk, service: Service) -> None:
    page = inside.page
    kept = page.evaluate("JSON.parse(sessionStorage.getItem('odimra.session'))")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("User name")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    client = service.client()
    client.token = kept["token"]
    assert client.get("/redfish/v1/Systems").status == 401
    client.close()
    page.reload()
    expect(page.get_by_label("User name")).to_be_visible()


def test_a_reset_is_watched_to_its_end(inside: Desk) -> None:
    page = inside.go("Systems").page
    page.get_by_role("button", name="Reset System slow").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("How").select_option("ForceRestart")
    dialog.get_by_role("button", name="Reset", exact=True).click()
    page.get_by_role("link", name="follow its task").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ComputerSystem.Reset of slow")
    state, bar = page.locator(".line .badge"), page.locator(".line progress")
    expect(state).to_have_text("Running")
    # The page is not touched from here on: what changes on it came by itself.
    page.wait_for_function(
        "() => { const bar = document.querySelector('.line progress');"
        " return bar.value > 0 && bar.value < 100; }"
    )
    expect(state).to_have_text("Completed")
    expect(bar).to_have_js_property("value", 100)
    expect(page.get_by_role("button", name="Cancel…")).to_be_disabled()
    page.get_by_role("button", name="Show the result").click()
    expect(page.get_by_text("The operation answered")).to_be_visible()
    expect(page.get_by_label("Body of the request")).to_contain_text("ForceRestart")


def test_a_task_is_cancelled_and_then_deleted_after_a_question(inside: Desk, admin: Client) -> None:
    asked = work.reset(admin, "endless")
    page = inside.open(f"/console/#/tasks/{asked.body['Id']}").page
    cancel = page.get_by_role("button", name="Cancel…")
    cancel.click()
    page.get_by_role("dialog").get_by_role("button", name="Back").click()
    assert admin.get(asked.body["@odata.id"]).body["TaskState"] not in work.FINAL
    cancel.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    cancel.click()
    page.get_by_role("button", name="Cancel the task").click()
    expect(page.locator(".line .badge")).to_have_text("Cancelled")
    assert admin.get(asked.body["@odata.id"]).body["TaskState"] == "Cancelled"
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete the task").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    assert admin.get(asked.body["@odata.id"]).status == 404
    page.goto(f"{inside.service.address}/console/#/tasks/{asked.body['Id']}")
    expect(page.get_by_role("alert").filter(has_text="not there")).to_be_visible()


def test_the_table_lives_and_is_filtered(inside: Desk, admin: Client) -> None:
    page = inside.page
    asked = work.reset(admin, "slow")
    row = page.locator(f"tr[data-id='{asked.body['Id']}']")
    expect(row).to_contain_text("system-reset")
    expect(row).to_contain_text("Completed")
    failed = work.wait(admin, work.reset(admin, "failing").headers["Location"])
    assert failed.status >= 400
    page.get_by_label("State").select_option("Exception")
    expect(page.locator("tbody .badge").first).to_have_text("Exception")
    expect(row).to_have_count(0)
    states = page.locator("tbody .badge").all_text_contents()
    assert set(states) == {"Exception"}
    page.reload()  # what was chosen is in the address
    expect(page.get_by_label("State")).to_have_value("Exception")
    page.get_by_label("Owner").fill("nobody")
    expect(page.get_by_text("There are none.")).to_be_visible()


def test_pages_and_order(inside: Desk, admin: Client) -> None:
    for _ in range(9):
        work.wait(admin, work.reset(admin, "quick-1").headers["Location"])
    page = inside.open("/console/#/tasks?top=4").page
    names = page.locator("tbody tr")
    expect(names).to_have_count(4)
    first = names.first.get_attribute("data-id")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(re.compile(r"^5 to 8 of "))).to_be_visible()
    assert names.first.get_attribute("data-id") != first
    page.get_by_role("button", name="Previous").click()
    expect(names.first).to_have_attribute("data-id", first or "")
    started = page.get_by_role("columnheader", name="Started")
    expect(started).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Started").click()
    expect(started).to_have_attribute("aria-sort", "ascending")
    expect(names.first).not_to_have_attribute("data-id", first or "")
    page.get_by_role("button", name="Last").click()
    expect(page.locator(f"tr[data-id='{first}']")).to_be_visible()


# What is written into the address a moment after a page is turned, written between the click on a
# link and the page's hearing of it.
GO_AWAY = """() => {
  const real = window.setTimeout;
  let write = null;
  window.setTimeout = (act, wait, ...more) => {
    if (wait !== 100) return real(act, wait, ...more);
    write = act;
    return 0;
  };
  [...document.querySelectorAll("button")].find((one) => one.textContent === "Next").click();
  window.setTimeout = real;
  location.hash = "#/events";
  write();
}"""


def test_who_goes_elsewhere_right_after_turning_a_page_gets_there(
    inside: Desk, admin: Client
) -> None:
    for _ in range(2):
        work.wait(admin, work.reset(admin, "quick-1").headers["Location"])
    page = inside.open("/console/#/tasks?top=1").page
    expect(page.get_by_role("button", name="Next")).to_be_enabled()
    page.evaluate(GO_AWAY)
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    assert page.evaluate("location.hash") == "#/events"


def test_sub_tasks_stand_below_their_task(inside: Desk, admin: Client) -> None:
    asked = work.update(admin, "quick-1", "quick-2", "failing")
    page = inside.open(f"/console/#/tasks/{asked.body['Id']}").page
    rows = page.get_by_label("Sub-tasks").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator(".line .badge")).to_have_text("Exception")
    expect(page.locator(".messages .bad").first).to_be_visible()
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("link", name="whole task")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text(asked.body["Id"])


def test_an_event_arrives_and_can_be_looked_for(inside: Desk, admin: Client) -> None:
    page = inside.go("Events").page
    expect(page.locator("#stream")).to_have_text("live")
    asked = work.reset(admin, "quick-2")
    done = page.locator("tbody tr").filter(has_text=asked.body["Id"]).filter(has_text="is done")
    expect(done).to_be_visible()
    page.get_by_label("About").select_option("ResourceEvent")
    expect(done).to_have_count(0)
    page.get_by_label("About").select_option("")
    page.get_by_role("searchbox", name="Has").fill(asked.body["Id"])
    expect(done).to_be_visible()
    for text in page.locator("tbody tr").all_text_contents():
        assert asked.body["Id"] in text
    done.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ComputerSystem.Reset of quick-2")


def test_an_aggregate_is_made_reset_and_removed(inside: Desk, admin: Client) -> None:
    page = inside.go("Sources").page
    page.get_by_role("button", name="New aggregate…").click()
    page.get_by_label("Systems").select_option([work.system("quick-1"), work.system("quick-2")])
    page.get_by_role("button", name="Make it").click()
    row = page.locator("tr[data-uri*='Aggregates']")
    expect(row).to_contain_text("quick-1, quick-2")
    row.get_by_role("button", name="Reset").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
    page.get_by_role("link", name="follow its task").click()
    expect(page.get_by_label("Sub-tasks").locator("tbody tr")).to_have_count(2)
    expect(page.locator(".line .badge")).to_have_text("Completed")
    inside.go("Sources")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_what_a_source_is_refused_for_is_said_in_the_dialog(inside: Desk) -> None:
    page = inside.go("Sources").page
    page.get_by_role("button", name="Add a source…").click()
    page.get_by_label("Host name").fill("http://user:secret@bmc.test")
    page.get_by_label("User name there").fill("root")
    page.get_by_label("Password there").fill("secret")
    page.get_by_role("button", name="Add", exact=True).click()
    trouble = page.get_by_role("dialog").get_by_role("alert")
    expect(trouble).to_contain_text("HostName")
    expect(trouble).not_to_contain_text("secret")


def test_a_session_that_ends_leads_to_the_login_and_back(inside: Desk, admin: Client) -> None:
    page = inside.go("Systems").page
    uri = page.evaluate("JSON.parse(sessionStorage.getItem('odimra.session')).uri")
    assert admin.delete(uri).status == 204
    page.get_by_role("button", name="Reset System quick-1").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    inside.login()
    expect(page.get_by_role("heading", name="Systems")).to_be_visible()


def test_who_may_only_read_is_told_so(context: BrowserContext, service: Service) -> None:
    admin = service.admin()
    made = {"UserName": "onlooker", "Password": "Long-enough-9", "RoleId": "ReadOnly"}
    assert admin.post("/redfish/v1/AccountService/Accounts", made).status == 201
    admin.close()
    desk = Desk(context, service).open().login("onlooker", "Long-enough-9")
    page = desk.go("Systems").page
    page.get_by_role("button", name="Reset System quick-1").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("privilege")
    assert desk.complaints == []


def test_a_subscription_is_suspended_resumed_and_removed(inside: Desk, admin: Client) -> None:
    made = admin.post(
        "/redfish/v1/EventService/Subscriptions",
        {"Destination": "https://listener.test/here", "Protocol": "Redfish", "Context": "desk"},
    )
    assert made.status == 201
    uri = made.headers["Location"]
    page = inside.go("Subscriptions").page
    row = page.locator(f"tr[data-uri='{uri}']")
    expect(row).to_contain_text("Enabled")
    # The page's own stream is one, too.
    expect(page.get_by_text("redfish-sse://").first).to_be_visible()
    row.get_by_role("button", name="Suspend").click()
    expect(row.locator(".badge").first).not_to_have_text("Enabled")
    assert admin.get(uri).body["Status"]["State"] != "Enabled"
    row.get_by_role("button", name="Resume").click()
    expect(row.locator(".badge").first).to_have_text("Enabled")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    assert admin.get(uri).status == 404


def planned(admin: Client, name: str) -> str:
    """Plan a reset for a day that no test sees, and return the job's URI."""
    request = {
        "HttpOperation": "POST",
        "TargetUri": f"{work.system('quick-3')}/Actions/ComputerSystem.Reset",
        "JsonBody": '{"ResetType": "ForceRestart"}',
    }
    body = {"Name": name, "StartTime": "2099-01-01T00:00:00Z", "Payload": request}
    made = admin.post("/redfish/v1/JobService/Jobs", body)
    assert made.status == 201, made.body
    return str(made.headers["Location"])


def test_a_job_is_started_and_its_run_looked_at(inside: Desk, admin: Client) -> None:
    uri = planned(admin, "Nightly reset")
    page = inside.go("Jobs").page
    row = page.locator(f"tr[data-uri='{uri}']")
    expect(row).to_contain_text("Nightly reset")
    expect(row.locator(".badge")).to_have_text("Pending")
    row.get_by_role("button", name="Suspend").click()
    expect(row.locator(".badge")).to_have_text("Suspended")
    row.get_by_role("button", name="Resume").click()
    expect(row.locator(".badge")).to_have_text("Pending")
    row.get_by_role("button", name="Start now").click()
    row.get_by_role("link", name="last run").click()
    expect(page.locator(".line .badge")).to_have_text("Completed")


def test_a_job_is_cancelled_after_a_question(inside: Desk, admin: Client) -> None:
    uri = planned(admin, "Never to be")
    page = inside.go("Jobs").page
    row = page.locator(f"tr[data-uri='{uri}']")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(row.locator(".badge")).to_have_text("Cancelled")
    assert admin.get(uri).body["JobState"] == "Cancelled"


def test_a_bmc_is_added_its_system_reset_and_it_is_removed(
    browser: Browser,
) -> None:
    settings = merged(work.SETTINGS, {"aggregation": {"allow_http": True}})
    with (
        emulated(1) as bmcs,
        Service(settings) as service,
        browser.new_context(ignore_https_errors=True, viewport=WIDE) as context,
    ):
        bmc = bmcs[0]
        desk = Desk(context, service).open().login()
        page = desk.go("Sources").page
        page.get_by_role("button", name="Add a source…").click()
        page.get_by_label("Host name").fill(bmc.url)
        page.get_by_label("User name there").fill(bmc.user)
        page.get_by_label("Password there").fill(bmc.password)
        page.get_by_role("button", name="Add", exact=True).click()
        source = page.locator("tr[data-uri*='AggregationSources']")
        expect(source).to_contain_text(bmc.url)
        desk.go("Systems")
        system = page.locator("tr[data-uri$='.1']")
        system.get_by_role("button").click()
        page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
        page.get_by_role("link", name="follow its task").click()
        expect(page.locator(".line .badge")).to_have_text("Completed")
        desk.go("Sources")
        source.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(source).to_have_count(0)
        assert desk.complaints == []
