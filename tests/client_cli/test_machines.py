"""Updates, sources, aggregates and subscriptions, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client_cli.conftest import Desk, until
from tests.support.emulated import Emulated, emulated
from tests.support.listener import Listener


@pytest.fixture(scope="module")
def bmcs() -> Iterator[list[Emulated]]:
    with emulated(3, "--tls", "certs", "--time-factor", "8") as running:
        yield running


@pytest.fixture
def sources(desk: Desk, bmcs: list[Emulated]) -> Iterator[list[str]]:
    """The ids of the sources of all BMCs but the last."""
    listing = bmcs[0].listing.read_text().splitlines()[:-1]
    some = bmcs[0].listing.with_name("some.jsonl")
    some.write_text("\n".join(listing) + "\n\n")
    done = desk.run("source", "add", "--from", str(some), "--method", "redfishpinned", "--watch")
    done.ok()
    ids = [line[0] for line in desk.run("source", "list").ok().lines]
    yield ids
    desk.run("source", "delete", *ids, "--yes", "--watch").ok()
    assert desk.run("source", "list").ok().out == ""


def test_sources_of_a_file_become_an_aggregate_that_is_reset(
    desk: Desk, sources: list[str]
) -> None:
    assert len(sources) == 2
    listed = {line[0] for line in desk.run("system", "list").ok().lines}
    assert {f"{one}.1" for one in sources} < listed
    made = desk.run("aggregate", "create", "Rack 7", "--all", "--json").ok().json
    assert made["ElementsCount"] == 2
    other = desk.run("aggregate", "create", "Row", f"{sources[0]}.1", "node-1", "--json").ok().json
    lines = desk.run("aggregate", "list").ok().lines
    assert [made["Id"], "Rack 7", "2"] in lines
    shown = dict(desk.run("aggregate", "show", "Rack 7").ok().lines)
    assert sorted(shown["Elements"].split(", ")) == sorted(f"{one}.1" for one in sources)
    done = desk.run(
        *("aggregate", "reset", "Rack 7", "--type", "ForceRestart", "--batch", "1", "--watch")
    ).ok()
    ended = {line[3] for line in done.lines if line[1] == "Completed"}
    assert len(ended) == 3
    assert f"ComputerSystem.Reset of {sources[1]}.1" in ended
    desk.run("aggregate", "create", "Row", "node-2").ok()
    twice = desk.run("aggregate", "reset", "Row", "--type", "On")
    assert (twice.code, other["Id"] in twice.err) == (2, True)
    assert desk.run("aggregate", "reset", "Row 9", "--type", "On").code == 5
    for line in desk.run("aggregate", "list").ok().lines:
        desk.run("aggregate", "delete", line[0], "--yes").ok()
    assert desk.run("aggregate", "list").ok().out == ""


def test_one_source_takes_its_password_where_nobody_sees_it(
    desk: Desk, bmcs: list[Emulated]
) -> None:
    bmc = bmcs[-1]
    flags = ("source", "add", bmc.url, "--user", bmc.user, "--method", "RedfishPinned", "--watch")
    assert desk.run(*flags).code == 2
    wrong = desk.run(*flags, "--password-stdin", stdin="wrong\n")
    assert wrong.code == 1
    assert "has ended in Exception" in wrong.err
    assert desk.run("source", "add", bmc.url).code == 2
    assert desk.run("source", "add").code == 2
    desk.run(*flags, ODIMRA_BMC_PASSWORD=bmc.password).ok()
    ((one, host, user, method, *_),) = desk.run("source", "list").ok().lines
    assert (user, method) == (bmc.user, "RedfishPinned")
    assert bmc.url.endswith(host) or host == bmc.url
    again = desk.run(*flags, ODIMRA_BMC_PASSWORD=bmc.password)
    assert again.code == 6  # that address is a source already
    desk.run("source", "delete", one, stdin="y\n").ok()
    until(lambda: desk.run("source", "list").out == "")


def test_a_file_of_sources_tells_of_its_mistakes(desk: Desk, tmp_path: Path) -> None:
    listing = tmp_path / "bmcs.jsonl"
    for text, said in (
        ("{", "line 1 is no JSON"),
        ("3", "line 1 is no JSON object"),
        ('{"url": "https://x", "user": "u"}', "password is missing"),
    ):
        listing.write_text(text)
        done = desk.run("source", "add", "--from", str(listing))
        assert done.code == 2
        assert said in done.err
    assert desk.run("source", "add", "--from", str(tmp_path / "none")).code == 2
    listing.write_text(json.dumps({"url": "ftp://x", "user": "u", "password": "sesame"}))
    refused = desk.run("source", "add", "--from", str(listing))
    assert refused.code == 1
    assert "1 of 1 were refused" in refused.err
    assert "sesame" not in refused.err


def test_firmware_is_updated(desk: Desk) -> None:
    image = "https://images.example/bios-9.9.9.bin"
    done = desk.run("update", image, "--target", "node-2", "--protocol", "https", "--watch")
    assert done.ok().lines[-1][1] == "Completed"
    assert desk.run("update", image, "--target", "no-such").code == 6
    started = desk.run("update", image, "--target", "node-2", "--json").ok().json
    assert started["TaskState"]
    desk.run("task", "watch", started["Id"]).ok()


def test_a_subscription_is_added_and_hears(desk: Desk) -> None:
    with Listener() as listener:
        made = desk.run(
            *("subscription", "add", listener.url, "--context", "mine", "--registry", "TaskEvent"),
            *("--severity", "ok", "--retry", "SuspendRetries", "--verify", "--subordinate"),
            *("--resource", "/redfish/v1/TaskService/Tasks", "--json"),
        )
        one = made.ok().json
        assert one["RegistryPrefixes"] == ["TaskEvent"]
        assert one["Severities"] == ["OK"]
        assert one["DeliveryRetryPolicy"] == "SuspendRetries"
        assert (one["SubordinateResources"], one["VerifyCertificate"]) == (True, True)
        lines = desk.run("subscription", "list").ok().lines
        assert [one["Id"], "RedfishEvent", listener.url] == lines[0][:3]
        desk.run("system", "reset", "node-3", "--type", "On", "--watch").ok()
        until(lambda: [one for one in listener.payloads if one["Context"] == "mine"])
        listener.answer = lambda: 500
        desk.run("system", "reset", "node-3", "--type", "On", "--watch").ok()
        until(lambda: desk.run("subscription", "list").ok().lines[0][6])
        assert int(desk.run("subscription", "list").ok().lines[0][5]) > 0
        assert desk.run("subscription", "add", "nowhere").code == 6
        desk.run("subscription", "delete", one["Id"], "--yes").ok()
        assert desk.run("subscription", "delete", one["Id"], "--yes").code == 5
        assert desk.run("subscription", "list").ok().out == ""
