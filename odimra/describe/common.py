"""What all faces have in common: refusals, and the key of requests that come again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from odimra.describe.model import Operation, Parameter, Reply, Schema

#: As odimra.idempotency has them, a room above this one.
KEY = "Idempotency-Key"
LONGEST_KEY = 255
#: What a request may be refused for.
TEXTS: Mapping[int, str] = {
    400: "The request makes no sense; nothing was done.",
    401: "There are no valid credentials.",
    403: "The account may not do that.",
    404: "There is no such thing.",
    405: "That cannot be done here.",
    406: "No form of answer is one that is asked for.",
    408: "The body came too slowly.",
    409: "It does not go with what is there.",
    412: "What is there is not what the request takes it for.",
    413: "The body is too long.",
    415: "The body is not of a type that is read here.",
    417: "The expectation is not understood.",
    422: f"The {KEY} was used for another request.",
    501: "This service does not do that.",
    503: "Come again later.",
}
HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "How to log in."},
    405: {"Allow": "What can be done."},
    503: {"Retry-After": "When, in seconds."},
}


def key_of(longest: int) -> Schema:
    """Return what a key is; blanks around it are none of its characters."""
    text = "^[!-~]([ -~]*[!-~])?$"
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": text}


RETRY = Parameter(
    KEY,
    "Sent again with the same body, the request does nothing and is answered as before.",
    key_of(LONGEST_KEY),
    place="header",
)


def refused(status: int, schema: Schema, media: tuple[str, ...] = ("application/json",)) -> Reply:
    """Return a refusal in the form of a face."""
    return Reply(TEXTS[status], schema, HEADERS.get(status, {}), media)


def usual(operation: Operation) -> Iterable[int]:
    """Return the refusals that an operation has as those of most faces do."""
    found = [] if operation.open else [401, 403, 503]
    if "{" in operation.path:
        found.append(404)
    if operation.body is not None:
        found += [400, 408, 413, 415]
    if operation.method == "POST" and not operation.open:
        found += [400, 408, 413]
        if all(one.name != KEY for one in operation.query):
            found.append(422)
    return found
