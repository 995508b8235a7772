"""Scopes that were rated by an old price, and have a new one by now."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from odimra.rating.model import Point
from odimra.rating.usage import Sample
from odimra.tasks import Task
from tests.cloudkitty.conftest import REPROCESSES, Desk
from tests.cloudkitty.wording import LAST
from tests.rating.yard import PERIOD

OLD, NEW = Decimal(1), Decimal(3)


def at(hour: int) -> int:
    """An hour of that day in seconds."""
    return LAST + (hour - 8) * PERIOD


def shown(hour: int) -> str:
    return f"2027-01-15T{hour:02}:00:00Z"


async def charged(desk: Desk, scope: str = "p1", hours: Sequence[int] = range(9)) -> None:
    """A scope whose hours were rated by the old price; by now there is a new one."""
    await desk.yard.scope(scope, LAST)
    await desk.yard.usage.push(
        Sample(scope, "cpu", at(hour), at(hour + 1), Point(Decimal(1), "h", groupby, {}, OLD))
        for hour in hours
        for groupby in ({"project_id": scope},)
    )
    if not (await desk.yard.rules.book()).of("service"):
        service = await desk.made("services", {"name": "cpu"})
        rule = {"service_id": service["service_id"], "cost": str(NEW), "start": "2020-01-01"}
        await desk.made("mappings?force=true", rule)


async def reprocess(desk: Desk, start: int, end: int, *scopes: str) -> Task:
    body = {
        "scope_ids": list(scopes or ("p1",)),
        "start_reprocess_time": shown(start),
        "end_reprocess_time": shown(end),
        "reason": "new prices",
    }
    answer = await desk.post(REPROCESSES, body)
    assert (answer.status, answer.body) == (202, {}), answer.body
    task = await desk.yard.tasks.get(answer.headers["Location"].rpartition("/")[2])
    assert task is not None
    return task


async def prices(desk: Desk, scope: str = "p1") -> dict[int, Decimal]:
    """What each hour costs."""
    return {(one - at(0)) // PERIOD: sum_ for one, sum_ in (await desk.yard.sums(scope)).items()}


def expected(new: Sequence[int], hours: Sequence[int] = range(9)) -> dict[int, Decimal]:
    return {hour: NEW if hour in new else OLD for hour in hours}
