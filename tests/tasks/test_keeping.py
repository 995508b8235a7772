"""How many tasks are kept, which leave, and what a deletion does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odimra.store import CHANGED, Document, News, Store, VersionMismatch
from odimra.tasks import (
    Change,
    Effect,
    Fenced,
    Result,
    Tally,
    TaskOptions,
    Tasks,
    TaskServiceDisabled,
    TasksFull,
    TaskVersionMismatch,
    TransitionRefused,
    states,
)
from odimra.tasks.settings import ServiceSettings, task_service_settings
from tests.fakes import FakeClock
from tests.support.keys import keys_of
from tests.support.news import News as Stream
from tests.tasks.conftest import a_task, bring, events, read


def capped(tasks: Tasks, policy: str = "Oldest") -> Tasks:
    return Tasks(tasks.store, TaskOptions(max_tasks=3, policy=policy), tasks.clock)


async def test_at_the_cap_the_oldest_completed_makes_room(tasks: Tasks, clock: FakeClock) -> None:
    few = capped(tasks)
    running = await bring(few, states.RUNNING)
    clock.advance(1)
    second = await bring(few, states.RUNNING)
    first_done = await bring(few, states.COMPLETED)
    clock.advance(1)
    await few.change(second.id, Change(state=states.COMPLETED))
    created = await few.create(a_task())
    assert await few.get(first_done.id) is None
    kept = await few.page(few.index(), 0, 10)
    assert kept == [running.id, second.id, created.id]
    assert (await events(few, first_done.id))[-1] == "TaskRemoved"


async def test_the_sub_tasks_of_an_evicted_task_go_with_it(tasks: Tasks) -> None:
    few = capped(tasks)
    parent = await few.create(a_task(subtasks=[a_task(), a_task()]))
    children = await few.page(few.index(parent=parent.id), 0, 9)
    await few.cancel(parent.id)
    for _ in range(3):
        await few.create(a_task())
    assert await few.get(parent.id) is None
    assert [await few.get(child) for child in children] == [None, None]


@pytest.mark.parametrize(
    ("policy", "state"), [("Oldest", states.RUNNING), ("Manual", states.COMPLETED)]
)
async def test_a_create_at_the_cap_without_room_is_refused_and_changes_nothing(
    tasks: Tasks, policy: str, state: str
) -> None:
    few = capped(tasks, policy)
    kept = [(await bring(few, state)).id for _ in range(3)]
    before = await keys_of(few.store)
    with pytest.raises(TasksFull) as refusal:
        await few.create(a_task())
    assert refusal.value.retry_after > 0
    assert await few.page(few.index(), 0, 10) == sorted(kept)
    assert await keys_of(few.store) == before


async def test_deleting_every_task_leaves_no_key_but_the_stream(tasks: Tasks) -> None:
    parent = await tasks.create(a_task(subtasks=[a_task(target="/a"), a_task(target="/a")]))
    await bring(tasks, states.COMPLETED)
    waiting = await tasks.create(a_task(target="/b"))
    holder = await tasks.create(a_task(target="/b"))
    for one in (holder, waiting):
        await tasks.claim(one.id, 0, state=states.RUNNING, kind_limit=1, target_limit=1)
    for task_id in (parent.id, waiting.id):
        await tasks.delete(task_id)
    await tasks.cancel(holder.id)
    await tasks.change(holder.id, Change(state=states.CANCELLED))
    assert await tasks.delete_completed() == 2
    history = tasks.store.keys.of("history", str(tasks.clock.now_ms() // 60_000))
    assert await keys_of(tasks.store) == {
        tasks.store.keys.events,
        history,
        tasks.store.keys.of("totals"),
    }
    assert await tasks.store.call("TTL", history) > 0


async def test_deleting_what_has_ended_removes_it_at_once(tasks: Tasks) -> None:
    task = await bring(tasks, states.COMPLETED)
    assert await tasks.delete(task.id) == "removed"
    assert await tasks.get(task.id) is None


async def test_deleting_what_runs_cancels_it_first(tasks: Tasks) -> None:
    task = await bring(tasks, states.RUNNING)
    assert await tasks.delete(task.id) == "cancelling"
    assert (await read(tasks, task.id)).task_state == states.CANCELLING
    await tasks.change(task.id, Change(state=states.CANCELLED))
    assert await tasks.get(task.id) is None
    assert await events(tasks, task.id) == ["TaskStarted", "TaskCancelled", "TaskRemoved"]


async def test_a_delete_of_a_version_that_has_passed_is_refused(tasks: Tasks) -> None:
    task = await bring(tasks, states.COMPLETED)
    with pytest.raises(TaskVersionMismatch):
        await tasks.delete(task.id, expect=[task.version - 1])
    assert await tasks.delete(task.id, expect=[task.version]) == "removed"


async def test_completed_tasks_leave_after_their_time(tasks: Tasks, clock: FakeClock) -> None:
    old = await bring(tasks, states.EXCEPTION)
    running = await bring(tasks, states.RUNNING)
    clock.advance(60)
    young = await bring(tasks, states.COMPLETED)
    assert await tasks.expire(clock.now_ms() - 30_000) == 1
    assert await tasks.get(old.id) is None
    assert {running.id, young.id} == set(await tasks.page(tasks.index(), 0, 10))


async def test_all_completed_tasks_can_be_removed_and_only_they(tasks: Tasks) -> None:
    ended = [await bring(tasks, state) for state in sorted(states.FINAL)]
    running = await bring(tasks, states.RUNNING)
    assert await tasks.delete_completed() == len(ended)
    assert await tasks.page(tasks.index(), 0, 10) == [running.id]


async def test_what_a_task_changes_is_written_with_its_end(tasks: Tasks, store: Store) -> None:
    machine = store.keys.of("machine", "1")
    await store.documents.create(machine, {"power_state": "Off"})
    task = await bring(tasks, states.RUNNING)
    await tasks.change(task.id, Change(percent=99))
    before = await store.documents.read(machine)
    assert before is not None and before.fields == {"power_state": "Off"}
    await tasks.change(
        task.id,
        Change(
            state=states.COMPLETED,
            result=Result(204),
            effects=[Effect(machine, {"power_state": "On"})],
        ),
    )
    after = await store.documents.read(machine)
    assert after is not None
    assert (after.fields, after.version) == ({"power_state": "On"}, before.version + 1)


async def test_what_adds_up_with_time_adds_up_with_the_change(
    tasks: Tasks, store: Store, clock: FakeClock
) -> None:
    key, start = store.keys.of("machine", "1"), clock.now_ms()
    tally = Tally("power", {"On": 3, "Off": 1}, start - 500, "total", "at")

    async def switch(power: str, *, epoch: int | None = None) -> None:
        task = await bring(tasks, states.RUNNING)
        effect = Effect(key, {"power": power}, {"power": "Off"}, tally=tally)
        change = Change(state=states.COMPLETED, effects=[effect], epoch=epoch)
        await tasks.change(task.id, change)
        clock.advance(0.25)
        with pytest.raises(TransitionRefused):  # as when its answer was lost
            await tasks.change(task.id, change)
        clock.advance(-0.25)

    async def kept() -> tuple[str | None, ...]:
        fields = (await store.documents.read(key) or Document({}, 0)).fields
        return fields.get("power"), fields.get("total"), fields.get("at")

    await switch("Off")
    assert await kept() == (None, None, None), "it was so already"
    with pytest.raises(Fenced):
        await switch("On", epoch=7)
    assert await kept() == (None, None, None)
    clock.advance(1)
    await switch("On")
    assert await kept() == ("On", "1500", str(start + 1000))
    clock.advance(2)
    await switch("On")
    assert await kept() == ("On", "1500", str(start + 1000))
    await switch("Off")
    assert await kept() == ("Off", "7500", str(start + 3000))
    clock.advance(-5)
    await switch("On")
    assert await kept() == ("On", "7500", str(start + 3000)), "a clock that is behind"


async def test_what_a_task_changes_is_told_with_its_end(tasks: Tasks, store: Store) -> None:
    stream = Stream(store)
    one, two = store.keys.of("machine", "1"), store.keys.of("machine", "2")
    effects = [
        Effect(one, {"power_state": "On"}, {"power_state": "Off"}, News(CHANGED, "Chassis", "1")),
        Effect(two, {"power_state": "On"}, {"power_state": "On"}, News(CHANGED, "Chassis", "2")),
    ]
    task = await bring(tasks, states.RUNNING)
    with pytest.raises(Fenced):
        await tasks.change(task.id, Change(state=states.COMPLETED, effects=effects, epoch=7))
    assert await stream.told() == []
    await tasks.change(task.id, Change(state=states.COMPLETED, effects=effects))
    found = await stream.events()
    # The second was so already: nothing is written of it, and nothing told.
    assert [(each.message, each.resource_type, each.resource) for each in found] == [
        ("TaskProgressChanged", "", ""),
        ("TaskCompletedOK", "", ""),
        ("ResourceChanged", "Chassis", "1"),
    ]
    assert await store.documents.read(one) == Document({"power_state": "On"}, 1)
    assert await store.documents.read(two) is None
    with pytest.raises(TransitionRefused):
        await tasks.change(task.id, Change(state=states.COMPLETED, effects=effects))
    assert await stream.told() == []


async def test_a_result_is_kept_as_it_was_given(tasks: Tasks) -> None:
    task = await bring(tasks, states.RUNNING)
    result = Result(201, {"Id": "1", "empty": [], "deep": {"a": None}}, {"Location": "/x"})
    await tasks.change(task.id, Change(state=states.COMPLETED, result=result))
    assert (await read(tasks, task.id)).result == result


async def test_the_monitor_expires_from_the_first_reading(tasks: Tasks, clock: FakeClock) -> None:
    task = await bring(tasks, states.COMPLETED)
    await tasks.read_monitor(task.id, 5000)
    first = clock.now_ms() + 5000
    clock.advance(3)
    await tasks.read_monitor(task.id, 5000)
    assert (await read(tasks, task.id)).monitor_expires == first


async def test_an_expired_monitor_goes_as_a_change(tasks: Tasks, clock: FakeClock) -> None:
    task = await bring(tasks, states.COMPLETED)
    await tasks.read_monitor(task.id, 5000)
    await tasks.close_monitor(task.id)
    assert not (await read(tasks, task.id)).monitor_gone
    clock.advance(5)
    await tasks.close_monitor(task.id)
    await tasks.close_monitor(task.id)
    gone = await read(tasks, task.id)
    assert gone.monitor_gone and gone.version == task.version + 1
    await tasks.read_monitor(task.id, 5000)
    assert (await read(tasks, task.id)).monitor_expires is None, "it does not come back"


async def test_one_step_removes_no_more_than_the_server_can_at_once(tasks: Tasks) -> None:
    for _ in range(3):
        parent = await tasks.create(a_task(subtasks=[a_task() for _ in range(2500)]))
        await tasks.cancel(parent.id)
    until = tasks.clock.now_ms()
    went = []
    while removed := await tasks.expire(until):
        went.append(removed)
    assert len(went) > 1 and sum(went) == 3
    assert await tasks.count(tasks.index()) == 0


async def test_settings_are_the_configuration_until_changed(store: Store) -> None:
    settings = task_service_settings(store, ServiceSettings(auto_delete_minutes=9))
    start = await settings.read()
    assert (start.enabled, start.auto_delete_minutes) == (True, 9)
    with pytest.raises(VersionMismatch):
        await settings.write({"enabled": False}, expect=[start.version + 1])
    changed = await settings.write(
        {"enabled": False, "monitor_expiry_seconds": 7}, expect=[start.version]
    )
    assert await settings.read() == changed
    assert (changed.enabled, changed.auto_delete_minutes) == (False, 9)
    assert changed.monitor_expiry_seconds == 7
    with pytest.raises(VersionMismatch):
        await settings.write({"enabled": True}, expect=[start.version])
    cleared = await settings.write({"monitor_expiry_seconds": None}, expect=[changed.version])
    assert cleared.monitor_expiry_seconds is None


async def test_another_configuration_is_another_version(store: Store) -> None:
    one = task_service_settings(store, ServiceSettings(auto_delete_minutes=9))
    restarted = await Store.open(store.options)
    other = task_service_settings(restarted, ServiceSettings(auto_delete_minutes=8))
    assert (await one.read()).version != (await other.read()).version
    await restarted.close()


async def test_no_task_starts_while_the_service_is_disabled(tasks: Tasks, store: Store) -> None:
    settings = task_service_settings(store, ServiceSettings())
    await settings.write({"enabled": False})
    with pytest.raises(TaskServiceDisabled):
        await tasks.create(a_task())
    assert await tasks.count(tasks.index()) == 0
    await settings.write({"enabled": True})
    await tasks.create(a_task())


async def test_what_a_kind_keeps_for_a_task_goes_with_it(tasks: Tasks, store: Store) -> None:
    kept, scratch, other = (store.keys.of("x", name) for name in ("kept", "scratch", "other"))
    for key in (kept, scratch, other):
        await store.call("SET", key, "1")
    task = await tasks.create(replace(a_task(), keys=[kept], scratch=[scratch]))

    async def there() -> list[int]:
        return [await store.call("EXISTS", key) for key in (kept, scratch, other)]

    assert await there() == [1, 1, 1]
    await tasks.cancel(task.id)
    assert await there() == [1, 0, 1]
    await tasks.delete(task.id)
    assert await there() == [0, 0, 1]
