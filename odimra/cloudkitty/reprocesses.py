"""``/v2/task/reprocesses``: have periods of scopes rated again, and see how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odimra.cloudkitty.asking import (
    PAGE,
    Answer,
    Ask,
    check,
    moment,
    naive,
    short,
    zoned,
)
from odimra.cloudkitty.errors import RatingFault, bad
from odimra.cloudkitty.frame import Route
from odimra.jobs.reprocess import windows as why
from odimra.jobs.reprocess.windows import Asked, Window, Windows
from odimra.rating.errors import WindowRefused
from odimra.rating.scopes import Scopes
from odimra.tasks.payload import payload_of

ALL = "ALL"
#: Scopes that one request may name.
MOST_SCOPES = 1000
LONGEST_REASON = 10_000
LONGEST_KEY = 255


class ReprocessesEndpoint:
    """Windows; a period is ``period`` seconds long, and a window is begun after ``delay_ms``."""

    def __init__(self, windows: Windows, scopes: Scopes, *, period: int, cycle: bool) -> None:
        self._windows = windows
        self._scopes = scopes
        self._period = period
        self._cycle = cycle

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("POST", "v2/task/reprocesses", self.create),
            Route("GET", "v2/task/reprocesses", self.listed),
            Route("GET", "v2/task/reprocesses/*", self.listed),
        ]

    async def create(self, ask: Ask) -> Answer:
        """Have periods rated again."""
        body = await ask.body()
        check(body, ("scope_ids", "start_reprocess_time", "end_reprocess_time", "reason"))
        scopes = _scope_ids(body["scope_ids"])
        start = moment(body["start_reprocess_time"], "start_reprocess_time")
        end = moment(body["end_reprocess_time"], "end_reprocess_time")
        reason = body["reason"]
        if isinstance(reason, bool) or not isinstance(reason, str | int):
            raise bad(f"Invalid data '{short(reason)}' : expected str (path: '['reason']')")
        # As a text also where the request is shown again: a number may have any length.
        reason = body["reason"] = str(reason)
        if ALL in scopes and len(scopes) > 1:
            raise bad(
                f"Cannot use 'ALL' with scope ID [{scopes}]. Either schedule a reprocessing for "
                "all active scopes using 'ALL' option, or inform only the scopes you desire to "
                "schedule a reprocessing."
            )
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise bad(
                "Empty or blank reason text is not allowed. Please, do inform/register the reason "
                "for the reprocessing of a previously processed timestamp."
            )
        self._check_times(start, end)
        if scopes == [ALL]:
            scopes = [one.id for one in await self._scopes.all() if one.active]
            if not scopes:
                raise bad("There is no active scope to reprocess.")
        if len(scopes) > MOST_SCOPES:
            raise bad(f"More than {MOST_SCOPES} scopes cannot be reprocessed by one request.")
        request = ask.request
        asked = Asked(scopes, start, end, reason, ask.principal.account)
        try:
            task = await self._windows.schedule(
                asked,
                payload_of(request.method, request.path, request.headers, body),
                delay_ms=self._delay(),
            )
        except WindowRefused as refused:
            raise self._refused(refused, start, end) from None
        headers = {"Location": f"/taskmon/{task.id}", "Retry-After": "1"}
        return Answer({}, 202, headers)

    def _delay(self) -> int:
        """Return how long a window waits, in ms: to the end of the period if cycles begin it."""
        if not self._cycle:
            return 0
        period = self._period * 1000
        return period - self._windows.clock.now_ms() % period

    def _check_times(self, start: int, end: int) -> None:
        if end < start:
            raise bad(
                f"End reprocessing timestamp [{zoned(end)}] cannot be less than start "
                f"reprocessing timestamp [{zoned(start)}]."
            )
        period = self._period
        if start % period or end % period:
            first, last = start - start % period, end - end % period
            last += period if first == last else 0
            raise bad(
                "The provided reprocess time window does not comply with the configured collector "
                "period. A valid time window near the provided one is "
                f"['{zoned(first)}', '{zoned(last)}']"
            )

    @staticmethod
    def _refused(refused: WindowRefused, start: int, end: int) -> RatingFault:
        if refused.why == why.UNKNOWN:
            return bad(
                f"Scopes {list(refused.scopes)} scheduled to reprocess [start={zoned(start)}, "
                f"end={zoned(end)}] do not exist."
            )
        (scope,), values = refused.scopes, refused.values
        if refused.why == why.START_LATE:
            return bad(
                f"Cannot execute a reprocessing [start={zoned(start)}] for scope [{scope}] "
                f"starting after the last possible timestamp [{zoned(values[0])}]."
            )
        if refused.why == why.END_LATE:
            return bad(
                f"Cannot execute a reprocessing [end={zoned(end)}] for scope [{scope}] ending "
                f"after the last possible timestamp [{zoned(values[0])}]."
            )
        return bad(
            f"Cannot schedule a reprocessing for scope [{scope}] for reprocessing time "
            f"[{zoned(start)} - {zoned(end)}], because it already has a schedule for a similar "
            f"time range [{zoned(values[0])} - {zoned(values[1])}]."
        )

    async def listed(self, ask: Ask) -> Answer:
        """What was asked for, newest first."""
        ask.known("scope_ids", "order", "offset", "limit")
        order = ask.one("order")
        order = "desc" if order is None else order.lower()
        if order not in ("asc", "desc"):
            raise bad(
                f"The order [{order[:40]}] is not valid. Accepted values are ['asc', 'desc']."
            )
        offset = ask.number("offset", 0, 0)
        limit = min(ask.number("limit", PAGE, 1), MOST_SCOPES)
        scopes = list(ask.params) or ask.several("scope_ids")
        found = await self._windows.page(
            scopes, ascending=order == "asc", offset=offset, limit=limit
        )
        return Answer({"results": [_row(one) for one in found]})


def _scope_ids(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or any(not isinstance(one, str) for one in given):
        raise bad(
            f"Invalid data '{short(value)}' : expected a string or a list of strings "
            "(path: '['scope_ids']')"
        )
    if not given:
        raise bad("scope_ids: is an empty list. Use 'ALL' to reprocess all active scopes.")
    found: Sequence[str] = [one.strip() for text in given for one in text.split(",")]
    return list(dict.fromkeys(found))


def _row(window: Window) -> dict[str, Any]:
    return {
        "scope_id": window.scope,
        "reason": window.reason,
        "start_reprocess_time": naive(window.start),
        "end_reprocess_time": naive(window.end),
        "current_reprocess_time": "" if window.current is None else naive(window.current),
    }
