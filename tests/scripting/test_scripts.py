"""What a script is, what it finds, and what it cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from odimra.scripting import (
    UNDEFINED,
    BadScript,
    HostError,
    ScriptError,
    ScriptOptions,
    ScriptPool,
)


class House:
    """Answers calls, and remembers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[Any]]] = []
        self.answer: Any = {"_id": "1", "_rev": "2"}

    async def __call__(self, name: str, arguments: Sequence[Any]) -> Any:
        self.calls.append((name, list(arguments)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def pool() -> AsyncIterator[ScriptPool]:
    async with ScriptPool(ScriptOptions(processes=1)) as made:
        yield made


async def run(pool: ScriptPool, source: str, host: House | None = None, **bindings: Any) -> Any:
    return await pool.run(source, bindings, host or House(), timeout=10)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 1", 2),
        ("true", True),
        ("null", None),
        ("undefined", UNDEFINED),
        ("", UNDEFINED),
        ("var a = 1;", UNDEFINED),
        ("var a = 1; a", 1),
        ("if (true) { 'yes' } else { 'no' }", "yes"),
        ("'\\u00e4\\ud83d\\ude00'", "ä😀"),
        ("({a: [1, 2.5, null, undefined, {b: true}]})", {"a": [1, 2.5, None, None, {"b": True}]}),
        ("(async () => { await null; await 1; return [true] })()", [True]),
        ("Promise.resolve()", UNDEFINED),
        ("({then: 1})", {"then": 1}),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("let x = 1; const y = 2; x + y", 3),
        ("function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } f(10)", 55),
        ("'x'.repeat(100000).length + ('a' + 'b'.repeat(50000)).length", 150001),
        ("'a'.repeat(60000) + 'b'.repeat(60000)", "a" * 60000 + "b" * 60000),
    ],
)
async def test_the_value_is_that_of_the_last_expression(
    pool: ScriptPool, source: str, value: Any
) -> None:
    found = await run(pool, source)
    assert found == value and type(found) is type(value)


async def test_bindings_are_there_as_they_were_given(pool: ScriptPool) -> None:
    given = {"mail": "a@b", "n": 1.5, "list": [{"x": None}], "quote": "\"'\n\u2028"}
    found = await run(pool, "[input, objectID]", input=given, objectID="managed/user/1")
    assert found == [given, "managed/user/1"]


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("throw new Error('no')", "Error: no", 1),
        ("\n\nnothing.at.all", "ReferenceError: nothing is not defined", 3),
        ("function f() {\n  throw new TypeError('x')\n}\n\nf()", "TypeError: x", 2),
        ("throw 'plain'", "thrown: plain", None),
        ("throw {a: 1}", 'thrown: {"a":1}', None),
        ("throw null", "thrown: null", None),
        ("0 / 0", "its value, NaN, is no JSON", None),
        ("-1 / 0", "its value, -Infinity, is no JSON", None),
        ("\n(async () => {\n throw new Error('late') })()", "Error: late", 3),
        ("new Promise(() => {})", "its promise is never fulfilled", None),
        ("queueMicrotask(() => { throw new Error('put off') }); 1", "Error: put off", None),
        ("(function () {})", "its value, a function, is no JSON", None),
        ("var a = {}; a.a = a; a", "circular reference", None),
        ("10n", "BigInt", None),
        ("'\\ud800'", "cannot be handed out", None),
        ("(function f() { f() })()", "call stack", 1),
        ("throw {get message() { throw 1 }, toString() { throw 2 }}", "", None),
        ("throw new Proxy(new Error('x'), {get() { throw 3 }})", "", None),
    ],
)
async def test_a_script_that_fails_says_why_and_where(
    pool: ScriptPool, source: str, said: str, line: int | None
) -> None:
    with pytest.raises(ScriptError) as caught:
        await run(pool, source)
    assert said in str(caught.value) and caught.value.line == line
    assert await run(pool, "'well'") == "well", "the next one is none the worse"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        *(("var x = ;", 1), ("\n\n}{", 3), ("return 1", 1), ("'open", 1), ("x = `", 1)),
        ("\n'use strict'\nwith (a) { }", 3),
    ],
)
async def test_what_does_not_compile_is_found_before_it_runs(
    pool: ScriptPool, source: str, line: int
) -> None:
    with pytest.raises(BadScript) as caught:
        await pool.check(source)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "source",
    [
        *("", "1", "while (true) {}", "openidm.read('x')", "throw 1", "let mark = 1", "#!/x\n1"),
        *("'use strict'; for (;;);", "function eval2() {}", "let arguments", "// only this"),
    ],
)
async def test_what_compiles_is_not_run_for_that(pool: ScriptPool, source: str) -> None:
    await pool.check(source)


