"""The log: one record a line, and no secret in any."""

from __future__ import annotations

import io
import json
import logging

import pytest

from odimra import logs
from odimra.config import LogSettings

SECRETS = [
    "Authorization: Basic YWRtaW46c2VjcmV0",
    "X-Auth-Token: s3sames3sames3same",
    '{"UserName": "a", "Password": "s3same\\"s3same"}',
    "{'Password': 's3same', 'UserName': 'a'}",
    "{'X-Auth-Token': b's3same'}",
    "password=s3same&user=a",
    "Account(user='a', new_password='s3same')",
    "redis://user:s3same@host:6379/0",
    "rediss+sentinel://:s3same@host/name",
    "Bearer s3same.s3same.s3same",
    "Cookie: session=s3same",
    "token " + "5ec7e7" * 10 + "abcd",
]


def log(form: str = "text", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(LogSettings(level, form), "api-0", stream)
    return stream


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_logged(form, secret):
    stream = log(form)
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("x").exception("failed with %s", secret, extra={"seen": secret})
    text = stream.getvalue()
    assert "***" in text
    assert "failed with" in text
    for part in ("s3same", "YWRtaW46", "5ec7e7"):
        assert part not in text


def test_what_is_no_secret_stays():
    text = "PATCH /redfish/v1/AccountService/Accounts/a: PasswordChangeRequired, 3 tokens left"
    assert logs.redact(text) == text
    url = "https://127.0.0.1:8443/redfish/v1/?$filter=a"
    assert logs.redact(url) == url


def test_a_secret_of_its_own_name_is_masked():
    stream = log()
    logging.getLogger("x").info("made", extra={"token": "abc", "account": "ann"})
    assert "token=*** account=ann" in stream.getvalue()


def test_text_is_one_line_that_nobody_can_forge():
    stream = log()
    logging.getLogger("x").warning("from %s", "a\n2026-01-01 info forged")
    (line,) = stream.getvalue().splitlines()
    assert "warning api-0 x: from a\\n2026" in line


def test_json_is_one_object_a_line():
    stream = log("json")
    logging.getLogger("x").warning("from %s", "a\nb", extra={"task": "t1"})
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "process": "api-0",
        "logger": "x",
        "message": "from a\nb",
        "task": "t1",
    }


@pytest.mark.parametrize(("level", "seen"), [("info", False), ("debug", True)])
def test_the_level_decides(level, seen):
    stream = log(level=level)
    logging.getLogger("x").debug("detail")
    logging.getLogger("aiohttp.access").info("GET /")
    assert bool(stream.getvalue()) is seen
