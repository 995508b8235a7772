"""What a task shows of the request that started it."""

from __future__ import annotations

import orjson

from odimra.tasks.payload import MASK, SHOWN_BODY, mask, payload_of


def test_headers_come_from_a_whitelist() -> None:
    given = {
        "User-Agent": "curl",
        "X-Auth-Token": "deadbeef",
        "authorization": "Basic YWRtaW46cHc=",
        "Cookie": "a=b",
        "X-Custom-Secret": "s",
        "host": "bmc",
    }
    shown = payload_of("POST", "/x", given, {}).http_headers
    assert shown == ("Host: bmc", "User-Agent: curl")


def test_secrets_are_masked_at_every_depth() -> None:
    body = {
        "UserName": "ann",
        "Password": "pw1",
        "List": [{"Inner": {"newPassword": "pw2", "SessionToken": "pw3", "Secret": {"a": "pw4"}}}],
        "ImageURI": "https://ann:pw5@files/fw.bin",
        "Passphrase": None,
    }
    text = payload_of("POST", "/x", {}, body).json_body
    assert not any(f"pw{number}" in text for number in range(1, 6))
    shown = orjson.loads(text)
    assert shown["UserName"] == "ann" and shown["Passphrase"] is None
    assert shown["List"][0]["Inner"]["Secret"] == MASK
    assert shown["ImageURI"] == f"https://{MASK}@files/fw.bin"
    assert body["Password"] == "pw1", "the request itself is left as it was"


def test_a_very_long_body_is_left_out_whole() -> None:
    assert payload_of("POST", "/x", [], {"a": "b" * SHOWN_BODY}).json_body == ""


def test_values_that_are_no_objects_pass() -> None:
    assert mask([1, None, "x", True]) == [1, None, "x", True]
