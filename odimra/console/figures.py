"""Figures for charts: what became of tasks minute by minute, and where deliveries stand.

Numbers only, of all tasks whoever owns them. Called by the console's frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from odimra.clock import iso
from odimra.console.asking import BadQuestion, number, only
from odimra.events.backlog import Backlog, Backlogs
from odimra.tasks import history
from odimra.tasks.history import Span, durations
from odimra.tasks.tallies import MINUTE, Tallies

#: Points of a chart at most.
MOST_POINTS = 288


class Figures:
    """Answers the page."""

    def __init__(self, tallies: Tallies, backlogs: Backlogs) -> None:
        self._tallies = tallies
        self._backlogs = backlogs

    async def history(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what became of tasks lately. Raises :class:`BadQuestion`."""
        only(query, ("minutes", "step"))
        minutes = number(query, "minutes", 60, 1, history.LONGEST)
        step = number(query, "step", 1, 1, 60)
        if minutes > step * MOST_POINTS:
            raise BadQuestion(f"'step' is too small: there are {MOST_POINTS} points at most")
        first, spans = await self._tallies.history(minutes, step)
        now = await self._tallies.by_kind_and_state()
        return {
            "first": iso(first),
            "seconds": step * MINUTE // 1000,
            "spans": [_span(one) for one in spans],
            "now": [
                {"kind": kind, "state": state, "tasks": tasks}
                for (kind, state), tasks in sorted(now.items())
            ],
            "durations": [
                {"kind": kind, **asdict(found)} for kind, found in durations(spans).items()
            ],
        }

    async def deliveries(self) -> dict[str, Any]:
        """Return where the delivery of each subscription stands."""
        found = await self._backlogs.all()
        return {"deliveries": {name: _delivery(one) for name, one in found.items()}}


def _span(span: Span) -> dict[str, Any]:
    ended: dict[str, int] = {}
    for (state, _), tasks in span.ended.items():
        ended[state] = ended.get(state, 0) + tasks
    return {"began": span.began.total(), "ended": ended, "are": span.are}


def _delivery(one: Backlog) -> dict[str, Any]:
    return {
        "behind": one.behind,
        "more": one.more,
        "age_seconds": one.age_ms // 1000,
        "failures": one.failures,
        "next_try": iso(one.retry_at) if one.retry_at else None,
        "wrong": one.wrong or None,
        "wrong_at": iso(one.wrong_at) if one.wrong_at else None,
        "delivered": one.held,
    }