@pytest.mark.parametrize("source", ["x" * 262_145, "\n" * 100_000, "'\ud800'"])
async def test_sources_that_no_script_has(pool: ScriptPool, source: str) -> None:
    with pytest.raises(BadScript):
        await pool.check(source)
    with pytest.raises(BadScript):
        await run(pool, source)


# What it can call


async def test_calls_reach_the_host_and_answers_the_script(pool: ScriptPool) -> None:
    house = House()
    source = """
        var read = openidm.read("managed/user/1");
        openidm.patch("managed/user/1", null, [{operation: "remove", field: "/a"}]);
        openidm.create("managed/user", null, {a: 1}, undefined, ["a"]);
        openidm.update("managed/user/1", read._rev, {});
        openidm.delete("managed/user/1", "3");
        openidm.query("managed/user", {_queryFilter: "true"});
        openidm.action("redfish/Systems/1", "reset");
        read._rev
    """
    assert await run(pool, source, house) == "2"
    assert house.calls == [
        ("openidm.read", ["managed/user/1"]),
        ("openidm.patch", ["managed/user/1", None, [{"operation": "remove", "field": "/a"}]]),
        ("openidm.create", ["managed/user", None, {"a": 1}, None, ["a"]]),
        ("openidm.update", ["managed/user/1", "2", {}]),
        ("openidm.delete", ["managed/user/1", "3"]),
        ("openidm.query", ["managed/user", {"_queryFilter": "true"}]),
        ("openidm.action", ["redfish/Systems/1", "reset"]),
    ]


async def test_a_call_that_fails_is_an_exception_that_can_be_caught(pool: ScriptPool) -> None:
    house = House()
    house.answer = HostError("it has moved on", {"code": 412, "detail": {"a": 1}})
    source = """
        try { openidm.update("a/b/c", "1", {}) }
        catch (e) { [e instanceof Error, e.code, e.message, e.detail.a] }
    """
    assert await run(pool, source, house) == [True, 412, "it has moved on", 1]
    with pytest.raises(ScriptError, match="it has moved on"):
        await run(pool, "openidm.read('a/b/c')", house)


async def test_a_host_that_breaks_tells_the_script_nothing_of_itself(
    pool: ScriptPool, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    house.answer = KeyError("a secret of the house")
    with pytest.raises(ScriptError) as caught:
        await run(pool, "openidm.read('a/b/c')", house)
    assert "secret" not in str(caught.value)
    assert "a secret of the house" in caplog.text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("openidm.read()", "no such method: openidm.read with 0 arguments"),
        ("openidm.patch('a', null)", "no such method: openidm.patch with 2 arguments"),
        ("openidm.encrypt('a', 'b', 'c')", "openidm.encrypt is not supported"),
        ("openidm.read(openidm)", "it is no path"),
        ("var a = {}; a.a = a; openidm.read(a)", "circular"),
    ],
)
async def test_calls_that_make_no_sense(pool: ScriptPool, source: str, said: str) -> None:
    house = House()
    house.answer = HostError("it is no path")
    with pytest.raises(ScriptError, match=said):
        await run(pool, source, house)


async def test_lines_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="odimra.scripts")
    source = """
        logger.debug("Task on {} ({})", "a@b", 7);
        logger.info("{} and {}", {a: 1});
        logger.warn("no place", 1);
        logger.error("{}", new Error("e"));
        console.log("plain", [1], undefined, null, 5n);
        logger.trace("unheard");
        logger.info("x".repeat(5000));
        identityServer.getProperty("a", "other")
    """
    async with ScriptPool(ScriptOptions(processes=1)) as pool:
        assert await run(pool, source) == "other"
    lines = [(one.levelname, one.message) for one in caplog.records if one.name == "odimra.scripts"]
    assert lines[:5] == [
        ("DEBUG", "Task on a@b (7)"),
        ("INFO", '{"a":1} and {}'),
        ("WARNING", "no place"),
        ("ERROR", "Error: e"),
        ("INFO", "plain [1] undefined null 5"),
    ]
    assert ("DEBUG", "unheard") in lines and len(lines[-1][1]) == 2000


