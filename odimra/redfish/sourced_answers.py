"""What a BMC answers, as an answer of ours: for the reading and the writing of its resources."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from odimra.aggregation.addresses import remote
from odimra.aggregation.bmc import BadAnswer, BmcDown, Refused, Unreachable
from odimra.aggregation.collecting import Found
from odimra.aggregation.mirror import ours, reworded
from odimra.redfish import errors
from odimra.redfish.errors import RedfishError, Said
from odimra.redfish.resource import Call
from odimra.tasks.payload import MASK, is_secret

SCHEMAS = "http://redfish.dmtf.org/schemas/v1"
FAILED = "Odimra.SourceFailed"
#: Headers of an error that come through.
PASSED = ("Retry-After", "Allow")


def place(call: Call) -> tuple[str, str]:
    """Return the source and the path there of what is asked for.

    Raises 404 for a path that a BMC might read as another one than was judged here.
    """
    # As it was written: a BMC may have ids of which the encoding matters.
    raw = call.at if call.asked is None or call.at else call.asked.rel_url.raw_path
    found = remote((raw or "").rstrip("/"))
    if found is None or not all(map(_plain, found[1].strip("/").split("/"))):
        raise errors.invalid_uri(call.uri)
    return found


def _plain(segment: str) -> bool:
    text = unquote(segment)
    return text not in ("", ".", "..") and text.isprintable() and not set(text) & set("/\\%?#;")


def shown_headers(found: Found) -> dict[str, str]:
    """Return the headers of a resource of a BMC."""
    headers = {"Allow": found.allow}
    if found.type:
        schema = found.type.rpartition(".")[0]
        headers["Link"] = f"<{SCHEMAS}/{schema}.json>; rel=describedby"
    return headers


def failed(source_id: str, error: Exception) -> RedfishError:
    """Return what is said when a BMC cannot be asked, or does not answer as it should: 502."""
    said = _whole(str(error))
    if isinstance(error, Unreachable) and error.sent:
        said += ", and may have heard the request"
    headers = {}
    if isinstance(error, BmcDown):
        headers["Retry-After"] = str(max(1, math.ceil(error.seconds)))
    return RedfishError(502, (Said(FAILED, (source_id, said[:500])),), headers)


def _whole(text: str) -> str:
    # What half characters there are in it cannot be passed on.
    return text.encode("utf-8", "replace").decode()


def hushed(error: RedfishError, asked: Mapping[str, Any]) -> RedfishError:
    """Return an error without the secrets of the request: some BMCs repeat them."""
    secrets = {one for one in _secrets(asked) if one}
    if secrets and error.body is not None:
        error.body = _without(secrets, error.body)
    if secrets:
        error.said = tuple(
            replace(said, args=tuple(_without(secrets, arg) for arg in said.args))
            for said in error.said
        )
    return error


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, name if is_secret(name) else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, name)
    elif is_secret(name) and isinstance(value, str):
        yield value


def _without(secrets: set[str], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(secrets, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(secrets, inner) for inner in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
    return value


def refused(source_id: str, error: Refused, given: Mapping[str, str] | None = None) -> RedfishError:
    """Return what a BMC answers to a request that it refuses, as it says it.

    ``given`` are the headers of its answer.
    """
    status, given = ours(error.status), given or {}
    headers = {name: given[name] for name in PASSED if name in given and given[name].isprintable()}
    told = (error.body or {}).get("error")
    if (
        not isinstance(told, dict)
        or not isinstance(told.get("code"), str)
        or not isinstance(told.get("message"), str)
    ):
        said = Said(FAILED, (source_id, f"it answers {error.status} and does not say why"))
        return RedfishError(status, (said,), headers)
    given_infos = told.get("@Message.ExtendedInfo")
    infos = given_infos if isinstance(given_infos, list) else [given_infos]
    shown = {
        "code": told["code"],
        "message": told["message"],
        "@Message.ExtendedInfo": [one for one in infos if isinstance(one, dict)],
    }
    said = Said(FAILED, (source_id, _whole(str(error)).rstrip(".")))
    try:
        passed = reworded(source_id, {"error": shown})
    except BadAnswer as bad:
        return failed(source_id, bad)
    return RedfishError(status, (said,), headers, passed)
