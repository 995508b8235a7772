"""What is known of requests that may come again, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from odimra.tasks import NewTask, TaskMissing, Tasks, TasksFull, retries
from odimra.tasks.retries import ASKED, Answers, Retry, RetryKeyTaken, RetryOptions
from tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    yield
    ASKED.set(None)


def ask(key: str, content: str = "same", **options: int) -> Retry:
    retry = Retry(key, content, RetryOptions(**options))
    ASKED.set(retry)
    return retry


NEW = NewTask("kind", "ann")


async def test_one_request_begins_one_thing(tasks: Tasks) -> None:
    first = ask("k")
    made = await tasks.create(NEW)
    another = await tasks.create(NEW)
    assert made.id != another.id and first.began and not first.replayed
    again = ask("k")
    assert (await tasks.create(NEW)).id == made.id and again.replayed
    ask("k", "else")
    with pytest.raises(RetryKeyTaken):
        await tasks.create(NEW)
    assert await tasks.count(tasks.index(owner=None)) == 2


async def test_what_is_gone_is_not_begun_again(tasks: Tasks) -> None:
    ask("k")
    made = await tasks.create(NEW)
    await tasks.delete(made.id)
    ask("k")
    with pytest.raises(TaskMissing):
        await tasks.create(NEW)


async def test_what_was_not_begun_uses_no_key(tasks: Tasks) -> None:
    full = Tasks(tasks.store, type(tasks.options)(max_tasks=1, policy="Manual"), tasks.clock)
    await full.create(NEW)
    retry = ask("k")
    with pytest.raises(TasksFull):
        await full.create(NEW)
    assert not retry.began
    assert await tasks.store.call("EXISTS", tasks.store.keys.of("asked")) == 0


async def test_a_key_is_known_so_long(tasks: Tasks, clock: FakeClock) -> None:
    ask("k", seconds=100)
    await tasks.create(NEW)
    key = tasks.store.keys.of("asked", "k")
    assert 90 < await tasks.store.call("TTL", key) <= 100
    # Its place in the index goes with the next one.
    clock.advance(101)
    ask("l", seconds=100)
    await tasks.create(NEW)
    assert await tasks.store.call("ZRANGE", tasks.store.keys.of("asked"), 0, -1) == [b"l"]
    assert await tasks.store.call("EXISTS", key) == 0


async def test_so_many_keys_are_known(tasks: Tasks, clock: FakeClock) -> None:
    for number in range(5):
        clock.advance(1)
        ask(f"k{number}", most_keys=3)
        await tasks.create(NEW)
    left = await tasks.store.call("ZRANGE", tasks.store.keys.of("asked"), 0, -1)
    assert left == [b"k2", b"k3", b"k4"]
    assert await tasks.store.call("EXISTS", tasks.store.keys.of("asked", "k1")) == 0


async def test_an_answer_is_kept_once_and_if_it_is_short(tasks: Tasks) -> None:
    answers = Answers(tasks.store, RetryOptions(longest_answer=5))
    retry = ask("k")
    await answers.keep(retry, b"never")
    assert await answers.find(retry) is None, "nothing was begun"
    await tasks.create(NEW)
    await answers.keep(retry, b"longer")
    assert await answers.find(retry) is None
    await answers.keep(retry, b"first")
    await answers.keep(retry, b"next")
    assert await answers.find(retry) == b"first"
    with pytest.raises(RetryKeyTaken):
        await answers.find(ask("k", "else"))


def test_who_has_no_key_asks_for_nothing() -> None:
    assert retries.asked("root") is None
