"""Lists of jobs against all jobs, looked at one by one; pages while jobs come and go."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from odimra.jobs.submission import listing
from odimra.jobs.submission.model import LISTED, SORTED, Job, Query
from tests.fakes import FakeClock
from tests.jobs.submission.conftest import WAY, Desk

COUNT = 120


async def fill(desk: Desk, clock: FakeClock, count: int = COUNT) -> list[Job]:
    chance = random.Random(7)
    for number in range(1, count + 1):
        clock.advance(chance.choice([0, 0, 1]))
        await desk.submit(
            f"k{number % 40}" if number % 3 else "",
            user=chance.choice(["ann", "bob"]),
            contract=f"c{number}",
            action=chance.choice(["a", "b"]),
            queue=chance.choice(["q1", "q2", "q3"]),
            template_id=chance.choice(["1", "2", "10"]),
            template_name=chance.choice(["n1", "n2"]),
            template_revision=chance.choice(["1", "9", "10"]),
            type=chance.choice(["t1", "t2"]),
            actor=chance.choice(["x", "y"]),
            trigger=chance.choice(["REST", "TIMER"]),
            lcid=chance.choice(["", "s1", "s2"]),
        )
        await desk.bring(number, chance.choice(list(WAY)))
    read = await desk.jobs.read_many(range(1, count + 1))
    return [one for one in read if one is not None]


def plainly(query: Query, jobs: list[Job]) -> list[int]:
    def order(job: Job) -> tuple[object, int]:
        value = job.value(query.sort)
        numeric = query.sort in ("id", "template_id", "template_revision", "created", "updated")
        return (int(value) if numeric else value.encode(), job.number)

    meant = [one for one in jobs if query.meets(one)]
    return [one.number for one in sorted(meant, key=order, reverse=query.descending)]


async def every(desk: Desk, query: Query) -> list[int]:
    """Return all jobs that are meant, page after page."""
    found: list[int] = []
    while True:
        page = await desk.listing.page(query)
        assert len(page.jobs) <= query.size
        found += [one.number for one in page.jobs]
        if page.after is None:
            return found
        query = replace(query, after=page.after)


@pytest.fixture(params=["read as a whole", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "walked":
        monkeypatch.setattr(listing, "FEW", 0)
        monkeypatch.setattr(listing, "TOGETHER", 7)
        monkeypatch.setattr(listing, "MOST_LOOKED", 21)
    return str(request.param)


async def test_lists_are_those_of_a_plain_look(desk: Desk, clock: FakeClock, way: str) -> None:
    jobs = await fill(desk, clock)
    chance = random.Random(11)
    times = sorted(int(one.fields["created"]) for one in jobs)
    for turn in range(250):
        equal = {}
        for name in chance.sample(LISTED, chance.choice([0, 1, 1, 2, 3])):
            equal[name] = chance.choice(jobs).value(name) or "none"
        bounds = [chance.choice([None, None, chance.choice(times)]) for _ in range(4)]
        query = Query(
            equal,
            (bounds[0], bounds[1]),
            (bounds[2], bounds[3]),
            chance.choice([None] * 9 + [chance.choice(jobs).number]),
            SORTED[turn % len(SORTED)],
            chance.random() < 0.5,
            chance.choice([1, 3, 10, 1000]),
        )
        assert await every(desk, query) == plainly(query, jobs), query


@pytest.mark.parametrize("sort", ["id", "contract", "created", "queue"])
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_while_jobs_come_and_go(
    desk: Desk, clock: FakeClock, way: str, sort: str, descending: bool
) -> None:
    jobs = await fill(desk, clock, 60)
    query = Query(sort=sort, descending=descending, size=7)
    stay = {one.number for one in jobs}
    found: list[int] = []
    coming = 0
    while True:
        page = await desk.listing.page(query)
        found += [one.number for one in page.jobs]
        if page.after is None or coming > 200:
            break
        query = replace(query, after=page.after)
        # One comes at each end of each order, and one of those that are there goes.
        for queue in ("a", "z"):
            coming += 1
            await desk.submit(contract=f"{queue}{coming}", queue=queue)
        gone = min(stay - set(found) or {0})
        ended = await desk.store.call("ZSCORE", desk.store.keys.of("jobs", "ended"), str(gone))
        if gone and ended is not None:
            await desk.jobs._store.call("ZADD", desk.store.keys.of("jobs", "ended"), 0, str(gone))
            desk.jobs._keep = 10**6
            await desk.jobs.forget()
            stay.discard(gone)
    assert len(found) == len(set(found)), "nothing twice"
    assert stay <= set(found), "nothing lost"


async def test_a_page_looks_at_so_many_and_no_more(
    desk: Desk, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(desk, clock)
    monkeypatch.setattr(listing, "FEW", 0)
    monkeypatch.setattr(listing, "TOGETHER", 10)
    monkeypatch.setattr(listing, "MOST_LOOKED", 30)
    looked: list[int] = []
    read_many = desk.jobs.read_many

    async def noted(numbers: list[int]) -> list[Job | None]:
        looked.extend(numbers)
        return await read_many(numbers)

    monkeypatch.setattr(desk.jobs, "read_many", noted)
    page = await desk.listing.page(Query({"by": "ann", "contract": "none"}, size=5))
    assert page.jobs == [] and page.after is None and looked == [], "its index is empty"
    query = Query({"by": "ann"}, updated=(1, 2), size=5)
    page = await desk.listing.page(query)
    assert list(page.jobs) == [] and page.after is not None and 30 <= len(looked) < 40
