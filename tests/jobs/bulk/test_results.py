"""Operation results: what many come to, and how little is kept of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.jobs.bulk import results
from odimra.jobs.bulk.results import KEPT, LONGEST, Note, Summary, failed, rolled_up

S, W, P, F, H, G, N, U = (
    results.SUCCESS,
    results.WARNING,
    results.PARTIAL_ERROR,
    results.FATAL_ERROR,
    results.HANDLED_ERROR,
    results.IN_PROGRESS,
    results.NOT_APPLICABLE,
    results.UNKNOWN,
)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], S),
        ([S], S),
        ([U], S),
        ([S, S], S),
        ([N], N),
        ([N, N], N),
        ([S, N], S),
        ([S, F], F),
        ([F, S, S], F),
        ([W, P, H, F], F),
        ([S, G], G),
        ([G, F], G),
        ([F, G], F),
        ([S, W], W),
        ([W, H], H),
        ([H, W], H),
        ([H, P], P),
        ([P, W], P),
        ([W, N], W),
    ],
)
def test_what_results_come_to(statuses: list[str], status: str) -> None:
    assert rolled_up(statuses) == status


def summary(*notes: Note) -> Summary:
    made = Summary()
    for note in notes:
        made.add(note)
    return made


def test_without_any_there_is_nothing_to_tell() -> None:
    assert summary().children() == []
    assert summary().status == S


def test_successes_of_one_operation_are_one_result_with_a_number() -> None:
    found = summary(Note("a", micros=3), Note("b", micros=1), Note("a", micros=4)).children()
    assert found == [
        {"operation": "a", "status": S, "count": 2, "microseconds": 7},
        {"operation": "b", "status": S, "count": 1, "microseconds": 1},
    ]


def test_a_failure_tells_why_and_of_what() -> None:
    found = summary(Note("a", F, "why", "user:1(x)", reference="task")).children()
    assert found == [
        {
            "operation": "a",
            "status": F,
            "params": {"entry": [{"key": "object", "paramValue": "user:1(x)"}]},
            "asynchronousOperationReference": "task",
            "message": "why",
        }
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert summary(Note("a", W)).children() == [{"operation": "a", "status": W}]


@pytest.mark.parametrize("count", [1, KEPT, KEPT + 1, 1000])
def test_the_first_failures_are_kept_and_the_rest_is_a_number(count: int) -> None:
    found = summary(*(Note("a", F, f"why {number}") for number in range(count))).children()
    kept = min(count, KEPT)
    assert [one["message"] for one in found[:kept]] == [f"why {number}" for number in range(kept)]
    if count <= KEPT:
        assert len(found) == kept
        return
    assert found[kept:] == [
        {
            "operation": "a",
            "status": F,
            "hiddenRecordsCount": count - KEPT,
            "message": (
                f"{count - KEPT} record(s) were hidden to save space. "
                f"Total number of records: {count}"
            ),
        }
    ]


def test_each_operation_and_status_has_a_rest_of_its_own() -> None:
    notes = [Note(name, status) for name in "ab" for status in (F, W) for _ in range(KEPT + 2)]
    found = [one for one in summary(*notes).children() if "hiddenRecordsCount" in one]
    assert [(one["operation"], one["status"], one["hiddenRecordsCount"]) for one in found] == [
        ("a", F, 2),
        ("a", W, 2),
        ("b", F, 2),
        ("b", W, 2),
    ]


def test_long_messages_are_cut_off() -> None:
    (found,) = summary(Note("a", F, "x" * 5000)).children()
    assert found["message"] == "x" * LONGEST


def test_how_often_each_operation_went_well_and_how_often_not() -> None:
    made = summary(Note("a"), Note("a", F), Note("a", W), Note("b"))
    assert made.counts() == {"a": (1, 2), "b": (1, 0)}


NOTES = st.lists(
    st.builds(
        Note,
        st.sampled_from("abc"),
        st.sampled_from([S, W, P, F, H, N]),
        st.text(max_size=3),
        st.text(max_size=3),
        st.integers(0, 10**9),
    ),
    max_size=60,
)


@given(notes=NOTES, cut=st.integers(0, 60))
def test_a_summary_that_was_kept_in_between_goes_on_as_it_was(notes: list[Note], cut: int) -> None:
    before = summary(*notes[:cut])
    after = Summary.load(orjson.loads(orjson.dumps(before.stored())))
    for note in notes[cut:]:
        after.add(note)
    assert after.children() == summary(*notes).children()
    assert after.status == rolled_up(note.status for note in notes)


@given(notes=NOTES)
def test_no_result_gets_lost(notes: list[Note]) -> None:
    def number(one: dict[str, Any]) -> int:
        return int(one.get("hiddenRecordsCount", one.get("count", 1)))

    found = summary(*notes).children()
    assert sum(map(number, found)) == len(notes)
    assert len(found) <= 3 * 6 * (KEPT + 1)


def test_a_failed_operation_tells_why_in_both_places() -> None:
    found = failed("op", "why")
    assert (found["status"], found["message"]) == (F, "why")
    assert found["partialResults"] == [{"operation": "op", "status": F, "message": "why"}]
    inner = [{"operation": "x", "status": F}]
    assert failed("op", "why", inner)["partialResults"] == inner
