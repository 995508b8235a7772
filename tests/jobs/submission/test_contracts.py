"""Contracts: what a file may say, what is wrong with others, and a file that changes."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from odimra.jobs.submission.contracts import BadContracts, BadVariables, Contracts, load, locate
from tests.fakes import FakeClock

KINDS = {"reset": {"systems", "how"}, "scan": {"context"}}
GOOD: dict[str, Any] = {
    "queues": {"q": {"concurrency": 2}},
    "contracts": {
        "c": {
            "type": "T",
            "actor": "a",
            "queue": "q",
            "actions": {
                "go": {
                    "kind": "reset",
                    "template": {"id": 7, "name": "n", "revision": 2},
                    "variables": {
                        "type": "object",
                        "required": ["one"],
                        "properties": {"one": {"type": "string"}, "how": {"type": "integer"}},
                    },
                    "arguments": {"systems": ["$one", "$$two", "three"], "how": "$how"},
                }
            },
        }
    },
}
Change = Callable[[dict[str, Any]], Any]


def written(path: Path, content: Any) -> Path:
    file = path / "contracts.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), "utf-8")
    return file


def action(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["contracts"]["c"]["actions"]["go"]
    return found


def test_variables_become_arguments(tmp_path: Path) -> None:
    found = load(written(tmp_path, GOOD), KINDS)
    go = found.contracts["c"].actions["go"]
    assert go.filled({"one": "1", "how": 5}) == {"systems": ["1", "$two", "three"], "how": 5}
    assert go.filled({"one": "$how"}) == {"systems": ["$how", "$two", "three"]}, "what is not said"
    assert (go.trigger, go.template["id"]) == ("REST", 7)
    assert (found.queues["q"].concurrency, found.queues["q"].enabled) == (2, True)


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "actionVariables: "), ({"one": 5}, "actionVariables/one: "),
     ({"one": "x", "how": "x"}, "actionVariables/how: ")],
)  # fmt: skip
def test_variables_are_checked(tmp_path: Path, variables: dict[str, Any], said: str) -> None:
    go = load(written(tmp_path, GOOD), KINDS).contracts["c"].actions["go"]
    with pytest.raises(BadVariables) as wrong:
        go.filled(variables)
    assert str(wrong.value).startswith(said)


WRONG: list[tuple[Change, str]] = [
    (lambda one: one.pop("queues"), "'queues' is a required property"),
    (lambda one: one["queues"].update(q={"concurrency": -1}), "queues.q.concurrency: "),
    (
        lambda one: one["contracts"]["c"].update(queue="none"),
        "contracts.c.queue: there is no queue",
    ),
    (lambda one: one["contracts"]["c"].update(color="red"), "contracts.c: "),
    (lambda one: action(one).update(kind="none"), "actions.go.kind: there is no kind 'none'"),
    (lambda one: action(one)["arguments"].update(x=1), "actions.go.arguments: reset takes no 'x'"),
    (lambda one: action(one)["arguments"].update(how="$none"), "arguments: $none is no property"),
    (lambda one: action(one).update(variables={"type": "nothing"}), "variables: is no JSON Schema"),
    (lambda one: action(one)["template"].pop("id"), "contracts.c.actions.go.template: "),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, change: Change, said: str) -> None:
    content = copy.deepcopy(GOOD)
    change(content)
    with pytest.raises(BadContracts) as wrong:
        load(written(tmp_path, content), KINDS)
    assert said in str(wrong.value) and "\n" not in str(wrong.value)
    assert str(wrong.value).startswith(str(tmp_path / "contracts.yaml"))


@pytest.mark.parametrize("content", ["a: [", "5", ""])
def test_what_is_no_file_of_contracts(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadContracts):
        load(written(tmp_path, content), KINDS)
    with pytest.raises(BadContracts, match="cannot be read"):
        load(tmp_path / "none.yaml", KINDS)


def test_the_name_of_a_file() -> None:
    assert locate("default").name == "contracts.yaml" and locate("default").exists()
    assert locate("/x/y.yaml") == Path("/x/y.yaml")


def test_a_file_that_changes_is_read_again(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = written(tmp_path, GOOD)
    contracts = Contracts(file, KINDS, clock)
    more = copy.deepcopy(GOOD)
    more["contracts"]["d"] = copy.deepcopy(more["contracts"]["c"])
    written(tmp_path, more)
    assert set(contracts.now().contracts) == {"c"}, "not at every request"
    clock.advance(2)
    assert set(contracts.now().contracts) == {"c", "d"}
    written(tmp_path, "queues: [")
    clock.advance(2)
    assert set(contracts.now().contracts) == {"c", "d"}
    assert "contracts stay as they were" in caplog.text
    file.unlink()
    clock.advance(2)
    assert set(contracts.now().contracts) == {"c", "d"}
    written(tmp_path, GOOD)
    clock.advance(2)
    assert set(contracts.now().contracts) == {"c"}
