"""Actions that change nothing: log, notify, validate, resolve."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest

from odimra.jobs.bulk.validation import issues
from tests.jobs.bulk.yard import TYPE, Yard, action, children, pipeline, search, typed

FORMS = [pytest.param(action, id="dynamic"), pytest.param(typed, id="typed")]
pytestmark = pytest.mark.usefixtures("people")
READER = frozenset({"Login"})


# log


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("level", "number"),
    [
        ("trace", logging.DEBUG),
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
    ],
)
async def test_log_writes_into_the_log_and_the_console(
    yard: Yard, caplog: pytest.LogCaptureFixture, form: Any, level: str, number: int
) -> None:
    caplog.set_level(logging.DEBUG, "odimra.jobs.bulk.actions")
    output = await yard.run(pipeline(search(), form("log", level=level, message="look at")))
    (record,) = (one for one in caplog.records if one.name == "odimra.jobs.bulk.actions")
    assert record.levelno == number
    assert record.getMessage() == f"{output.task.id} says: look at user:a(ann)"
    assert output.console == f"{level.upper()}: look at user:a(ann)\n"
    assert children(output) == {"log": ("success", 1)}
    assert (await yard.values(output))[0]["oid"] == "a"


@pytest.mark.parametrize(
    ("value", "said"),
    [("secret", "str"), (5, "int"), ({"a": "secret"}, "dict"), (True, "bool"), (None, "NoneType")],
)
async def test_values_are_no_matter_for_a_log(yard: Yard, value: Any, said: str) -> None:
    output = await yard.run(pipeline(action("log"), input={"value": [value]}))
    assert output.console == f"INFO: a value ({said})\n"
    assert await yard.values(output) == [value]


async def test_what_is_logged_is_one_line(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "odimra.jobs.bulk.actions")
    script = pipeline(action("log", message="a\r\n2001-01-01 root: b\u2028c"), input={"value": 1})
    output = await yard.run(script)
    (record,) = (one for one in caplog.records if one.name == "odimra.jobs.bulk.actions")
    assert len(record.getMessage().splitlines()) == 1
    assert len(output.console.splitlines()) == 1


async def test_long_messages_are_cut_off(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "odimra.jobs.bulk.actions")
    output = await yard.run(pipeline(action("log", message="x" * 5000), input={"value": 1}))
    (record,) = (one for one in caplog.records if one.name == "odimra.jobs.bulk.actions")
    assert len(record.getMessage()) < 1100
    assert len(output.console) == 1001


# notify


async def events(yard: Yard) -> list[dict[str, Any]]:
    """Return the notifications of scripts that are there, as subscribers get them."""
    entries = await yard.store.call("XRANGE", f"{yard.store.keys.root}events", "-", "+")
    found = []
    for _, fields in entries:
        if fields.get(b"message") == b"ScriptNotification":
            given = orjson.loads(fields[b"given"])
            assert fields[b"severity"].decode() == given["MessageSeverity"]
            found.append(given)
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_notify_produces_an_event_for_each_object(yard: Yard, form: Any) -> None:
    given = {"subtype": "leaver", "operation": "delete", "status": "success"}
    output = await yard.run(pipeline(search("RoleType"), form("notify", **given)))
    assert output.console == "Produced 1 event(s)\n" * 2
    assert children(output) == {"notify": ("success", 2)}
    assert await events(yard) == [
        {
            "MessageId": "Odimra.1.0.ScriptNotification",
            "MessageSeverity": "OK",
            "Severity": "OK",
            "Message": f"Script notification leaver: delete of role:{name}({name}).",
            "MessageArgs": ["leaver", "delete", f"role:{name}({name})"],
        }
        for name in ("r1", "r2")
    ]
    assert [one["oid"] for one in await yard.values(output)] == ["r1", "r2"]


async def test_notify_needs_no_parameters(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("notify")))
    (event,) = await events(yard)
    assert event["MessageArgs"] == ["bulk-script", "add", "user:a(ann)"]


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        ("success", "OK"),
        ("alsoSuccess", "OK"),
        ("inProgress", "OK"),
        ("failure", "Warning"),
        ("onlyFailure", "Warning"),
    ],
)
async def test_the_status_of_an_event_is_its_severity(
    yard: Yard, status: str, severity: str
) -> None:
    await yard.run(pipeline(search(), action("notify", status=status)))
    assert [one["MessageSeverity"] for one in await events(yard)] == [severity]


async def test_one_event_tells_of_all_items(yard: Yard) -> None:
    notify = action("notify", forWholeInput="true")
    output = await yard.run(pipeline(search("RoleType"), notify))
    assert [one["MessageArgs"][2] for one in await events(yard)] == ["2 items"]
    assert output.console == "Produced 1 event(s)\n"
    assert [one["oid"] for one in await yard.values(output)] == ["r1", "r2"]


async def test_events_of_a_turn_that_fails_are_not_produced(yard: Yard) -> None:
    inner = {"@element": "foreach", "pipeline": [action("notify"), action("assign", role="no")]}
    output = await yard.run(pipeline(search(), inner))
    assert output.result["status"] == "fatal_error"
    assert await events(yard) == []
    assert "Produced" not in output.console


async def test_notify_needs_the_privilege_to_configure(yard: Yard) -> None:
    yard.accounts.privileges["bob"] = READER
    output = await yard.run(pipeline(search(), action("notify")), owner="bob")
    assert output.http_status == 403
    assert await events(yard) == []


async def test_nobody_is_notified_of_values(yard: Yard) -> None:
    output = await yard.run(pipeline(action("notify"), input={"value": 1}))
    assert output.http_status == 400
    assert output.console.startswith("Failed to notify of a value (error: the item is no object")


# validate


async def test_validate_returns_what_is_wrong(yard: Yard) -> None:
    content = {
        "activation": {"administrativeStatus": "gone"},
        "linkRef": [{"oid": "r1", "type": "RoleType"}, {"oid": "x", "type": "ShadowType"}],
        "assignment": [{"targetRef": {"oid": "r2"}}, {"targetRef": {"oid": "r3"}}],
        "parentOrgRef": {"oid": "o", "type": "ObjectType"},
    }
    await yard.records.update(TYPE, "a", content, None)
    output = await yard.run(pipeline(search(), action("validate")))
    (value,) = await yard.values(output)
    assert value["@type"] == "ValidationResultType"
    assert value["objectRef"] == {"oid": "a", "type": "UserType", "targetName": ""}
    assert [(one["severity"], one["itemPath"]) for one in value["issue"]] == [
        ("warning", "name"),
        ("error", "activation/administrativeStatus"),
        ("error", "linkRef"),
        ("error", "assignment/targetRef"),
        ("error", "parentOrgRef"),
    ]
    assert output.console == "Validated user:a(a): 5 issue(s)\n"
    assert children(output) == {"validate": ("success", 1)}
    assert await yard.content("a") == content


async def test_nothing_is_wrong_with_what_is_well(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), action("validate")))
    assert (await yard.values(output))[0]["issue"] == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"name": "a"}, []),
        ({"name": {"orig": "a", "norm": "a"}}, []),
        ({"Name": "a"}, []),
        ({}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": ["a"]}, ["name"]),
        ({"name": "a", "activation": "x"}, ["activation"]),
        ({"name": "a", "activation": None}, []),
        ({"name": "a", "activation": {}}, []),
        ({"name": "a", "activation": {"administrativeStatus": "enabled"}}, []),
        (
            {"name": "a", "activation": {"administrativeStatus": ["enabled"]}},
            ["activation/administrativeStatus"],
        ),
        ({"name": "a", "activation": {"validFrom": "x"}}, ["activation/validFrom"]),
        ({"name": "a", "activation": {"validTo": 5}}, ["activation/validTo"]),
        ({"name": "a", "activation": {"validFrom": "0001-01-01", "validTo": "2001-01-01"}}, []),
        (
            {"name": "a", "activation": {"validFrom": "2001-01-01T02:00:00+02:00",
                                         "validTo": "2001-01-01T00:00:00"}},
            [],
        ),
        (
            {"name": "a", "activation": {"validFrom": "2001-01-01T00:00:01Z",
                                         "validTo": "2001-01-01T00:00:00"}},
            ["activation/validTo"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong(content: Any, found: list[str]) -> None:
    assert [one["itemPath"] for one in issues(content)] == found


# resolve


@pytest.mark.parametrize("form", FORMS)
async def test_resolve_turns_a_reference_into_its_object(yard: Yard, form: Any) -> None:
    select = {"@element": "select", "path": "assignment/targetRef"}
    output = await yard.run(pipeline(search(), select, form("resolve", noFetch=True)))
    (value,) = await yard.values(output)
    assert (value["@type"], value["oid"], value["name"]) == ("RoleType", "r1", "r1")
    assert output.console == ""
    assert children(output) == {"resolve": ("success", 1)}


async def test_what_was_resolved_can_be_changed(yard: Yard) -> None:
    reference = {"oid": "r2", "type": "c:RoleType"}
    await yard.run(pipeline(action("resolve"), action("disable"), input={"value": reference}))
    assert (await yard.content("r2", "managed/role"))["activation"]["effectiveStatus"] == "disabled"


async def test_an_object_is_resolved_already(yard: Yard) -> None:
    output = await yard.run(pipeline(search(), action("resolve")))
    assert [one["oid"] for one in await yard.values(output)] == ["a"]


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ("x", 400, "the item is no reference"),
        ({"type": "UserType"}, 400, "the item is no reference"),
        ({"oid": 5, "type": "UserType"}, 400, "the item is no reference"),
        ({"oid": "a"}, 400, "the reference names no type"),
        ({"oid": "a", "type": "ObjectType"}, 400, "no object is of the type ObjectType itself"),
        ({"oid": "x", "type": "UserType"}, 404, "x"),
        ({"oid": "a/b", "type": "UserType"}, 404, "a/b"),
    ],
)
async def test_what_cannot_be_resolved_ends_the_script(
    yard: Yard, value: Any, status: int, said: str
) -> None:
    output = await yard.run(pipeline(action("resolve"), input={"value": value}))
    assert (output.result["status"], output.http_status) == ("fatal_error", status)
    assert said in output.result["message"]


async def test_to_resolve_needs_the_privilege_to_read(yard: Yard) -> None:
    yard.accounts.privileges["bob"] = frozenset({"ConfigureComponents"})
    value = {"oid": "a", "type": "UserType"}
    output = await yard.run(pipeline(action("resolve"), input={"value": value}), owner="bob")
    assert output.http_status == 403


async def test_who_may_read_may_do_all_of_these_but_notify(yard: Yard) -> None:
    yard.accounts.privileges["bob"] = READER
    for name in ("log", "validate", "resolve"):
        output = await yard.run(pipeline(search(), action(name)), owner="bob")
        assert output.result["status"] == "success"
