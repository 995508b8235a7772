"""Macros in the texts of a scan, quantities of time, and the repair of a printed document."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.records.filter import compile_filter
from odimra.records.macros import (
    FIRST_MS,
    LAST_MS,
    BadDuration,
    Duration,
    duration,
    expand,
    stamp,
    unescape_macros,
)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-22T10:00:00.123")
STARTED, COMPLETED = "/sunset/task-started", "/sunset/task-completed"


def expanded(text: str, now_ms: int = NOW) -> str:
    return expand(text, now_ms, started=STARTED, completed=COMPLETED)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${Time.now}", "2026-11-22T10:00:00.123Z"),
        ("${Time.now + 1s}", "2026-11-22T10:00:01.123Z"),
        ("${Time.now - 10s}", "2026-11-22T09:59:50.123Z"),
        ("${Time.now + 10m}", "2026-11-22T10:10:00.123Z"),
        ("${Time.now + 1h}", "2026-11-22T11:00:00.123Z"),
        ("${Time.now - 10h}", "2026-11-22T00:00:00.123Z"),
        ("${Time.now + 10d}", "2026-12-02T10:00:00.123Z"),
        ("${Time.now + 10M}", "2027-09-22T10:00:00.123Z"),
        ("${Time.now - 12M}", "2025-11-22T10:00:00.123Z"),
        ("${Time.now + 1y}", "2027-11-22T10:00:00.123Z"),
        ("${Time.now - 100y}", "1926-11-22T10:00:00.123Z"),
        ("${Time.now - 2000y}", "0026-11-22T10:00:00.123Z"),
        ("${Time.now + -1d}", "2026-11-21T10:00:00.123Z"),
        ("${Time.now - -1d}", "2026-11-23T10:00:00.123Z"),
        ("${Time.now + +1d}", "2026-11-23T10:00:00.123Z"),
        ("${Time.now + 0d}", "2026-11-22T10:00:00.123Z"),
        ("${taskState.started}", STARTED),
        ("${taskState.completed}", COMPLETED),
        # What is around a macro stays, on both sides.
        ("a ${Time.now} b", "a 2026-11-22T10:00:00.123Z b"),
        (
            '((/d lt "${Time.now}") AND !(${taskState.completed} pr))',
            '((/d lt "2026-11-22T10:00:00.123Z") AND !(/sunset/task-completed pr))',
        ),
        (
            'd ge "${Time.now - 1d}" and d lt "${Time.now}"',
            'd ge "2026-11-21T10:00:00.123Z" and d lt "2026-11-22T10:00:00.123Z"',
        ),
        (
            "${taskState.started}${taskState.completed}.",
            "/sunset/task-started/sunset/task-completed.",
        ),
        # No macro at all.
        ("", ""),
        ("managed/user", "managed/user"),
        ("$", "$"),
        ("{}", "{}"),
        ("$ {Time.now}", "$ {Time.now}"),
        ("${Time.now", "${Time.now"),
        ("a ${Time.now} ${Time.now", "a 2026-11-22T10:00:00.123Z ${Time.now"),
        ("\\${Time.now}", "\\${Time.now}"),
        ("\\${Time.now} ${taskState.started}", "\\${Time.now} /sunset/task-started"),
        # What a macro brings in is not read again.
        ("${${Time.now}}", "${Time.now}"),
        ("Time.now", "Time.now"),
    ],
)
def test_what_a_text_becomes(text: str, result: str) -> None:
    assert expanded(text) == result


@pytest.mark.parametrize(
    ("text", "result", "said"),
    [
        ("<${}>", "<>", "''"),
        ("<${time.now}>", "<time.now>", "time.now"),
        ("<${Time.now+1d}>", "<Time.now+1d>", "Time.now+1d"),
        ("<${ Time.now}>", "<2026-11-22T10:00:00.123Z>", "''"),
        ("<${Time.now +}>", "<2026-11-22T10:00:00.123Z>", "missing"),
        ("<${Time.now * 2d}>", "<2026-11-22T10:00:00.123Z2d>", "'*'"),
        ("<${Time.now + 1d + 2h}>", "<2026-11-23T10:00:00.123Z+2h>", "'2h'"),
        ("<${Time.now + 5x}>", "<2026-11-22T10:00:05.123Z>", "'x'"),
        ("<${Time.now + 5D}>", "<2026-11-22T10:00:05.123Z>", "'D'"),
        ("<${Time.now - 2w}>", "<2026-11-22T09:59:58.123Z>", "'w'"),
        ("<${user.name}>", "<user.name>", "user.name"),
    ],
)
def test_what_is_not_understood_is_kept_and_logged(
    text: str, result: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "odimra.records.macros"):
        assert expanded(text) == result
    assert said in caplog.text


def test_what_is_understood_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    expanded("${Time.now - 3d} ${taskState.started} \\${x} ${")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "5",
        "+d",
        "1.5d",
        "d5",
        " 5d",
        "5 d",
        "5d ",
        "5dd",
        "٥d",
        "1_0d",
        "99999999999d",
        "2147483648d",
    ],
)
def test_a_quantity_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadDuration, match="whole number"):
        duration(text)
    if " " not in text:
        with pytest.raises(BadDuration):
            expanded(f"a ${{Time.now + {text}}}")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("10m", Duration(milliseconds=600_000)),
        ("10M", Duration(months=10)),
        ("90s", Duration(milliseconds=90_000)),
        ("2h", Duration(milliseconds=7_200_000)),
        ("1d", Duration(milliseconds=86_400_000)),
        ("1y", Duration(months=12)),
        ("0s", Duration()),
        ("-5s", Duration(milliseconds=-5000)),
        ("+5s", Duration(milliseconds=5000)),
        ("2147483647s", Duration(milliseconds=2147483647_000)),
    ],
)
def test_what_a_quantity_means(text: str, length: Duration) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    ("start", "sign", "text", "end"),
    [
        ("2026-01-31T10:00:00.001", "+", "1M", "2026-02-28T10:00:00.001"),
        ("2028-01-31T10:00:00.001", "+", "1M", "2028-02-29T10:00:00.001"),
        ("2026-01-31T10:00:00", "+", "2M", "2026-03-31T10:00:00"),
        ("2026-01-31T10:00:00", "+", "13M", "2027-02-28T10:00:00"),
        ("2026-03-31T10:00:00", "-", "1M", "2026-02-28T10:00:00"),
        ("2026-03-31T10:00:00", "-", "4M", "2025-11-30T10:00:00"),
        ("2026-01-15T00:00:00", "-", "1M", "2025-12-15T00:00:00"),
        ("2026-12-15T00:00:00", "+", "1M", "2027-01-15T00:00:00"),
        ("2028-02-29T23:59:59.999", "+", "1y", "2029-02-28T23:59:59.999"),
        ("2028-02-29T00:00:00", "+", "4y", "2032-02-29T00:00:00"),
        ("2028-02-29T00:00:00", "-", "1y", "2027-02-28T00:00:00"),
        ("2100-01-31T00:00:00", "+", "1M", "2100-02-28T00:00:00"),
        ("2026-03-29T00:30:00", "+", "1d", "2026-03-30T00:30:00"),
        ("1969-12-31T23:59:59.999", "+", "1M", "1970-01-31T23:59:59.999"),
        ("1970-01-01T00:00:00", "-", "1s", "1969-12-31T23:59:59"),
        ("2026-05-31T00:00:00", "+", "-1M", "2026-04-30T00:00:00"),
    ],
)
def test_months_and_years_follow_the_calendar(start: str, sign: str, text: str, end: str) -> None:
    length = duration(text)
    assert (length.after if sign == "+" else length.before)(ms(start)) == ms(end)


@pytest.mark.parametrize("text", ["2147483647d", "2147483647M", "2147483647y", "9999y", "8000y"])
def test_beyond_the_calendar_is_its_end(text: str) -> None:
    assert duration(text).after(NOW) == LAST_MS
    assert duration(text).before(NOW) == FIRST_MS
    assert stamp(LAST_MS) == "9999-12-31T23:59:59.999Z"
    assert expanded(f"${{Time.now - {text}}}") == "0001-01-01T00:00:00.000Z"


@given(st.integers(FIRST_MS, LAST_MS), st.integers(FIRST_MS, LAST_MS))
def test_stamps_sort_as_the_moments_they_tell(one: int, other: int) -> None:
    assert (stamp(one) < stamp(other)) is (one < other)
    assert len(stamp(one)) == len("2026-11-22T10:00:00.000Z")
    told = datetime.fromisoformat(stamp(one))
    assert told.tzinfo == UTC
    assert told.microsecond == one % 1000 * 1000


def test_a_text_full_of_openings_takes_no_longer_than_its_length() -> None:
    started = time.process_time()
    assert expanded("${" * 200_000) == "${" * 200_000
    assert time.process_time() - started < 2


PRINTED = rb'{"_queryFilter" : "/sunset/date lt \"$\{Time.now}\") AND !(/sunset/task-completed pr"}'


def test_the_printed_document_can_be_read_and_its_filter_used() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(PRINTED)
    text = json.loads(unescape_macros(PRINTED))["_queryFilter"]
    assert text == '/sunset/date lt "${Time.now}") AND !(/sunset/task-completed pr'
    asked = compile_filter(expanded(text), lenient=True)
    assert asked.mended
    assert asked({"sunset": {"date": "2026-11-22T10:00:00.122Z"}})
    assert not asked({"sunset": {"date": "2026-11-22T10:00:00.123Z"}})
    assert not asked({"sunset": {"date": "2025-01-01T00:00:00.000Z", "task-completed": "x"}})


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (rb'"$\{a} $\{b}"', b'"${a} ${b}"'),
        (rb'"${a}"', rb'"${a}"'),
        (rb'"\\${a}"', rb'"\\${a}"'),  # JSON for a backslash before the $: none of ours
        (rb'"$\\{a}"', rb'"$\\{a}"'),  # JSON for a backslash, as a template in a script has it
        (rb'"\{a}"', rb'"\{a}"'),
        (b"", b""),
    ],
)
def test_only_the_one_stray_backslash_goes(body: bytes, result: bytes) -> None:
    assert unescape_macros(body) == result


@given(st.recursive(st.text("\\${}a\"'é"), lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_no_valid_json_is_changed_by_the_repair(value: object) -> None:
    for body in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        assert unescape_macros(body) == body
