"""A script may what its owner may, at the moment when it does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from odimra.access import Principal
from odimra.jobs.bulk import batches
from odimra.jobs.bulk.steps import BulkOptions
from odimra.store import Store
from tests.jobs.bulk.yard import (
    OPERATOR,
    Yard,
    action,
    name_of,
    pipeline,
    replace,
    search,
)

READER = frozenset({"Login"})
GO_ON = {"options": {"continueOnAnyError": True}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are asked for anew for every item."""
    monkeypatch.setattr(batches, "RIGHTS_MS", 0)


def stamp() -> dict[str, Any]:
    return action("modify", delta=replace("seen", True))


async def test_who_may_not_even_log_in_finds_nothing(yard: Yard) -> None:
    await yard.fill(1)
    yard.accounts.privileges["bob"] = frozenset({"ConfigureComponents"})
    output = await yard.run(pipeline(search()), owner="bob")
    assert (output.result["status"], output.http_status) == ("fatal_error", 403)
    assert output.result["message"] == "search: this needs the privilege Login"
    assert output.console == "The script was stopped: this needs the privilege Login\n"


async def test_who_may_read_can_look_at_objects(yard: Yard) -> None:
    await yard.fill(2)
    yard.accounts.privileges["bob"] = READER
    script = pipeline(
        search(),
        {"@element": "filter", "filter": {"text": 'name != "u00000"'}},
        {"@element": "select", "path": "name"},
    )
    output = await yard.run(script, owner="bob")
    assert await yard.values(output) == [name_of(1)]


async def test_a_sequence_ends_where_more_is_asked_than_may_be_done(yard: Yard) -> None:
    await yard.fill(2)
    yard.accounts.privileges["bob"] = READER
    script = {"sequence": [search(action=action("log")), search(action=stamp()), search()]}
    output = await yard.run(script, owner="bob")
    assert output.http_status == 403
    assert output.console.splitlines()[:2] == [
        "INFO: user:u00000(u00000)",
        "INFO: user:u00001(u00001)",
    ]
    assert output.items == 0


@pytest.mark.parametrize("go_on", [{}, GO_ON])
async def test_an_account_that_is_not_there_runs_nothing(yard: Yard, go_on: Any) -> None:
    await yard.fill(1)
    for script in (pipeline(search(), stamp(), **go_on), pipeline(stamp(), input={"value": 1})):
        output = await yard.run(script, owner="nobody")
        assert (output.result["status"], output.http_status) == ("fatal_error", 403)
        assert output.result["message"] == "the account nobody may not run anything (any more)"
    assert "seen" not in await yard.content(name_of(0))


async def test_who_has_to_change_a_password_runs_nothing(yard: Yard) -> None:
    async def principal(name: str) -> Principal:
        return Principal(name, "Operator", OPERATOR, None, True, f"/a/{name}")

    yard.accounts.principal = principal  # type: ignore[method-assign]
    await yard.fill(1)
    output = await yard.run(pipeline(search(), stamp()))
    assert output.http_status == 403


def once(yard: Yard, at: str, then: Any) -> None:
    """Have something happen as soon as a script is at an object."""

    async def run(bindings: Mapping[str, Any], change: Any) -> Any:
        if bindings["input"]["oid"] == at:
            then()

    yard.scripts.named["x"] = run


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("go_on", [{}, GO_ON])
async def test_an_account_that_ends_ends_the_run(store: Store, size: int, go_on: Any) -> None:
    async with Yard(store, BulkOptions(flush_items=size, workers=1)) as yard:
        yard.work()
        await yard.fill(10)
        once(yard, name_of(3), yard.accounts.privileges.clear)
        inner = [stamp(), action("execute-script", script="x", quiet=True)]
        script = pipeline(search(), {"@element": "foreach", "pipeline": inner}, **go_on)
        output = await yard.run(script)
        seen = ["seen" in await yard.content(name_of(number)) for number in range(10)]
    assert output.result["status"] == "fatal_error"
    assert output.result["message"] == "the account ann may not run anything (any more)"
    # What was done by then is done, told, and put out.
    assert seen == [True] * 4 + [False] * 6
    assert [one["oid"] for one in await yard.values(output)] == [name_of(at) for at in range(4)]
    assert output.console.splitlines() == [
        *(f"Modified user:{name_of(at)}({name_of(at)})" for at in range(4)),
        "The script was stopped: the account ann may not run anything (any more)",
    ]


async def test_machines_that_were_changed_by_then_are_told(store: Store) -> None:
    """It cannot be taken back, so it must not be forgotten."""
    async with Yard(store, BulkOptions(workers=1)) as yard:
        yard.work()
        done = yard.machines.modify

        async def modify(*args: Any, **options: Any) -> None:
            await done(*args, **options)
            yard.accounts.privileges.clear()

        yard.machines.modify = modify  # type: ignore[method-assign]
        patch = action("modify", delta=replace("AssetTag", "x"))
        output = await yard.run(pipeline(search("ComputerSystemType"), patch))
    assert [one[0] for one in yard.machines.patched] == ["s1"]
    assert output.console.splitlines()[0] == "Modified computerSystem:s1(System s1)"
    assert output.http_status == 403


async def test_privileges_that_are_lost_are_missing_from_then_on(yard: Yard) -> None:
    await yard.fill(6)
    once(yard, name_of(2), lambda: yard.accounts.privileges.update(ann=READER))
    inner = [stamp(), action("execute-script", script="x", quiet=True)]
    script = pipeline(search(), {"@element": "foreach", "pipeline": inner}, **GO_ON)
    yard.kind._options = BulkOptions(workers=1)
    output = await yard.run(script)
    seen = ["seen" in await yard.content(name_of(number)) for number in range(6)]
    assert seen == [True] * 3 + [False] * 3
    assert output.console.count("needs the privilege ConfigureComponents") == 3


async def test_privileges_that_are_gained_count_from_then_on(yard: Yard) -> None:
    await yard.fill(4)
    yard.accounts.privileges["ann"] = READER
    once(yard, name_of(1), lambda: yard.accounts.privileges.update(ann=OPERATOR))
    inner = [stamp(), action("execute-script", script="x", quiet=True)]
    script = pipeline(search(), {"@element": "foreach", "pipeline": inner}, **GO_ON)
    yard.kind._options = BulkOptions(workers=1)
    await yard.run(script)
    seen = ["seen" in await yard.content(name_of(number)) for number in range(4)]
    assert seen == [False, False, True, True]


async def test_rights_are_not_asked_for_all_the_time(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RIGHTS_MS", 60_000)
    await yard.fill(300)
    asked, principal = [], yard.accounts.principal

    async def counting(name: str) -> Principal | None:
        asked.append(name)
        return await principal(name)

    yard.accounts.principal = counting  # type: ignore[method-assign]
    await yard.run(pipeline(search(), action("log")))
    assert asked == ["ann"]
