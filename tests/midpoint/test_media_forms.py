"""Which form a body is in, and which one an answer should have."""

from __future__ import annotations

import time

import pytest

from odimra.midpoint.media import Form, NotAcceptable, UnknownForm, accepted, form_of


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (None, Form.XML),
        ("", Form.XML),
        ("  ", Form.XML),
        ("application/xml", Form.XML),
        ("text/xml; charset=utf-8", Form.XML),
        ("APPLICATION/XML", Form.XML),
        ("application/soap+xml", Form.XML),
        ("application/json", Form.JSON),
        ("application/json;charset=UTF-8", Form.JSON),
        ("application/vnd.evolveum+json", Form.JSON),
        ("application/yaml", Form.YAML),
        ("text/yaml", Form.YAML),
        ("application/x-yaml", Form.YAML),
        ("text/x-yaml", Form.YAML),
        ("application/vnd.evolveum+yaml", Form.YAML),
    ],
)
def test_the_form_of_a_body(content_type: str | None, form: Form) -> None:
    assert form_of(content_type) is form


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "json",
        "xml",
        "+json",
        "application/+ json",
        "application/jsonx",
        "text/json5",
        "*/*",
    ],
)
def test_other_forms_are_unknown(content_type: str) -> None:
    with pytest.raises(UnknownForm):
        form_of(content_type)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.XML),
        ("", Form.XML),
        (" , ", Form.XML),
        ("*/*", Form.XML),
        ("application/*", Form.XML),
        ("text/*", Form.XML),
        ("application/xml", Form.XML),
        ("text/xml", Form.XML),
        ("application/json", Form.JSON),
        ("APPLICATION/JSON", Form.JSON),
        ("text/yaml", Form.YAML),
        ("application/problem+json", Form.JSON),
        # What is named goes before what a range takes in.
        ("application/json, text/plain, */*", Form.JSON),
        ("*/*, application/yaml", Form.YAML),
        ("application/*, application/json", Form.JSON),
        # Quality goes before everything.
        ("application/json;q=0.5, application/yaml;q=0.9", Form.YAML),
        ("application/json;q=0.5, */*", Form.XML),
        ("application/json; q=0.5 , application/xml; q=0.4", Form.JSON),
        ("application/json;version=1;q=0.1, text/yaml;q=0.2", Form.YAML),
        # The narrowest range decides for a form, also when it says no.
        ("*/*, application/xml;q=0, text/xml;q=0", Form.JSON),
        ("application/xml;q=0, text/xml", Form.XML),
        ("*/*;q=0.1, application/xml;q=0.05", Form.JSON),
        # Of equals the first.
        ("application/yaml, application/json", Form.YAML),
        ("application/json, application/yaml", Form.JSON),
        # A browser.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.XML),
        # What cannot be read says nothing.
        ("application/yaml;q=high, application/json", Form.JSON),
        ("application/yaml;q=2, application/json;q=0.1", Form.JSON),
    ],
)
def test_the_form_of_an_answer(accept: str | None, form: Form) -> None:
    assert accepted(accept) is form


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/*",
        "application/json;q=0",
        "*/*;q=0",
        "application/xml;q=0.0, text/plain",
    ],
)
def test_an_answer_in_another_form_cannot_be_had(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        accepted(accept)


def test_long_headers_take_no_time() -> None:
    started = time.process_time()
    accepted("application/json;q=0.5," * 10_000 + ";" * 10_000)
    with pytest.raises(UnknownForm):
        form_of("a" * 100_000)
    assert time.process_time() - started < 1


def test_answers_say_how_they_are_encoded() -> None:
    assert Form.YAML.content_type == "application/yaml; charset=utf-8"
