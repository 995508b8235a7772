"""No script comes to act within another one's run, whatever it has left where it ran.

``Host`` has the rights of whom a script runs for: what the script of one account has left must
never call it for another.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from odimra.scripting import ScriptError, ScriptOptions, ScriptPool

#: Everything that a script can reach without making it: from the names there are, from what syntax
#: alone makes, and from what those lead to.
REACHED = """
    const seen = new Set(), open = [];
    function walk(value, path) {
        if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
        if (value === globalThis || seen.has(value)) return;
        seen.add(value);
        if (!Object.isFrozen(value)) open.push(path);
        inner(value, path);
    }
    function inner(value, path) {
        walk(Object.getPrototypeOf(value), path + ".__proto__");
        for (const name of Reflect.ownKeys(value)) {
            const found = Object.getOwnPropertyDescriptor(value, name);
            walk(found.value, path + "." + String(name));
            walk(found.get, path + ".get " + String(name));
            walk(found.set, path + ".set " + String(name));
        }
    }
    for (const name of Reflect.ownKeys(globalThis)) walk(globalThis[name], String(name));
    walk(arguments.callee, "callee");
    // Their own parts are the script's, their prototypes are not.
    const made = {
        strict: (function () { "use strict"; return arguments })(), sloppy: arguments,
        plain() {}, arrow: () => 1, async: async () => 1, klass: class {},
        generator: (function* () {})(), generators: (function* () {}).prototype,
        asyncGenerator: (async function* () {})(),
        asyncGenerators: (async function* () {}).prototype,
        array: [].values(), map: new Map().entries(), set: new Set().values(),
        string: ""[Symbol.iterator](), match: "".matchAll(/x/g), typed: new Uint8Array(1).values(),
        helper: [].values().map(String), taken: [].values().take(1),
        flat: [].values().flatMap(Array),
        wrapped: Iterator.from({next() {}}), regex: /x/d.exec("x"), groups: /(?<a>x)/.exec("x"),
        concat: Iterator.concat ? Iterator.concat([1]) : [],
        date: new Date(), error: new Error("x"),
        thrown: (() => { try { null.x } catch (e) { return e } })(), promise: Promise.resolve(),
        iterated: Array.fromAsync ? Array.fromAsync([]) : [], resolvers: Promise.withResolvers(),
        proxy: Proxy.revocable({}, {}), tag: ((s) => s)`x`, bound: function () {}.bind(null),
        dispose: typeof DisposableStack === "function" ? new DisposableStack() : [],
        group: Object.groupBy ? Object.groupBy([1], String) : {}, boxed: Object(1n),
        weak: new WeakRef({}), registry: new FinalizationRegistry(() => {}),
    };
    for (const name of Object.keys(made)) {
        for (let one = Object.getPrototypeOf(made[name]); one; one = Object.getPrototypeOf(one)) {
            if (one !== made.generators && one !== made.asyncGenerators) walk(one, name);
        }
    }
    // Those of functions made above are of this script.
    open.filter((path) => !/^(generator|asyncGenerator)$/.test(path))
"""

#: Ways to have a function called within the next run; each with what would call it.
PLANTED = [
    ("Error.prepareStackTrace = evil", "try { nothing.at } catch (e) { e.stack }"),
    ("Object.defineProperty(Error, 'prepareStackTrace', {get: evil})", "new Error('x').stack"),
    (
        "Object.getPrototypeOf([].values().map(String)).next = evil",
        "[...[1].values().map(String)].length",
    ),
    (
        "Object.getPrototypeOf(Iterator.from({next() {}})).next = evil",
        "[...Iterator.from({next() { return {done: true} }})].length",
    ),
    ("Object.getPrototypeOf(''.matchAll(/x/g)).next = evil", "[...'x'.matchAll(/x/g)].length"),
    ("Promise.resolve().then(evil)", "1"),
    ("Promise.resolve().then(evil); throw new Error('stop')", "1"),
    ("queueMicrotask(function f() { evil(); queueMicrotask(evil) }); throw 1", "1"),
    ("(async () => { await 1; await 2; evil() })(); throw 1", "1"),
    ("globalThis.helper = evil", "typeof helper === 'function' && helper()"),
    ("(0, eval)('let helper = evil')", "typeof helper === 'function' && helper()"),
    ("arguments.callee.helper = evil", "arguments.callee.helper && arguments.callee.helper()"),
    ("Function.prototype.call = evil", "(function () {}).call()"),
    ("Array.prototype[Symbol.iterator] = evil", "[...[1]].length"),
    ("Object.defineProperty(globalThis, 'input', {get: evil})", "typeof input"),
    ("new FinalizationRegistry(evil).register({}, 1)", "new Array(1e5).fill({}).length"),
]


class House:
    """Answers everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    async def __call__(self, name: str, arguments: Sequence[Any]) -> Any:
        self.calls.append((name, arguments[0]))


