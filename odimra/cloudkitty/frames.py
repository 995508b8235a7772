"""``/v2/dataframes`` and ``/v2/summary``: usage goes in, and comes out with its price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from odimra.clock import Clock
from odimra.cloudkitty.asking import PAGE, Answer, Ask, iso, moment, short
from odimra.cloudkitty.errors import RatingFault, bad
from odimra.cloudkitty.frame import Route
from odimra.rating.errors import TooMany
from odimra.rating.hashmap import number
from odimra.rating.model import Point
from odimra.rating.scopes import Scopes
from odimra.rating.summary import Summary, Unknown
from odimra.rating.usage import Sample, Usage, beside

READ = "Login"
#: Periods that are read together, points that one request brings or gets, rows of a summary.
TOGETHER = 50
MOST_POINTS = 100_000


class FramesEndpoint:
    """Usage and frames; ``key`` is what a scope is called in usage."""

    def __init__(self, usage: Usage, scopes: Scopes, clock: Clock, *, key: str) -> None:
        self._usage = usage
        self._scopes = scopes
        self._clock = clock
        self._key = key

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("POST", "v2/dataframes", self.push),
            Route("GET", "v2/dataframes", self.listed, READ),
            Route("GET", "v2/summary", self.summary, READ),
        ]

    async def push(self, ask: Ask) -> Answer:
        """Keep usage."""
        body = await ask.body()
        frames = body.get("dataframes")
        if not isinstance(frames, list) or set(body) != {"dataframes"}:
            raise bad(f"Invalid data '{short(body)}' : expected a list (path: '['dataframes']')")
        if not frames:
            raise bad("Parameter dataframes must not be empty.")
        samples: list[Sample] = []
        for at, frame in enumerate(frames):
            samples += self._samples(frame, at)
            if len(samples) > MOST_POINTS:
                raise RatingFault(413, f"There are more than {MOST_POINTS} points.")
        await self._usage.push(samples)
        return Answer(status=204)

    def _samples(self, frame: Any, at: int) -> list[Sample]:
        where = f"path: '['dataframes', {at}]'"
        try:
            period, usage = frame["period"], frame["usage"]
            begin, end = moment(period["begin"], "begin"), moment(period["end"], "end")
            found = [
                self._sample(metric, begin, end, point)
                for metric, points in usage.items()
                for point in points
            ]
        except RatingFault as fault:
            raise bad(f"{fault.message} ({where})") from None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise bad(f"Invalid data '{short(frame)}' : not a valid value ({where})") from None
        if end <= begin:
            raise bad(f"Invalid data '{short(period)}' : ends before it begins ({where})")
        return found

    def _sample(self, metric: str, begin: int, end: int, point: Any) -> Sample:
        vol = point["vol"]
        qty = _amount(vol["qty"])
        price = _amount(point.get("rating", {}).get("price", 0))
        groupby = _strings(point["groupby"])
        scope = groupby.get(self._key)
        if not scope or not isinstance(metric, str) or not metric:
            raise ValueError
        unit = vol["unit"]
        if not isinstance(unit, str):
            raise TypeError
        return Sample(
            scope,
            metric,
            begin,
            end,
            Point(qty, unit, groupby, _strings(point.get("metadata", {})), price),
        )

    # Reading

    async def _scoped(self, ask: Ask, filters: Mapping[str, list[str]]) -> list[str]:
        """Return the scopes that are looked at."""
        wanted = filters.get(self._key)
        if wanted is None:
            wanted = [one.id for one in await self._scopes.all()]
        if ask.scopes is not None:
            wanted = [one for one in wanted if one in ask.scopes]
        return wanted

    def _month(self, ask: Ask) -> tuple[int, int]:
        """Return the time that is asked for; what is not said is the current month."""
        now = datetime.fromtimestamp(self._clock.now_ms() // 1000, UTC)
        first = now.replace(day=1, hour=0, minute=0, second=0)
        after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return (
            ask.moment("begin", int(first.timestamp())),
            ask.moment("end", int(after.timestamp())),
        )

    async def _pages(
        self, scopes: Sequence[str], begin: int, end: int
    ) -> AsyncIterator[list[Sample]]:
        for scope in scopes:
            skip = 0
            while True:
                begins = await self._usage.periods(scope, begin, end, skip, TOGETHER)
                for frame in await self._usage.read_frames(scope, begins):
                    yield frame
                if len(begins) < TOGETHER:
                    break
                skip += TOGETHER

    async def listed(self, ask: Ask) -> Answer:
        """Points with their prices, in frames by period."""
        ask.known("begin", "end", "filters", "offset", "limit")
        filters = _filters(ask)
        begin, end = self._month(ask)
        offset = ask.number("offset", 0, 0)
        limit = min(ask.number("limit", PAGE, 1), MOST_POINTS)
        scopes = await self._scoped(ask, filters)
        found: list[Sample] = []
        total = 0
        async for frame in self._pages(scopes, begin, end):
            meant = await _meant(frame, begin, end, filters)
            found += meant[max(0, offset - total) : max(0, offset + limit - total)]
            total += len(meant)
            await asyncio.sleep(0)  # whoever else is served here has a turn
        if not found:
            if ask.scopes is not None:
                return Answer({"total": 0, "dataframes": []})
            raise RatingFault(404, "No resource found for provided filters.")
        shown = await beside(len(found), lambda: _frames(found))
        return Answer({"total": total, "dataframes": shown}, size=len(found))

    async def summary(self, ask: Ask) -> Answer:
        """What it comes to, by whatever is asked for."""
        ask.known("begin", "end", "groupby", "filters", "response_format", "offset", "limit")
        if ask.one("custom_fields") is not None:
            raise bad("custom_fields: is not supported by this service.")
        form = ask.one("response_format") or "table"
        if form not in ("table", "object"):
            raise bad(f"response_format [{form[:40]}] is neither table nor object.")
        filters = _filters(ask)
        begin, end = self._month(ask)
        offset = ask.number("offset", 0, 0)
        limit = min(ask.number("limit", PAGE, 1), MOST_POINTS)
        groupby = [one for one in ask.several("groupby") or [] if one]
        try:
            summary = Summary(groupby, begin, end)
        except Unknown as error:
            raise bad(
                "Invalid groupby time option. There is no groupby processing for "
                f"[{str(error)[:60]}]."
            ) from None
        try:
            async for frame in self._pages(await self._scoped(ask, filters), begin, end):
                meant = await _meant(frame, begin, end, filters)
                await beside(len(meant), partial(summary.add, meant))
                await asyncio.sleep(0)
        except TooMany as error:
            raise bad(f"groupby: {error}.") from None
        rows = summary.rows()
        page = rows[offset : offset + limit]
        shown = [[iso(row.begin), iso(row.end), row.qty, row.rate, *row.key] for row in page]
        columns = ["begin", "end", "qty", "rate", *summary.columns] if rows else []
        if form == "object":
            objects = [dict(zip(columns, row, strict=True)) for row in shown]
            told = {"total": len(rows), "results": objects, "format": "object"}
        else:
            told = {"total": len(rows), "columns": columns, "results": shown, "format": "table"}
        return Answer(told, size=len(page))


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError
    found = number(str(value))
    if found is None or len(found.as_tuple().digits) > 28 or abs(found.adjusted()) > 28:
        raise ValueError
    return found


def _strings(value: Any) -> dict[str, str]:
    found = {}
    for name, one in value.items():
        if isinstance(one, dict | list):
            raise TypeError
        found[name] = "" if one is None else str(one)
    return found


def _filters(ask: Ask) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in ask.several("filters") or []:
        name, colon, value = one.partition(":")
        if not colon or ":" in value or not name:
            raise bad(f"invalid key:value association {one[:100]}")
        found.setdefault(name, []).append(value)
    return found


async def _meant(
    frame: Sequence[Sample], begin: int, end: int, filters: Mapping[str, list[str]]
) -> list[Sample]:
    """Return what is asked for; of the first and the last period that is maybe only a part."""
    return await beside(
        len(frame),
        lambda: [one for one in frame if begin <= one.begin < end and _meets(one, filters)],
    )


def _meets(sample: Sample, filters: Mapping[str, list[str]]) -> bool:
    for name, values in filters.items():
        found = sample.metric if name == "type" else sample.point.attribute(name)
        if found not in values:
            return False
    return True


def _frames(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    periods: dict[tuple[int, int], dict[str, list[dict[str, Any]]]] = {}
    for one in samples:
        usage = periods.setdefault((one.begin, one.end), {})
        usage.setdefault(one.metric, []).append(
            {
                "vol": {"unit": one.point.unit, "qty": one.point.qty},
                "rating": {"price": one.point.price},
                "groupby": dict(one.point.groupby),
                "metadata": dict(one.point.metadata),
            }
        )
    return [
        {"period": {"begin": iso(begin), "end": iso(end)}, "usage": usage}
        for (begin, end), usage in sorted(periods.items())
    ]
