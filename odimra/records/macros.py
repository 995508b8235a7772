"""Macros: ``${Time.now - 3d}`` and what a scan's own places are called.

The texts of a scan (its filter first of all) may hold macros. Called by who runs a scan, before
the text is given to :mod:`.filter`; a recovery timeout is written like the quantity of a macro.
Pure, but for a line in the log where a macro says something that is not understood.

Text and macros may be mixed at will. A macro is ``${``, words with one space between them, and
the next ``}``; a ``$`` behind a backslash begins none. The words are ``Time.now``, which may be
followed by ``+`` or ``-`` and a quantity, ``taskState.started`` and ``taskState.completed``.
"""

from __future__ import annotations

import calendar
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

log = logging.getLogger(__name__)

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The first and the last moment that can be told, in milliseconds since the epoch.
FIRST_MS = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
LAST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND

#: Units of a fixed length, in milliseconds, and those of the calendar, in months. Case matters.
_MILLISECONDS: Mapping[str, int] = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MONTHS: Mapping[str, int] = {"M": 1, "y": 12}

# The number is one of 32 bits with the products this language comes from.
_QUANTITY = re.compile(r"([+-]?[0-9]{1,10})(.)", re.DOTALL)
_LARGEST = 2**31 - 1


class BadDuration(ValueError):
    """The text is no quantity: a whole number and one letter for the unit."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time; of two parts, because months differ in theirs.

    Days are days of 24 hours, as everything is reckoned in UTC.
    """

    milliseconds: int = 0
    months: int = 0

    def after(self, ms: int) -> int:
        """Return the moment this much after ``ms`` (both: milliseconds since the epoch).

        A month after 31 January is the last day of February. What would be beyond the calendar
        (years 1 to 9999) is its end.
        """
        return self._from(ms, 1)

    def before(self, ms: int) -> int:
        """Return the moment this much before ``ms``; otherwise as :meth:`after`."""
        return self._from(ms, -1)

    def _from(self, ms: int, sign: int) -> int:
        if self.months:
            ms = _add_months(ms, sign * self.months)
        return min(max(ms + sign * self.milliseconds, FIRST_MS), LAST_MS)


def _add_months(ms: int, months: int) -> int:
    moment = _EPOCH + ms * _MILLISECOND
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        return LAST_MS if months > 0 else FIRST_MS
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return (moment.replace(year=year, month=month + 1, day=day) - _EPOCH) // _MILLISECOND


def duration(text: str) -> Duration:
    """Read a quantity: ``10m`` is ten minutes, ``10M`` ten months; negative ones exist.

    Units are s, m, h, d, M and y; any other is logged and taken for seconds.
    Raises :class:`BadDuration`.
    """
    match = _QUANTITY.fullmatch(text)
    number = int(match[1]) if match else 0
    if match is None or abs(number) > _LARGEST:
        raise BadDuration(
            "a length of time is a whole number and a unit: s, m (minutes), h, d, M (months) or y"
        )
    unit = match[2]
    if unit in _MONTHS:
        return Duration(months=number * _MONTHS[unit])
    if unit not in _MILLISECONDS:
        log.warning("%r is no unit of time (s, m, h, d, M, y): taken for seconds", unit)
    return Duration(milliseconds=number * _MILLISECONDS.get(unit, 1000))


def stamp(ms: int) -> str:
    """Render epoch milliseconds as scans write them: ``2026-11-22T10:00:00.000Z``.

    All stamps have the same length, so that their order as texts is the order in time; this is
    why the year has four digits even if it is an early one.
    """
    moment = _EPOCH + ms * _MILLISECOND
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def expand(text: str, now_ms: int, *, started: str, completed: str) -> str:
    """Return ``text`` with its macros replaced; what is around them stays as it is.

    ``started`` and ``completed`` are the pointers that ``${taskState.started}`` and
    ``${taskState.completed}`` stand for. What is no macro (no closing brace, a backslash before
    the ``$``) is left alone. Raises :class:`BadDuration` when the quantity is none.
    """
    names = {"taskState.started": started, "taskState.completed": completed}
    done: list[str] = []
    kept = looked = 0
    while (begin := text.find("${", looked)) >= 0:
        looked = begin + 2
        if text[begin - 1 : begin] == "\\":
            continue
        end = text.find("}", looked)
        if end < 0:
            break
        done += text[kept:begin], *_replaced(text[looked:end], now_ms, names)
        kept = looked = end + 1
    done.append(text[kept:])
    return "".join(done)


def _replaced(body: str, now_ms: int, names: Mapping[str, str]) -> Iterator[str]:
    words = iter(body.split(" "))
    for word in words:
        if word == "Time.now":
            yield stamp(_shifted(now_ms, words))
        elif word in names:
            yield names[word]
        else:
            log.warning("%r is no macro: it stays as it is", word)
            yield word


def _shifted(now_ms: int, words: Iterator[str]) -> int:
    sign = next(words, None)
    if sign is None:
        return now_ms
    if sign not in ("+", "-"):
        log.warning("behind Time.now stands %r instead of + or -: it is left out", sign)
        return now_ms
    quantity = next(words, None)
    if quantity is None:
        log.warning("behind Time.now %s a quantity is missing: the time is not changed", sign)
        return now_ms
    length = duration(quantity)
    return length.after(now_ms) if sign == "+" else length.before(now_ms)


def unescape_macros(body: bytes) -> bytes:
    r"""Return a JSON text without the backslashes that stand between ``$`` and ``{``.

    For the documents that print ``$\{Time.now}``. No JSON text has that (``\{`` is no escape, and
    the backslash cannot be the second one of ``\\`` when a ``$`` is before it), so that a body
    which is valid without this repair is not changed by it.
    """
    return body.replace(b"$\\{", b"${")
