"""What is no action: each mistake is refused with the parameter that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.bulk.language import Action
from tests.jobs.bulk.test_parsing import HERE, only, refused
from tests.jobs.bulk.yard import action, replace

SCRIPT = {"code": "input"}
ACTIONS: list[tuple[str, Any, str, str]] = [
    # the common ones
    ("delete", {"dryRun": "yes"}, "dryRun", "true or false"),
    ("delete", {"dryRun": 1}, "dryRun", "true or false"),
    ("delete", {"raw": "no"}, "raw", "true or false"),
    ("delete", {"skipApprovals": 2}, "skipApprovals", "true or false"),
    ("delete", {"options": "x"}, "options", "has to be an object"),
    ("delete", {"options": {"reconcile": True}}, "options/reconcile", "is not known here"),
    ("delete", {"executeOptions": {"isImport": 1}}, "executeOptions/isImport", "not known"),
    ("delete", {"options": {"raw": "x"}}, "raw", "true or false"),
    ("delete", {"options": {"force": "x"}}, "force", "true or false"),
    ("delete", {"executeOptions": {"overwrite": "x"}}, "overwrite", "true or false"),
    ("delete", {"forWholeInput": True}, "forWholeInput", "is not known here"),
    ("log", {"dryRun": True}, "dryRun", "is not known here"),
    *((name, {"x": 1}, "x", "is not known here") for name in ("add", "enable", "disable")),
    *((name, {"x": 1}, "x", "is not known here") for name in ("recompute", "validate", "notify")),
    # modify
    ("modify", {}, "delta", "is missing"),
    ("modify", {"delta": None}, "delta/itemDelta", "is missing"),
    ("modify", {"delta": "x"}, "delta", "has to be an object"),
    ("modify", {"delta": {"x": 1}}, "delta/x", "is not known here"),
    ("modify", {"delta": {"changeType": "add"}}, "delta/changeType", "has to be modify"),
    ("modify", {"delta": {"itemDelta": []}}, "delta/itemDelta", "is missing"),
    ("modify", {"delta": {"itemDelta": 1}}, "delta/itemDelta", "has to be an object"),
    ("modify", {"delta": {"itemDelta": [{}] * 1001}}, "delta/itemDelta", "more than 1000"),
    # assign and unassign
    ("assign", {}, "", "names neither a role nor a resource"),
    ("unassign", {}, "", "names neither a role nor a resource"),
    ("assign", {"relation": "manager"}, "", "names neither a role nor a resource"),
    ("assign", {"role": {}}, "role/oid", "has to be a text"),
    ("assign", {"role": 1}, "role", "has to be an object"),
    ("assign", {"role": ""}, "role/oid", "has to be a text"),
    ("assign", {"role": {"oid": "r", "x": 1}}, "role/x", "is not known here"),
    ("assign", {"targetRef": {"oid": "r", "type": "a b"}}, "targetRef/type", "no type"),
    ("assign", {"targetRef": {"oid": "r", "relation": 1}}, "targetRef/relation", "be a text"),
    ("assign", {"role": "r", "relation": 1}, "relation", "has to be a text"),
    ("assign", {"resource": [{}]}, "resource/oid", "has to be a text"),
    ("assign", {"resourceRef": {"oid": 1}}, "resourceRef/oid", "has to be a text"),
    ("assign", {"construction": 1}, "construction", "has to be an object"),
    ("assign", {"construction": {"kind": "account"}}, "construction/kind", "not known"),
    ("assign", {"construction": {}}, "construction/resourceRef/oid", "has to be a text"),
    ("assign", {"role": "r", "filter": {"all": {}}}, "filter", "is not known here"),
    ("unassign", {"filter": {"foo": 1}}, "filter", "foo"),
    # the others
    ("recompute", {"triggered": True}, "triggered", "is not supported"),
    ("recompute", {"triggered": "x"}, "triggered", "true or false"),
    ("resolve", {"noFetch": "x"}, "noFetch", "true or false"),
    ("resolve", {"x": 1}, "x", "is not known here"),
    ("log", {"level": "loud"}, "level", "is none of trace, debug, info"),
    ("log", {"level": None}, "level", "is none of"),
    ("log", {"level": ["info"]}, "level", "is none of"),
    ("log", {"message": {"a": 1}}, "message", "has to be a text"),
    ("notify", {"handler": {}}, "handler", "is not supported"),
    ("notify", {"status": "great"}, "status", "is none of success"),
    ("notify", {"status": 1}, "status", "has to be a text"),
    ("notify", {"operation": "explode"}, "operation", "is none of add"),
    ("notify", {"subtype": 1}, "subtype", "has to be a text"),
    ("notify", {"forWholeInput": "x"}, "forWholeInput", "true or false"),
    ("execute-script", {}, "script/code", "has to be a text"),
    ("execute-script", {"script": 1}, "script", "has to be an object"),
    ("execute-script", {"script": {"x": 1}}, "script/x", "is not known here"),
    ("execute-script", {"script": {"code": 1}}, "script/code", "has to be a text"),
    (
        "execute-script",
        {"script": {"code": "1", "language": "http://x#Groovy"}},
        "script/language",
        "Groovy is not supported, ECMAScript is",
    ),
    ("execute-script", {"script": "x" * 262_145}, "script/code", "is longer than 262144"),
    ("execute-script", {"script": SCRIPT, "quiet": "x"}, "quiet", "true or false"),
    ("execute-script", {"script": SCRIPT, "forWholeInput": 1}, "forWholeInput", "true or false"),
    ("ComputerSystem.Reset", {"dryRun": "x"}, "dryRun", "true or false"),
    ("ComputerSystem.Reset", {"wait": "x"}, "wait", "true or false"),
]
#: The typed form of an action, where its name is another one.
TYPED = {"resolve": "resolveReference", "execute-script": "execute"}


@pytest.mark.parametrize(("name", "parameters", "element", "said"), ACTIONS)
def test_what_is_no_action_is_refused(
    name: str, parameters: dict[str, Any], element: str, said: str
) -> None:
    found = refused({"scriptingExpression": action(name, **parameters)})
    assert found[0] == "/".join(filter(None, (f"{HERE}/action", element)))
    assert said in found[1]


@pytest.mark.parametrize(
    ("name", "parameters", "element", "said"), [one for one in ACTIONS if "." not in one[0]]
)
def test_what_is_no_typed_action_is_refused(
    name: str, parameters: dict[str, Any], element: str, said: str
) -> None:
    found = refused({TYPED.get(name, name): parameters})
    assert found[0] == "/".join(filter(None, (f"{HERE}/{TYPED.get(name, name)}", element)))
    assert said in found[1]


DYNAMIC: list[tuple[Any, str, str]] = [
    ({}, "type", "has to be a text"),
    ({"type": 1}, "type", "has to be a text"),
    ({"type": "shout"}, "", "shout is no action of the language"),
    ({"type": "resolveReference"}, "", "is no action of the language"),
    ({"type": "log", "x": 1}, "x", "is not known here"),
    ({"type": "log", "level": "info"}, "level", "is not known here"),
    ({"type": "log", "parameter": 1}, "parameter", "has to be an object"),
    ({"type": "log", "parameter": {}}, "parameter/name", "has to be a text"),
    ({"type": "log", "parameter": {"name": "level", "x": 1}}, "parameter/level/x", "not known"),
    (
        {"type": "log", "parameter": [{"name": "level", "value": "info"}] * 2},
        "parameter/level",
        "is there twice",
    ),
    ({"type": "Printer.Reset"}, "", "is no action of ComputerSystem, Chassis, Manager"),
    ({"type": "search"}, "type", "has to be a text"),
    ({"type": "search", "parameter": {"name": "x", "value": 1}}, "x", "is not known here"),
    ({"type": "search", "parameter": [{"name": "type", "value": "UserType"}] * 2},
     "parameter/type", "is there twice"),
    ({"type": "search", "x": 1}, "x", "is not known here"),
    *(
        ({"type": name}, "", f"{name} is an action that this service does not have")
        for name in (
            *("resume", "apply-definition", "evaluate-expression", "generate-value"),
            *("test-resource", "purge-schema", "discover-connectors", "reencrypt"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("data", "element", "said"), DYNAMIC)
def test_what_is_no_dynamic_action_is_refused(data: Any, element: str, said: str) -> None:
    found = refused({"action": data})
    assert found[0] == "/".join(filter(None, (f"{HERE}/action", element)))
    assert said in found[1]


@pytest.mark.parametrize(
    "name",
    [
        *("resumeTask", "applyDefinition", "evaluateExpression", "generateValue"),
        *("testResource", "purgeSchema"),
    ],
)
def test_typed_actions_that_there_are_elsewhere_are_refused_by_name(name: str) -> None:
    element, said = refused({name: {}})
    assert element == f"{HERE}/{name}"
    assert "is an action that this service does not have" in said


DELTAS: list[tuple[Any, str, str]] = [
    ({}, "modificationType", "has to be a text"),
    ({"modificationType": "change"}, "modificationType", "has to be add, delete or replace"),
    ({"modificationType": "add", "x": 1}, "x", "is not known here"),
    ({"modificationType": "add"}, "path", "has to be a text"),
    ({"modificationType": "add", "path": "a b"}, "path", "is no path"),
    ({"modificationType": "replace", "path": "oid", "value": "x"}, "path", "oid cannot be"),
    ({"modificationType": "replace", "path": "version", "value": "x"}, "path", "cannot be changed"),
    ({"modificationType": "delete", "path": "c:_rev", "value": "x"}, "path", "cannot be changed"),
    ({"modificationType": "add", "path": "a"}, "value", "is missing: what to add"),
    ({"modificationType": "add", "path": "a", "value": []}, "value", "is missing: what to add"),
    ({"modificationType": "delete", "path": "a"}, "value", "is missing: what to delete"),
]


@pytest.mark.parametrize(("data", "element", "said"), DELTAS)
def test_what_is_no_delta_is_refused(data: Any, element: str, said: str) -> None:
    changes = [replace("b", 1)["itemDelta"][0], data]
    found = refused({"modify": {"delta": {"itemDelta": changes}}})
    assert found[0] == f"{HERE}/modify/delta/itemDelta/{element}"
    assert said in found[1]


# What is read


def test_a_parameter_wins_over_the_member_of_a_typed_action() -> None:
    data = {"message": "a", "parameter": {"name": "message", "value": "b"}}
    assert only({"log": data}).parameters["message"] == "b"


@pytest.mark.parametrize("said", [True, "true"])
@pytest.mark.parametrize("where", ["raw", "options", "executeOptions"])
def test_raw_is_said_in_several_places(where: str, said: Any) -> None:
    data = {"raw": said} if where == "raw" else {where: {"raw": said}}
    assert only({"enable": data}).raw


def test_options_and_execute_options_add_up() -> None:
    data = {"options": {"overwrite": True}, "executeOptions": {"force": "true"}}
    read = only({"add": {**data, "skipApprovals": True}})
    assert (read.overwrite, read.force, read.raw, read.dry_run) == (True, True, False, False)


@pytest.mark.parametrize(
    ("given", "assignment"),
    [
        ({"role": "r"}, {"targetRef": {"oid": "r", "type": "RoleType"}}),
        ({"role": {"oid": "r"}}, {"targetRef": {"oid": "r", "type": "RoleType"}}),
        (
            {"role": "r", "relation": "org:manager"},
            {"targetRef": {"oid": "r", "type": "RoleType", "relation": "manager"}},
        ),
        (
            {"targetRef": {"oid": "o", "type": "c:OrgType", "relation": "http://x#owner"}},
            {"targetRef": {"oid": "o", "type": "OrgType", "relation": "owner"}},
        ),
        (
            {"targetRef": {"oid": "o", "relation": "owner"}, "relation": "member"},
            {"targetRef": {"oid": "o", "type": "RoleType", "relation": "member"}},
        ),
        (
            {"resource": "x"},
            {"construction": {"resourceRef": {"oid": "x", "type": "ResourceType"}}},
        ),
        (
            {"resourceRef": {"oid": "x", "description": "d"}},
            {"construction": {"resourceRef": {"oid": "x", "type": "ResourceType"}}},
        ),
        (
            {"construction": {"resourceRef": {"oid": "x"}}},
            {"construction": {"resourceRef": {"oid": "x", "type": "ResourceType"}}},
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["assign", "unassign"])
def test_assignments_are_read(name: str, given: Any, assignment: Any) -> None:
    assert only({name: given}).parameters["assignments"] == (assignment,)


def test_several_roles_and_resources_are_read() -> None:
    read = only({"assign": {"role": ["a", "b"], "resource": ["c"]}}).parameters["assignments"]
    assert len(read) == 3


def test_parameters_of_redfish_actions_are_its_body() -> None:
    given = action("ComputerSystem.Reset", ResetType="ForceOff", dryRun=True, wait="false")
    assert only({"scriptingExpression": given}) == Action(
        "ComputerSystem.Reset",
        {"body": {"ResetType": "ForceOff"}, "wait": False},
        dry_run=True,
        element="executeScript/action",
    )


@pytest.mark.parametrize(
    "script",
    ["code", {"code": "code"}, {"script": {"code": "code"}},
     {"code": "code", "language": "http://midpoint.evolveum.com/xml/ns/x#ECMAScript"},
     {"code": "code", "language": "javascript"}, {"@type": "ScriptType", "code": "code"}],
)  # fmt: skip
def test_scripts_in_scripts_are_written_in_several_ways(script: Any) -> None:
    assert only({"execute": {"script": script}}).parameters["code"] == "code"
