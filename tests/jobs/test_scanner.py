"""What a scan does to the records it is meant for, and to no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from odimra.jobs.scanner import runs as states
from odimra.jobs.scanner.runs import TASK
from odimra.jobs.scanner.work import WorkOptions
from odimra.jobs.scanner.worker import ScannerOptions
from odimra.jobs.scripts import ScriptFailed, ScriptRefused
from odimra.records.macros import stamp
from odimra.records.transaction import Transaction
from odimra.store import Store
from tests.jobs.scripts import ok
from tests.jobs.yard import TYPE, PythonScripts, Yard, context


@pytest.fixture
def scripts() -> PythonScripts:
    return PythonScripts(ok=ok)


@pytest.fixture
async def yard(store: Store, scripts: PythonScripts) -> AsyncIterator[Yard]:
    options = ScannerOptions(WorkOptions(hold=3, tell=0.05))
    async with Yard(store, scripts, options=options, keep=3) as made:
        made.work()
        yield made


async def test_each_record_that_is_meant_is_worked_on_once(yard: Yard) -> None:
    await yard.fill(30, due=lambda n: n * 10, name=str)
    run = await yard.scan(context())
    assert (run.state, run.total, run.processed, run.successes, run.failures) == (
        states.COMPLETED, 10, 10, 10, 0,
    )  # fmt: skip
    for record_id, content in (await yard.all()).items():
        if content["due"] < 100:
            assert content["count"] == 1
            assert content["state"]["began"] <= content["state"]["done"]
        else:
            assert content.keys() == {"due", "name"}, record_id
    again = await yard.scan(context())
    assert (again.state, again.total) == (states.COMPLETED, 0)
    record = await yard.records.read(TYPE, "u00000")
    assert record.rev == "3", "one write to claim it, one to settle it"


async def test_the_task_of_a_run_says_what_it_is(yard: Yard) -> None:
    await yard.fill(3, due=1)
    run = await yard.scan(context())
    task = await yard.tasks.get(TASK + run.id)
    assert task is not None
    assert (task.kind, task.name, task.owner, task.percent_complete) == (
        "scanner", "scan", "ann", 100,
    )  # fmt: skip
    assert task.payload is not None and task.payload.target_uri == "/openidm/taskscanner"
    assert task.task_status == "OK"
    left = await yard.store.call("EXISTS", *(
        yard.store.keys.of("scan", name, task.id) for name in ("pending", "settled")
    ))  # fmt: skip
    assert left == 0


@pytest.mark.parametrize("value", [None, 1, "true", {}, [True], False])
async def test_only_true_is_a_success(yard: Yard, scripts: PythonScripts, value: Any) -> None:
    async def says(bindings: Mapping[str, Any], change: Transaction) -> Any:
        await ok(bindings, change)
        return value

    scripts.named["says"] = says
    await yard.fill(2, due=1)
    run = await yard.scan(context("says"))
    assert (run.state, run.successes, run.failures) == (states.COMPLETED, 0, 2)
    for content in (await yard.all()).values():
        assert content["state"]["done"] is None and content["state"]["began"]
        assert content["count"] == 1, "what a script that has ended wrote stands"


async def test_a_record_that_fails_stops_none_of_its_neighbours(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def odd(bindings: Mapping[str, Any], change: Transaction) -> Any:
        await ok(bindings, change)
        if bindings["input"]["number"] % 2:
            raise ScriptFailed("this one is odd")
        return True

    scripts.named["odd"] = odd
    await yard.fill(40, due=1, number=lambda n: n)
    run = await yard.scan(context("odd", numberOfThreads=1))
    assert (run.state, run.successes, run.failures) == (states.COMPLETED, 20, 20)
    for content in (await yard.all()).values():
        # Half of what a script does is nothing.
        assert content.get("count") == (None if content["number"] % 2 else 1)
    task = await yard.tasks.get(TASK + run.id)
    assert task is not None and task.task_status == "Warning"
    told = [one for one in task.messages if one.message_id.endswith("RecordFailed")]
    assert len(told) == 20 and told[0].args == (f"{TYPE}/u00001", "this one is odd")


async def test_failed_records_are_left_alone_until_their_claim_has_run_out(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def no(bindings: Mapping[str, Any], change: Transaction) -> Any:
        return False

    scripts.named["no"] = no
    await yard.fill(4, due=1)
    assert (await yard.scan(context("no"))).failures == 4
    held = await yard.scan(context())
    assert (held.state, held.total, held.processed) == (states.COMPLETED, 4, 0)
    free = await yard.scan(context(recovery=None))
    assert (free.total, free.successes) == (4, 4)


async def test_a_claim_that_has_run_out_is_taken_over(yard: Yard) -> None:
    now = yard.clock.now_ms()
    old, fresh = stamp(now - 700_000), stamp(now - 500_000)
    await yard.fill(4, due=1, state=lambda n: {"began": (old, fresh, "long ago", None)[n]})
    run = await yard.scan(context())
    assert (run.total, run.successes) == (4, 3)
    done = {key for key, content in (await yard.all()).items() if content["state"].get("done")}
    assert done == {"u00000", "u00002", "u00003"}


async def test_no_more_records_than_wanted(yard: Yard) -> None:
    await yard.fill(25, due=1)
    run = await yard.scan(context(maxRecords=7))
    assert (run.total, run.successes) == (7, 7)
    nothing = await yard.scan(context(maxRecords=0))
    assert (nothing.state, nothing.total) == (states.COMPLETED, 0)


async def test_no_more_scripts_at_a_time_than_threads(yard: Yard, scripts: PythonScripts) -> None:
    running, most = 0, 0

    async def slow(bindings: Mapping[str, Any], change: Transaction) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return True

    scripts.named["slow"] = slow
    await yard.fill(40, due=1)
    assert (await yard.scan(context("slow", numberOfThreads=4))).successes == 40
    assert most == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_queryFilter": "/due lt"}, "filter"),
        ({"_queryFilter": '/due lt "${Time.now + 1x}"'}, ""),
        ({"object": "managed"}, "managed"),
        ({"object": "unknown/thing"}, "unknown/thing"),
    ],
)
async def test_a_scan_that_cannot_select_ends_in_error(
    yard: Yard, change: dict[str, Any], said: str
) -> None:
    await yard.fill(2, due=1)
    given = context()
    given["scan"] |= change
    run = await yard.scan(given)
    assert run.state in (states.ERROR, states.COMPLETED)
    if said:
        assert run.state == states.ERROR and run.ended is not None
        task = await yard.tasks.get(TASK + run.id)
        assert task is not None and said in task.messages[-2].args[0]
    assert all("count" not in content for content in (await yard.all()).values())


async def test_a_script_that_may_not_run_ends_the_run_in_error(
    yard: Yard, scripts: PythonScripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(source: str, account: str) -> None:
        raise ScriptRefused(f"{account} may not")

    monkeypatch.setattr(scripts, "check", refuse)
    await yard.fill(2, due=1)
    run = await yard.scan(context())
    assert (run.state, run.processed) == (states.ERROR, 0)
    assert all("state" not in content for content in (await yard.all()).values())


async def test_two_runs_share_the_records_and_neither_repeats_one(yard: Yard) -> None:
    await yard.fill(300, due=1)
    both = [await yard.start(context(recovery=None)) for _ in range(2)]
    first, second = [await yard.ended(one) for one in both]
    assert first.successes + second.successes == 300
    assert all(content["count"] == 1 for content in (await yard.all()).values())


async def test_a_long_script_keeps_its_claim(yard: Yard, scripts: PythonScripts) -> None:
    going, ended = asyncio.Event(), asyncio.Event()

    async def long(bindings: Mapping[str, Any], change: Transaction) -> Any:
        going.set()
        await ended.wait()
        return await ok(bindings, change)

    scripts.named["long"] = long
    await yard.fill(1, due=1)
    first = await yard.start(context("long", recovery="0s"))
    await going.wait()
    key = yard.records.key(TYPE, "u00000")
    before = int(await yard.store.call("HGET", key, "lease"))
    async with asyncio.timeout(30):
        while int(await yard.store.call("HGET", key, "lease")) == before:
            await asyncio.sleep(0.05)
    other = await yard.scan(context(recovery="0s"))
    assert (other.total, other.processed) == (1, 0)
    ended.set()
    assert (await yard.ended(first)).successes == 1
    assert (await yard.all())["u00000"]["count"] == 1
    assert await yard.store.call("HMGET", key, "claim", "lease") == [None, None]


async def test_what_others_write_meanwhile_is_not_lost(yard: Yard, scripts: PythonScripts) -> None:
    async def overtaken(bindings: Mapping[str, Any], change: Transaction) -> Any:
        await ok(bindings, change)
        _, record_id = bindings["objectID"].rsplit("/", 1)
        seen = {"operation": "add", "field": "/seen", "value": "by another"}
        await yard.records.patch(TYPE, record_id, [seen])
        return True

    scripts.named["overtaken"] = overtaken
    await yard.fill(3, due=1)
    assert (await yard.scan(context("overtaken"))).successes == 3
    for content in (await yard.all()).values():
        assert content["seen"] == "by another" and content["count"] == 1
        assert content["state"]["done"]


async def test_a_write_that_names_a_revision_fails_when_it_is_overtaken(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def exact(bindings: Mapping[str, Any], change: Transaction) -> Any:
        _, record_id = bindings["objectID"].rsplit("/", 1)
        value = {"operation": "replace", "field": "/count", "value": 1}
        await change.patch(TYPE, record_id, [value], bindings["input"]["_rev"])
        if record_id == "u00001":
            await yard.records.patch(TYPE, record_id, [{**value, "value": 7}])
        return True

    scripts.named["exact"] = exact
    await yard.fill(2, due=1)
    run = await yard.scan(context("exact"))
    assert (run.successes, run.failures) == (1, 1)
    all_ = await yard.all()
    assert [all_[one]["count"] for one in ("u00000", "u00001")] == [1, 7]


async def test_a_script_may_delete_its_record_and_make_others(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def moves(bindings: Mapping[str, Any], change: Transaction) -> Any:
        _, record_id = bindings["objectID"].rsplit("/", 1)
        await change.create("managed/old", {"was": record_id}, record_id)
        await change.delete(TYPE, record_id, None)
        return True

    scripts.named["moves"] = moves
    await yard.fill(3, due=1)
    run = await yard.scan(context("moves"))
    assert (run.successes, run.failures) == (3, 0)
    assert await yard.records.count(TYPE) == 0
    page = await yard.records.page("managed/old")
    assert [record.content["was"] for record in page] == ["u00000", "u00001", "u00002"]
    again = await yard.records.create(TYPE, {}, "u00000")
    assert int(again.rev) > 2, "a new record is never of a revision that an old one had"


async def test_records_that_are_gone_or_not_meant_any_more_are_skipped(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def spoils(bindings: Mapping[str, Any], change: Transaction) -> Any:
        if bindings["input"]["_id"] == "u00000":
            later = [{"operation": "replace", "field": "/due", "value": 500}]
            await yard.records.patch(TYPE, "u00008", later)
            await yard.records.delete(TYPE, "u00009")
        return await ok(bindings, change)

    scripts.named["spoils"] = spoils
    await yard.fill(10, due=1)
    run = await yard.scan(context("spoils", numberOfThreads=1))
    assert (run.total, run.successes, run.failures) == (10, 8, 0)


async def test_a_record_that_cannot_bear_the_claim_fails(yard: Yard) -> None:
    await yard.fill(3, due=1, state=lambda n: "busy" if n == 1 else {})
    run = await yard.scan(context(query="/due lt 100"))
    assert (run.successes, run.failures) == (2, 1)
    assert (await yard.all())["u00001"] == {"due": 1, "state": "busy"}


async def test_a_cancelled_run_stops_and_starts_nothing_more(
    yard: Yard, scripts: PythonScripts
) -> None:
    async def slow(bindings: Mapping[str, Any], change: Transaction) -> Any:
        await asyncio.sleep(0.05)
        return await ok(bindings, change)

    scripts.named["slow"] = slow
    await yard.fill(200, due=1)
    run_id = await yard.start(context("slow", numberOfThreads=2))
    async with asyncio.timeout(30):
        while (run := await yard.runs.read(run_id)) is None or run.processed < 3:
            await asyncio.sleep(0.01)
    await yard.runs.cancel(run_id)
    ended = await yard.ended(run_id)
    assert ended.state == states.CANCELLED and 3 <= ended.processed < 200
    done = [one for one in (await yard.all()).values() if one.get("count")]
    assert len(done) == ended.successes, "the counters are true to the end"
    await yard.runs.cancel(run_id)
    with pytest.raises(states.NotCancellable):
        await yard.runs.cancel((await yard.scan(context(query="false"))).id)


async def test_only_so_many_completed_runs_are_kept(yard: Yard) -> None:
    ids = [(await yard.scan(context(query="false"))).id for _ in range(6)]
    kept = [run.id for run in await yard.runs.page(0, 100)]
    # The last one was there already when the others were counted.
    assert kept == ids[-4:]
    counters = [
        await yard.store.call("EXISTS", yard.store.keys.of("scan", "counters", TASK + one))
        for one in ids
    ]
    assert counters == [0, 0, 1, 1, 1, 1]