# What it cannot do


@pytest.mark.parametrize(
    "leaves",
    [
        "leak = 1",
        "this.leak = 1",
        "globalThis.leak = 1",
        "(0, eval)('var leak = 1')",
        "Function('leak = 1')()",
        "Object.defineProperty(globalThis, 'leak', {value: 1, configurable: false})",
        "Object.prototype.leak = 1",
        "Array.prototype.leak = 1",
        "Object.getPrototypeOf(function* () {}).leak = 1",
        "Object.setPrototypeOf(globalThis, {leak: 1})",
        "globalThis[Symbol.for('leak')] = 1",
        "Object.defineProperty(Object.prototype, 'leak', {value: 1})",
        "globalThis.__proto__.leak = 1",
    ],
)
async def test_nothing_of_one_script_is_there_for_the_next(pool: ScriptPool, leaves: str) -> None:
    with contextlib.suppress(ScriptError):  # it may be told that it cannot
        await run(pool, leaves + "; 1")
    seen = """[typeof leak, ({}).leak, [].leak, (function* () {})().leak,
        Object.getPrototypeOf(function* () {}).leak, globalThis[Symbol.for('leak')]]"""
    assert await run(pool, seen) == ["undefined", None, None, None, None, None]


@pytest.mark.parametrize(
    "changes",
    [
        "JSON = null",
        "JSON.stringify = () => 'true'",
        "Array.prototype.join = () => 'vtrue'",
        "String.prototype.slice = () => 'x'",
        "Reflect.apply = () => true",
        "RegExp.prototype.exec = () => null",
        "openidm.read = () => 'mine'",
        "openidm = {read: () => 'mine'}",
        "console.log = null",
        "Error = null",
        "Object.prototype.toJSON = () => true",
        "Object.defineProperty(Object.prototype, 'value', {get() { return 'mine' }})",
    ],
)
async def test_no_script_changes_what_another_one_finds(pool: ScriptPool, changes: str) -> None:
    house = House()
    with contextlib.suppress(ScriptError):  # it may be told that it cannot
        await run(pool, f"{changes}; 'done'", house)
    source = "[JSON.stringify([1]), openidm.read('a')._rev, typeof console.log, typeof Error]"
    assert await run(pool, source, house) == ["[1]", "2", "function", "function"]


async def test_objects_are_as_ordinary_as_elsewhere(pool: ScriptPool) -> None:
    source = """
        var o = {}; o.toString = function () { return "mine" };
        o.constructor = 1; o.valueOf = 2; o.hasOwnProperty = 3;
        var e = new Error("a"); e.message = "b"; e.name = "N";
        function F() {} F.prototype.toString = function () { return "F" };
        class G extends Error { constructor() { super("g"); this.name = "G" } }
        [String({toString: o.toString}), o.constructor, o.valueOf, o.hasOwnProperty, String(e),
         String(new F()), String(new G()), [3, 1, 2].sort().map(x => x * 2), Object.keys(o)]
    """
    assert await run(pool, source) == [
        *("mine", 1, 2, 3, "N: b", "F", "G: g", [2, 4, 6]),
        ["toString", "constructor", "valueOf", "hasOwnProperty"],
    ]


@pytest.mark.parametrize(
    "name",
    ["process", "require", "std", "os", "module", "fetch", "XMLHttpRequest", "setTimeout", "$call"],
)
async def test_there_is_no_way_out(pool: ScriptPool, name: str) -> None:
    assert await run(pool, f"typeof {name}") == "undefined"
    assert await run(pool, f"typeof Function('return typeof {name}')()") == "string"


async def test_the_modules_of_the_engine_cannot_be_loaded(pool: ScriptPool) -> None:
    assert await run(pool, "var got = 0; import('os').then(() => { got = 1 }); got") == 0


async def test_runs_share_the_processes_there_are() -> None:
    async with ScriptPool(ScriptOptions(processes=2)) as pool:
        found = await asyncio.gather(*(run(pool, "n * 2", n=number) for number in range(50)))
        assert found == [number * 2 for number in range(50)]
        assert len(pool.pids) <= 2
