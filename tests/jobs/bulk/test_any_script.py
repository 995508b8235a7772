"""Whatever comes as a script is one that runs to its end, or is refused with the reason."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.parameters import _ACTIONS
from odimra.jobs.bulk.parsing import ACTIONS, EXPRESSIONS, parse_script
from odimra.jobs.bulk.plan import Plan
from odimra.tasks.states import FINAL
from tests.jobs.bulk.yard import Yard, action, name_of, replace, search

#: Every word that means something somewhere.
WORDS = sorted(
    {
        *EXPRESSIONS, *ACTIONS, *_ACTIONS, *(one for row in _ACTIONS.values() for one in row[0]),
        *("@element", "@type", "@value", "scriptingExpression", "input", "value", "options"),
        *("continueOnAnyError", "hideOperationResults", "variables", "variable", "name"),
        *("expression", "type", "query", "filter", "paging", "orderBy", "maxSize", "path", "text"),
        *("parameter", "dryRun", "raw", "executeOptions", "itemDelta", "modificationType", "code"),
        *("oid", "keep", "remove", "equal", "and", "not", "aggregateOutput", "searchFilter"),
        *("UserType", "ComputerSystem.Reset", "add", "replace", "a/b[1]", "true", "", "x"),
    }
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
DATA = st.recursive(
    VALUES | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.just("executeScript") | st.sampled_from(WORDS), data=DATA)
def test_what_is_no_script_is_refused_and_nothing_else(name: str, data: Any) -> None:
    try:
        script = parse_script(name, data)
    except BadScript as error:
        assert len(str(error)) < 2000
    else:
        assert Plan(script.expression).parts >= 1


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(EXPRESSIONS)), data=DATA, inner=DATA)
def test_what_is_no_expression_is_refused_and_nothing_else(
    name: str, data: Any, inner: Any
) -> None:
    given = {**data, "type": inner} if isinstance(data, dict) else data
    try:
        parse_script("executeScript", {name: given})
    except BadScript as error:
        assert error.element.startswith("executeScript") or not error.element


class Maker:
    """Makes scripts that can be parsed, of all that there is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def script(self) -> dict[str, Any]:
        pick = self._random
        values = [self._value() for _ in range(pick.randrange(4))]
        return {
            "pipeline": [self._expression(2) for _ in range(pick.randrange(1, 5))],
            "input": {"value": values},
            "options": {"continueOnAnyError": pick.random() < 0.7},
        }

    def _value(self) -> Any:
        oid = self._oid()
        return self._random.choice(
            [
                "text", 5, None, True, [], {},
                {"@type": "UserType", "oid": oid, "name": oid},
                {"@type": "RoleType", "name": "new"},
                {"oid": oid, "type": "UserType"},
                {"assignment": [{"targetRef": {"oid": oid, "type": "UserType"}}]},
            ]
        )  # fmt: skip

    def _oid(self) -> str:
        return name_of(self._random.randrange(6))

    def _expression(self, depth: int) -> dict[str, Any]:
        pick = self._random
        kind = pick.randrange(8 if depth else 5)
        if kind == 5:
            return {"@element": "foreach", **self._inner(depth)}
        if kind > 5:
            name = "pipeline" if kind == 6 else "sequence"
            many = range(pick.randrange(1, 4))
            return {"@element": name, "@value": [self._expression(depth - 1) for _ in many]}
        if kind == 0:
            return self._search(depth)
        if kind == 1:
            return pick.choice(
                [
                    {"@element": "select", "path": pick.choice(["name", "assignment/targetRef"])},
                    {"@element": "filter", "filter": {"text": f'name != "{self._oid()}"'}},
                    {"@element": "filterContent", pick.choice(["keep", "remove"]): "name"},
                ]
            )
        return self._action()

    def _inner(self, depth: int) -> dict[str, Any]:
        inner = self._expression(depth - 1)
        return {inner["@element"]: inner.get("@value", inner)}

    def _search(self, depth: int) -> dict[str, Any]:
        pick = self._random
        paging: dict[str, Any] = {"offset": pick.randrange(3), "maxSize": pick.randrange(5)}
        if pick.random() < 0.3:
            paging["orderBy"] = "name"
        more: dict[str, Any] = {"query": {"paging": paging}}
        if depth and pick.random() < 0.4:
            more |= {**self._inner(depth), "aggregateOutput": pick.random() < 0.5}
        type_ = pick.choice(["UserType", "RoleType", "ComputerSystemType"])
        return search(type_, **more)

    def _action(self) -> dict[str, Any]:
        pick = self._random
        delta = replace(pick.choice(["city", "city/name", "AssetTag"]), pick.choice(["x", 1]))
        name, parameters = pick.choice(
            [
                ("add", {"options": {"overwrite": True}}),
                ("add", {}),
                ("modify", {"delta": delta}),
                ("delete", {"options": {"force": pick.random() < 0.5}}),
                ("enable", {}),
                ("disable", {"raw": True}),
                ("assign", {"targetRef": {"oid": self._oid(), "type": "UserType"}}),
                ("unassign", {"filter": {"all": {}}}),
                ("recompute", {}),
                ("resolve", {}),
                ("log", {}),
                ("notify", {"forWholeInput": pick.random() < 0.5}),
                ("validate", {}),
                ("execute-script", {"script": "x", "forWholeInput": pick.random() < 0.3}),
                ("execute-script", {"script": "x", "outputItem": "y"}),
                ("ComputerSystem.Reset", {"wait": False}),
            ]
        )
        changes = name not in ("resolve", "log", "notify", "validate", "execute-script")
        if changes and pick.random() < 0.15:
            parameters = {**parameters, "dryRun": True}
        return action(name, **parameters)


@pytest.mark.parametrize("seed", range(8))
async def test_every_script_that_can_be_parsed_runs_to_an_end(yard: Yard, seed: int) -> None:
    async def double(bindings: Any, change: Any) -> Any:
        return [bindings["input"], bindings["input"]]

    yard.scripts.named["x"] = double
    maker = Maker(seed)
    for _ in range(25):
        for number in range(4):
            content = {"name": name_of(number), "city": "Ulm"}
            await yard.records.put("managed/user", name_of(number), content)
        script = maker.script()
        output = await yard.run(script)
        assert output.task.task_state in FINAL
        assert output.http_status != 500, script
        assert output.result["status"] in ("success", "fatal_error"), script
        values = await yard.values(output)
        assert len(values) == output.items
        failures = [
            one for one in output.result.get("partialResults", []) if one["status"] != "success"
        ]
        lines = [line for line in output.console.splitlines() if line.startswith("Failed to ")]
        assert bool(failures) == (output.result["status"] == "fatal_error"), script
        assert bool(lines) <= bool(failures), script
