"""What a service answers, and what to say of an answer that is an error, whichever API it is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from odimra.client.errors import (
    ClientError,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    NotReachable,
    Refused,
    ServiceFailed,
)

#: More of an answer that nobody understands is not shown, in characters.
SHOWN = 300
WHO = "is there an odimra at the address?"
#: What to do about a refusal, by status; else what the service says itself.
REMEDIES = {
    403: "log in with an account that may: odimra login URL --account NAME",
    412: "it was changed meanwhile: look at it, and try again",
    503: "try again later, or wait longer with --wait SECONDS",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read whole."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    #: Whether the request was sent more than once until the answer came.
    again: bool = False

    @property
    def text(self) -> str:
        """The body as text."""
        return self.raw.decode("utf-8", "replace")

    @property
    def body(self) -> Any:
        """The body as JSON; None if there is none. Raises :class:`ServiceFailed`."""
        if not self.raw.strip():
            return None
        try:
            return json.loads(self.raw)
        except ValueError:
            raise ServiceFailed(
                f"the answer is no JSON: {self.text[:SHOWN]!r}",
                WHO,
            ) from None

    @property
    def document(self) -> dict[str, Any]:
        """The body as an object. Raises :class:`ServiceFailed`."""
        body = self.body
        if not isinstance(body, dict):
            raise ServiceFailed("the answer is no JSON object", WHO)
        return body

    @property
    def location(self) -> str:
        """The path in ``Location``."""
        return path_of(self.headers.get("Location", ""))


def path_of(uri: str) -> str:
    """Return a URI without its scheme and host."""
    _, mark, rest = uri.partition("://")
    if not mark:
        return uri
    _, slash, path = rest.partition("/")
    return slash + path


def failure(answer: Answer, what: str) -> ClientError:
    """Return what an answer with the status of an error means; ``what`` was asked for."""
    said, remedy = explained(answer)
    remedy = remedy or REMEDIES.get(answer.status, "")
    text = said if said else f"{what}: HTTP status {answer.status}"
    match answer.status:
        case 401:
            return NotLoggedIn(text)
        case 403:
            return NotAllowed(text, remedy)
        case 404:
            return NotFound(text, remedy)
        case 503:
            return NotReachable(text, remedy)
        case status if status < 500:
            return Refused(text, remedy)
    return ServiceFailed(text, remedy)


def explained(answer: Answer) -> tuple[str, str]:
    """Return what an error says, and what it says to do; empty if it says nothing."""
    try:
        body = json.loads(answer.raw)
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    if isinstance(error, dict):
        return _redfish(error)
    for name in ("message", "faultstring"):  # CREST, CloudKitty and Data One; CloudKitty's v1
        if body.get(name):
            return str(body[name]), ""
    return _operation_result(body), ""


def _redfish(error: dict[str, Any]) -> tuple[str, str]:
    details = [one for one in error.get("@Message.ExtendedInfo", []) if isinstance(one, dict)]
    texts = [str(one["Message"]) for one in details if one.get("Message")]
    remedies = [str(one["Resolution"]) for one in details if one.get("Resolution")]
    said = " ".join(dict.fromkeys(texts)) or str(error.get("message", ""))
    return said, remedies[0] if remedies and remedies[0] != "None." else ""


def _operation_result(body: dict[str, Any]) -> str:
    """midPoint's: the message of the innermost one is the reason."""
    result = body.get("object", body)
    found = ""
    while isinstance(result, dict):
        found = str(result.get("message") or found)
        partial = result.get("partialResults")
        result = partial[0] if isinstance(partial, list) and partial else partial
    return found
