"""What counts as conforming: the judge must not be kinder than the tools."""

from __future__ import annotations

import pytest

from tests.conformance.tools import allowed, class_a, class_s, complaints, judge_protocol


def row(assertion: str, result: str) -> dict[str, str]:
    return {
        "Assertion": assertion,
        "Result": result,
        "Method": "GET",
        "URI": "/redfish/v1/",
        "Message": "said so",
    }


def test_a_complaint_names_the_uri_it_is_about() -> None:
    log = """
2026-11-22 22:00:00,1 - root - INFO - Validating /redfish/v1/...
2026-11-22 22:00:00,1 - root - ERROR - FAIL - /Name: not there
2026-11-22 22:00:00,1 - root - INFO - Validating /redfish/v1/Systems...
2026-11-22 22:00:00,1 - root - WARNING - WARN - /Id: odd
"""
    assert complaints(log) == [
        "/redfish/v1/: FAIL - /Name: not there",
        "/redfish/v1/Systems: WARN - /Id: odd",
    ]


def test_class_a_is_the_whole_list_without_repetition() -> None:
    assert len(class_a()) == len(set(class_a())) == 93


def test_all_assertions_on_server_sent_events_are_listed() -> None:
    assert len(set(class_s())) == 14
    assert {name.partition("_SSE_")[0] for name in class_s()} >= {"SERV"}
    assert not set(class_s()) & set(class_a())


def test_every_excuse_has_a_result_and_a_reason() -> None:
    for excuse in allowed().values():
        assert excuse["result"] in ("FAIL", "WARN", "NOT_TESTED")
        assert len(excuse["because"]) > 20


def test_an_assertion_may_be_untested_where_it_does_not_apply_if_it_passes_elsewhere() -> None:
    verdict = judge_protocol([row("A", "PASS"), row("A", "NOT_TESTED")], ["A"], {})
    assert verdict.good


@pytest.mark.parametrize("result", ["FAIL", "WARN"])
def test_one_bad_row_spoils_an_assertion_of_any_class(result: str) -> None:
    verdict = judge_protocol([row("A", "PASS"), row("B", "PASS"), row("B", result)], ["A"], {})
    assert not verdict.good


@pytest.mark.parametrize("rows", [[], [row("A", "NOT_TESTED")]])
def test_a_required_assertion_must_have_passed(rows: list[dict[str, str]]) -> None:
    assert not judge_protocol([row("B", "PASS"), *rows], ["A", "B"], {}).good


def test_an_excused_row_is_forgiven_and_only_as_excused() -> None:
    excuse = {"A": {"result": "NOT_TESTED", "because": "there is nothing to test it on"}}
    assert judge_protocol([row("A", "NOT_TESTED")], ["A"], excuse).good
    assert not judge_protocol([row("A", "FAIL")], ["A"], excuse).good


def test_an_excuse_that_is_no_longer_needed_is_an_error() -> None:
    excuse = {"A": {"result": "NOT_TESTED", "because": "there is nothing to test it on"}}
    assert not judge_protocol([row("A", "PASS")], ["A"], excuse).good