@pytest.fixture
async def pool() -> AsyncIterator[ScriptPool]:
    async with ScriptPool(ScriptOptions(processes=1)) as made:
        yield made


async def test_all_that_a_script_finds_is_frozen(pool: ScriptPool) -> None:
    assert await pool.run(REACHED, {"input": {}}, House(), timeout=20) == []


@pytest.mark.parametrize(("plants", "springs"), PLANTED)
async def test_what_one_script_has_left_never_calls_for_another(
    pool: ScriptPool, plants: str, springs: str
) -> None:
    # One text, so that both are run in the same context unless their owners keep them apart.
    source = (
        "function evil() { openidm.delete('managed/user/victim', null); return {done: true} }"
        f" if (plants) {{ {plants} }} else {{ {springs} }}"
    )
    for owner in ("victim", "attacker"):
        with contextlib.suppress(ScriptError):
            await pool.run(source, {"plants": True}, House(), timeout=20, owner="attacker")
        house = House()
        with contextlib.suppress(ScriptError):
            await pool.run(source, {"plants": False}, house, timeout=20, owner=owner)
        assert house.calls == []


async def test_a_context_is_for_one_script_of_one_owner(pool: ScriptPool) -> None:
    async def context(source: str, owner: str) -> Any:
        return await pool.run(source, {}, House(), timeout=20, owner=owner)

    # When a context was made, to the microsecond: the same in the same one only.
    source, other = "performance.timeOrigin", "/* another */ performance.timeOrigin"
    made = [await context(source, "a"), await context(source, "b"), await context(other, "a")]
    assert len(set(made)) == 3
    again = [await context(source, "a"), await context(source, "b"), await context(other, "a")]
    assert again == made


async def test_what_a_failed_script_has_put_off_is_never_done(pool: ScriptPool) -> None:
    house = House()
    source = "Promise.resolve().then(() => openidm.read('late')); throw new Error('no')"
    with pytest.raises(ScriptError, match="Error: no"):
        await pool.run(source, {}, house, timeout=20)
    assert house.calls == []
    assert await pool.run("1", {}, house, timeout=20) == 1
    assert house.calls == []


async def test_what_a_script_has_put_off_is_done_within_its_run(pool: ScriptPool) -> None:
    house = House()
    source = """
        (async () => { await null; openidm.read("later") })();
        queueMicrotask(() => openidm.read("soon"));
        openidm.read("first");
        true
    """
    assert await pool.run(source, {}, house, timeout=20) is True
    assert [what for _, what in house.calls] == ["first", "later", "soon"]


async def test_what_is_put_off_for_ever_is_stopped(pool: ScriptPool) -> None:
    with pytest.raises(ScriptError, match="took too long"):
        await pool.run("(function f() { queueMicrotask(f) })()", {}, House(), timeout=0.5)
    assert await pool.run("1", {}, House(), timeout=20) == 1


@pytest.mark.parametrize("closes", ["preventExtensions", "seal", "freeze"])
async def test_a_closed_global_object_is_not_left_to_the_next(
    pool: ScriptPool, closes: str
) -> None:
    source = f"if (closes) Object.{closes}(globalThis); typeof (late = 1)"
    with contextlib.suppress(ScriptError):
        await pool.run(source, {"closes": True}, House(), timeout=20)
    found = await pool.run(source + "; late", {"closes": False}, House(), timeout=20)
    assert found == 1
    with contextlib.suppress(ScriptError):
        await pool.run(source + "; late", {"closes": True}, House(), timeout=20)
    assert await pool.run(source + "; late", {"closes": False}, House(), timeout=20) == 1


async def test_lines_of_errors_stay_where_the_next_one_finds_them(pool: ScriptPool) -> None:
    source = "Error.stackTraceLimit = 0;\nnothing.at.all"
    for _ in range(2):
        with pytest.raises(ScriptError) as caught:
            await pool.run(source, {}, House(), timeout=20)
        assert caught.value.line == 2


async def test_more_scripts_than_contexts_all_run(pool: ScriptPool) -> None:
    for _ in range(2):
        for number in range(20):
            assert await pool.run(f"{number} + n", {"n": 1}, House(), timeout=20) == number + 1
