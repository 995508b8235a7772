"""``Idempotency-Key``: a request whose answer was lost can be sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cloudkitty.charging import charged, shown
from tests.cloudkitty.conftest import REPROCESSES, Desk


async def keyed(desk: Desk, key: str, who: str = "admin", **changed: Any) -> Any:
    body = {
        "scope_ids": "p1,p2",
        "start_reprocess_time": shown(1),
        "end_reprocess_time": shown(2),
        "reason": "r",
        **changed,
    }
    return await desk.post(REPROCESSES, body, who, Idempotency_Key=key)


async def test_a_retry_of_a_lost_answer_is_answered_as_before(desk: Desk) -> None:
    """Elsewhere it is refused, as it overlaps with itself."""
    for name in ("p1", "p2"):
        await charged(desk, name)
    answers = await asyncio.gather(*(keyed(desk, "k1") for _ in range(5)))
    assert {(one.status, str(one.body)) for one in answers} == {(202, "{}")}
    assert len({one.headers["Location"] for one in answers}) == 1
    marks = sorted(one.headers.get("Idempotent-Replayed", "") for one in answers)
    assert marks == ["", "true", "true", "true", "true"]
    assert len((await desk.get(REPROCESSES)).body["results"]) == 2
    # Also when it is done by now, and could be asked for once more.
    desk.yard.work()
    task = await desk.yard.tasks.get(answers[0].headers["Location"].rpartition("/")[2])
    assert task is not None
    await desk.yard.ended(task)
    assert (await keyed(desk, "k1")).headers["Idempotent-Replayed"] == "true"
    again = await keyed(desk, "k2")
    assert again.status == 202 and "Idempotent-Replayed" not in again.headers


async def test_a_key_is_of_one_request_and_of_one_account(desk: Desk) -> None:
    for name in ("p1", "p2"):
        await charged(desk, name)
    assert (await keyed(desk, "k1")).status == 202
    assert (await keyed(desk, "k1", reason="another")).said == (
        422,
        "Idempotency-Key: was used for another request.",
    )
    assert (await keyed(desk, "k1", "deputy")).said[0] == 400
    assert (await desk.ask("POST", REPROCESSES, {}, "member", Idempotency_Key="k1")).status == 403


async def test_a_request_that_is_refused_does_not_use_its_key_up(desk: Desk) -> None:
    await charged(desk)
    assert (await keyed(desk, "k1")).said[0] == 400
    await charged(desk, "p2")
    answer = await keyed(desk, "k1")
    assert answer.status == 202 and "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
async def test_a_key_is_a_text(desk: Desk, key: str) -> None:
    answer = await keyed(desk, key)
    assert answer.said == (400, "Idempotency-Key: has to be one text of at most 255 characters.")
