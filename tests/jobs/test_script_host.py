"""Scripts of scans in JavaScript: what they can do with records, and what they may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from odimra.access import Principal
from odimra.jobs.scanner import runs as states
from odimra.jobs.scanner.runs import TASK
from odimra.jobs.script_host import ScriptHost
from odimra.scripting import ScriptOptions, ScriptPool
from odimra.store import Store
from tests.jobs.yard import TYPE, Yard, context


class Book:
    """Knows one account, and what it may."""

    def __init__(self) -> None:
        self.privileges = frozenset({"Login", "ConfigureComponents"})
        self.known = True
        self.change = False

    async def principal(self, name: str) -> Principal | None:
        if not self.known:
            return None
        return Principal(name, "R", self.privileges, None, self.change, "/redfish/v1/a")


class Later:
    """Scripts that are known only when there are records."""

    def __init__(self) -> None:
        self.host: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def yard(store: Store, book: Book) -> AsyncIterator[Yard]:
    later = Later()
    async with (
        ScriptPool(ScriptOptions(processes=2, memory=16 * 1024 * 1024)) as pool,
        Yard(store, later) as made,
    ):
        later.host = ScriptHost(pool, made.records, book, timeout=1)  # type: ignore[arg-type]
        made.work()
        yield made


async def script(yard: Yard, source: str, count: int = 1) -> tuple[dict[str, Any], str]:
    """Have a script run on a record; return the record after that, and why it failed."""
    if not await yard.records.count(TYPE):
        await yard.fill(count, due=1, name=str)
    run = await yard.scan(context(source))
    task = await yard.tasks.get(TASK + run.id)
    assert task is not None
    said = [one.args[-1] for one in task.messages if one.message_id.startswith("Odimra.")]
    return (await yard.all()).get("u00000", {}), said[0] if said else ""


async def test_what_a_script_finds_and_does(yard: Yard) -> None:
    record, why = await script(
        yard,
        """
        var before = openidm.read(objectID);
        openidm.patch(objectID, before._rev, [
            {operation: "add", field: "/seen",
             value: [input._id, objectID, input.state.began !== null]},
        ]);
        var after = openidm.read(objectID, null, ["seen"]);
        openidm.create("managed/log", "one", {of: objectID, rev: after._rev});
        openidm.create("managed/log", null, {});
        openidm.update("managed/log/one", null, {of: objectID, seen: after.seen.length});
        openidm.read("managed/user/none") === null && after.seen.length === 3
        """,
    )
    assert why == "" and record["seen"] == ["u00000", f"{TYPE}/u00000", True]
    logs = {one.id: one.content for one in await yard.records.page("managed/log")}
    assert logs.pop("one") == {"of": f"{TYPE}/u00000", "seen": 3} and len(logs) == 1


async def test_patches_of_its_own_record_are_one_with_all_else(yard: Yard) -> None:
    record, why = await script(
        yard,
        """
        function put(name, value) {
            return openidm.patch(objectID, null, [{operation: "add", field: name, value}]);
        }
        put("/a", 1);
        var twice = put("/b", 2);
        var all = openidm.update(objectID, twice._rev, {due: 1, a: twice.a, b: twice.b, c: 3});
        put("/d", 4);
        all.c === 3 && openidm.read(objectID).d === 4
        """,
    )
    assert why == "" and [record[name] for name in "abcd"] == [1, 2, 3, 4]
    assert (await yard.records.read(TYPE, "u00000")).rev == "3"


async def test_queries_and_deletion(yard: Yard) -> None:
    await yard.records.create("managed/old", {"n": 1}, "a")
    await yard.records.create("managed/old", {"n": 2}, "b")
    _, why = await script(
        yard,
        """
        var found = openidm.query("managed/old", {_queryFilter: "/n gt 1"}, ["n"]);
        openidm.delete("managed/old/" + found.result[0]._id, null);
        found.resultCount === 1 && found.result[0].n === 2
        """,
    )
    assert why == ""
    assert [one.id for one in await yard.records.page("managed/old")] == ["a"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("openidm.update('managed/user/none', null, {})", 404),
        ("openidm.patch('managed/user/none', null, [])", 404),
        ("openidm.delete('managed/user/none', null)", 404),
        ("openidm.create('managed/user', 'u00000', {})", 412),
        ("openidm.patch(objectID, '1', [])", 412),
        ("openidm.read('unknown/type/1')", 404),
        ("openidm.read('')", 400),
        ("openidm.read(5)", 400),
        ("openidm.read('user')", 400),
        ("openidm.update(objectID, 7, {})", 400),
        ("openidm.update(objectID, null, 7)", 400),
        ("openidm.patch(objectID, null, {})", 400),
        ("openidm.patch(objectID, null, [{operation: 'turn'}])", 400),
        ("openidm.create('managed/user', 'a/b', {})", 400),
        ("openidm.query('managed/user', {})", 400),
        ("openidm.query('managed/user', {_queryFilter: '/a lt'})", 400),
        ("openidm.read(objectID, null, null, 1, 2, 3)", 400),
        ("openidm.action('redfish/Systems/1', 'reset')", 501),
    ],
)
async def test_a_call_that_fails_says_how(yard: Yard, call: str, code: int) -> None:
    source = f"""
        var code = null;
        try {{ {call} }} catch (e) {{ code = e.code }}
        openidm.patch(objectID, null, [{{operation: "add", field: "/code", value: code}}]);
        true
    """
    record, why = await script(yard, source)
    assert why == "" and record["code"] == code


async def test_what_a_query_may_find_is_bounded(yard: Yard) -> None:
    await yard.fill(1001, other=1)
    await yard.records.create(TYPE, {"due": 1}, "u9")
    run = await yard.scan(
        context(f"openidm.query('{TYPE}', {{_queryFilter: '/other eq 1'}}); true")
    )
    task = await yard.tasks.get(TASK + run.id)
    assert task is not None and run.failures == 1
    assert any("more than 1000 records" in one.args[-1] for one in task.messages if one.args)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("throw new Error('not this one')", "Error: not this one (line 1)"),
        ("for (;;);", "took too long"),
        ("var x = []; for (;;) x.push('y'.repeat(1000) + x.length)", "out of memory"),
        ("/(a+)+$/.test('a'.repeat(40) + '!')", "took too long"),
        ("1", "is not true"),
        ("openidm.update('managed/user/none', null, {})", "there is no record"),
    ],
)
async def test_a_record_that_fails_has_a_message(yard: Yard, source: str, said: str) -> None:
    await yard.fill(3, due=1)
    run = await yard.scan(
        context(f"if (input._id === 'u00001') {{ {source} }} else {{ true }}", numberOfThreads=1)
    )
    assert (run.state, run.successes, run.failures) == (states.COMPLETED, 2, 1)
    task = await yard.tasks.get(TASK + run.id)
    assert task is not None
    (failed,) = [one for one in task.messages if one.message_id.endswith("RecordFailed")]
    assert failed.args[0] == f"{TYPE}/u00001" and said in failed.args[1]


async def test_a_script_that_does_not_compile_touches_nothing(yard: Yard) -> None:
    record, why = await script(yard, "var x = ;")
    assert "does not compile" in why and "line 1" in why
    assert "state" not in record


async def test_a_script_may_what_its_account_may(yard: Yard, book: Book) -> None:
    book.privileges = frozenset({"Login"})
    change = "openidm.patch(objectID, null, [{operation: 'remove', field: '/name'}]); true"
    record, why = await script(yard, change)
    assert "may not use openidm.patch" in why and record["name"] == "0"
    book.privileges = frozenset()
    await yard.records.create(TYPE, {"due": 1}, "next")
    run = await yard.scan(context("true"))
    assert (run.state, run.processed) == (states.ERROR, 0)


@pytest.mark.parametrize("lost", ["known", "change"])
async def test_an_account_that_is_gone_runs_nothing(yard: Yard, book: Book, lost: str) -> None:
    setattr(book, lost, lost == "change")
    await yard.fill(1, due=1)
    run = await yard.scan(context("true"))
    assert (run.state, run.processed) == (states.ERROR, 0)


async def test_an_account_that_goes_while_its_scan_runs(yard: Yard, book: Book) -> None:
    await yard.fill(1, due=1)

    async def principal(name: str) -> Principal | None:
        found = await Book.principal(book, name)
        book.known = False  # seen once, then gone
        return found

    book.principal = principal  # type: ignore[method-assign]
    run = await yard.scan(context("true"))
    assert (run.state, run.failures) == (states.COMPLETED, 1)
