"""The message registries: worded by us, identified as published (DSP0266 9.5.11, DSP0268)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from odimra.redfish.messages import REGISTRIES, MessageEntry, Messages, UnknownMessage
from odimra.redfish.registries import _registry

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "redfish" / "registries"

MESSAGES = Messages.load()
ENTRIES = [
    pytest.param(registry.prefix, key, entry, id=f"{registry.prefix}.{key}")
    for registry in MESSAGES.registries.values()
    for key, entry in registry.messages.items()
]


@pytest.mark.parametrize(("prefix", "key", "entry"), ENTRIES)
def test_a_message_uses_each_of_its_arguments(prefix: str, key: str, entry: MessageEntry) -> None:
    used = {int(number) for number in re.findall(r"%(\d)", entry.text)}
    assert used == set(range(1, len(entry.args) + 1))
    assert entry.severity in ("OK", "Warning", "Critical")
    assert set(entry.args) <= {"string", "number"}
    assert entry.text.endswith((".", ":")) or entry.text.endswith("'.")
    assert entry.resolution.endswith(".")
    values = [f"<{number}>" for number in range(len(entry.args))]
    built = MESSAGES.build(f"{prefix}.{key}", *values)
    assert built["MessageArgs"] == values
    assert all(value in built["Message"] for value in values)
    assert "%" not in built["Message"]


def test_a_message_that_clears_others_clears_such_that_are_there() -> None:
    for registry in MESSAGES.registries.values():
        for entry in registry.messages.values():
            assert set(entry.clears) <= set(registry.messages)


@pytest.mark.parametrize(
    ("key", "args"), [("Base.Nothing", ()), ("Nothing.Base", ()), ("Base.Success", ("x",))]
)
def test_a_message_that_is_not_there_cannot_be_built(key: str, args: tuple[str, ...]) -> None:
    with pytest.raises(UnknownMessage):
        MESSAGES.build(key, *args)


def test_an_argument_that_looks_like_a_place_for_one_is_left_as_it_is() -> None:
    built = MESSAGES.build("Base.PropertyValueTypeError", "%2", "Name", related=["/Name"])
    assert "'%2'" in built["Message"]
    assert built["RelatedProperties"] == ["/Name"]


def published(name: str) -> dict[str, Any]:
    registry = MESSAGES.registries[name]
    path = PUBLISHED / f"{name}.{registry.version}.json"
    if not path.exists():
        pytest.skip(f"the DMTF's registries are not beside the checkout ({path.name})")
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", [name for name in REGISTRIES if name != "Odimra"])
def test_ids_arguments_and_severities_are_those_published(name: str) -> None:
    theirs, ours = published(name), MESSAGES.registries[name]
    assert theirs["RegistryVersion"] == ours.version
    assert theirs["RegistryPrefix"] == ours.prefix
    for key, entry in ours.messages.items():
        said = theirs["Messages"][key]
        assert said["NumberOfArgs"] == len(entry.args), key
        assert said.get("ParamTypes", []) == list(entry.args), key
        assert said["MessageSeverity"] == entry.severity, key
        clearing = said.get("ClearingLogic", {})
        assert set(clearing.get("ClearsMessage", ())) == set(entry.clears), key
        assert clearing.get("ClearsAll", False) == entry.clears_all, key


@pytest.mark.parametrize("name", REGISTRIES)
def test_no_message_is_missing(name: str) -> None:
    theirs, ours = published(name), MESSAGES.registries[name]
    missing = {
        key for key, said in theirs["Messages"].items() if "VersionDeprecated" not in said
    } - set(ours.messages)
    assert missing == set()


@pytest.mark.parametrize("name", REGISTRIES)
def test_the_wording_is_our_own(name: str) -> None:
    theirs, ours = published(name), MESSAGES.registries[name]
    for key, entry in ours.messages.items():
        said = theirs["Messages"][key]
        assert entry.text != said["Message"], key
        # "None." is no sentence that anybody has written.
        assert entry.resolution in ("None.", "") or entry.resolution != said["Resolution"], key


def test_a_registry_as_it_is_served_names_all_that_its_schema_requires() -> None:
    for registry in MESSAGES.registries.values():
        shown = _registry(registry)
        for entry in shown["Messages"].values():
            assert {"Description", "Message", "NumberOfArgs", "Resolution"} <= set(entry)
            assert len(entry.get("ParamTypes", ())) == entry["NumberOfArgs"]
