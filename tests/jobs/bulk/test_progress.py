"""How far a run is: it grows in even steps, whatever the script is made of."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.engine import JobContext
from odimra.jobs.bulk import work
from odimra.jobs.bulk.steps import BulkOptions
from tests.jobs.bulk.yard import Yard, action, pipeline, search


def given(*values: Any) -> dict[str, Any]:
    return {"input": {"value": list(values)}}


LOOP = {"@element": "foreach", "pipeline": [search(), action("notify", forWholeInput=True)]}


@pytest.mark.parametrize(
    ("script", "percents"),
    [
        (pipeline(search(), action("log")), [20, 40, 60, 80, 99]),
        (
            pipeline(search(), action("resolve"), action("resolve")),
            [6, 13, 20, 26, 33, 40, 46, 53, 60, 66, 73, 80, 86, 93, 99],
        ),
        (
            pipeline(search(), action("notify", forWholeInput=True), action("log")),
            [6, 13, 20, 26, 33, 73, 80, 86, 93, 99],
        ),
        (
            {"sequence": [action("log"), action("log")], **given(*range(50))},
            [10, 20, 30, 40, 50, 60, 70, 80, 90, 99],
        ),
        (pipeline(search(), **given(1, 2)), [10, 20, 30, 40, 50, 60, 70, 80, 90, 99]),
        (pipeline(LOOP, **given(*range(4))), [0] * 5 + [25] * 5 + [50] * 5 + [75] * 5),
        (
            pipeline(LOOP, {"@element": "select", "path": "oid"}, **given(1, 2)),
            [0] * 5 + [25] * 5 + [55, 60, 65, 70, 75, 80, 85, 90, 95, 99],
        ),
    ],
)  # fmt: skip
async def test_it_is_told_how_far_a_run_is(
    yard: Yard, script: Any, percents: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    progress = JobContext.progress

    async def telling(job: JobContext, percent: int) -> None:
        told.append(percent)
        await progress(job, percent)

    monkeypatch.setattr(JobContext, "progress", telling)
    monkeypatch.setattr(work, "TELL_MS", 0)
    yard.kind._options = BulkOptions(flush_items=10)
    await yard.fill(50)
    output = await yard.run(script)
    assert output.task.percent_complete == 100
    assert told == percents
