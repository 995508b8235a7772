"""What goes wrong with a request: one helper per message, one exception for all of them.

A handler raises what a helper returns; the frame renders it in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from odimra.tasks.payload import MASK, is_secret, mask

#: Values are shown in messages up to this length.
SHOWN = 128


@dataclass(frozen=True, slots=True)
class Said:
    """A message to be built by its registry: ``Base.Key``, its arguments, JSON pointers."""

    key: str
    args: tuple[object, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(eq=False)
class RedfishError(Exception):
    """A request that gets an error response (DSP0266, error responses).

    ``body`` is that of another service, which is passed on as it is.
    """

    status: int
    said: tuple[Said, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.status} {', '.join(said.key for said in self.said)}"


#: What becomes of the failures of the rooms below, by class.
Translations = dict[type[Exception], Callable[[Any], RedfishError]]


def shown(value: Any, name: str = "") -> str:
    """Return ``value`` as a message may show it: bounded, and nothing of a secret.

    ``name`` is that of the property; a path of names is secret when one of them is.
    """
    if is_secret(name):
        return MASK
    harmless = mask(value)
    text = harmless if isinstance(harmless, str) else orjson.dumps(harmless).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _error(status: int, key: str, *args: object, related: Iterable[str] = ()) -> RedfishError:
    # A name can be as long as a body; a value was shortened before.
    said = Said(f"Base.{key}", tuple(shown(arg) if isinstance(arg, str) else arg for arg in args))
    return RedfishError(status, (replace(said, related=tuple(related)),))


def pointer(name: str) -> str:
    """Return the JSON pointer of a property of the body, ``name`` with slashes for nesting."""
    return "/" + shown(name).lstrip("/")


# The body


def malformed_json() -> RedfishError:
    """Say that the body is not JSON."""
    return _error(400, "MalformedJSON")


def empty_json() -> RedfishError:
    """Say that the body is an empty object."""
    return _error(400, "EmptyJSON")


def unrecognized_body() -> RedfishError:
    """Say that the body is JSON, but no object."""
    return _error(400, "UnrecognizedRequestBody")


def no_operation() -> RedfishError:
    """Say that the body asks for nothing."""
    return _error(400, "NoOperation")


def payload_too_large() -> RedfishError:
    """Say that the body is longer than is taken."""
    return _error(413, "PayloadTooLarge")


def unsupported_media() -> RedfishError:
    """Say that the body is not declared as JSON."""
    return _error(415, "HeaderInvalid", "Content-Type")


def body_timeout() -> RedfishError:
    """Say that the body did not arrive in time."""
    return _error(408, "OperationTimeout")


def malformed_request(status: int) -> RedfishError:
    """Say that what arrived is not HTTP, or breaks its limits."""
    return _error(status, "UnrecognizedRequestBody")


def property_duplicate(name: str) -> RedfishError:
    """Say that the body names a property more than once."""
    return _error(400, "PropertyDuplicate", name, related=[pointer(name)])


def property_unknown(name: str) -> RedfishError:
    """Say that there is no such property."""
    return _error(400, "PropertyUnknown", name, related=[pointer(name)])


def property_missing(name: str) -> RedfishError:
    """Say that a property that is needed is not there."""
    return _error(400, "PropertyMissing", name, related=[pointer(name)])


def property_not_writable(name: str) -> RedfishError:
    """Say that the property is read-only."""
    return _error(400, "PropertyNotWritable", name, related=[pointer(name)])


def property_value_type(value: Any, name: str) -> RedfishError:
    """Say that the value has the wrong type."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueTypeError", *args, related=[pointer(name)])


def property_value_format(value: Any, name: str) -> RedfishError:
    """Say that the value has the wrong format."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueFormatError", *args, related=[pointer(name)])


def property_value_not_in_list(value: Any, name: str) -> RedfishError:
    """Say that the value is not one of those allowed."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueNotInList", *args, related=[pointer(name)])


def property_value_out_of_range(value: Any, name: str) -> RedfishError:
    """Say that the value is too small or too large."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueOutOfRange", *args, related=[pointer(name)])


def array_size_too_long(name: str, limit: int) -> RedfishError:
    """Say that the array holds more than ``limit`` elements."""
    return _error(400, "ArraySizeTooLong", name, limit, related=[pointer(name)])


def array_size_too_short(name: str, limit: int) -> RedfishError:
    """Say that the array holds fewer than ``limit`` elements."""
    return _error(400, "ArraySizeTooShort", name, limit, related=[pointer(name)])


def property_value_error(name: str) -> RedfishError:
    """Say that the value is not valid, and is not shown."""
    return _error(400, "PropertyValueError", name, related=[pointer(name)])


def property_value_conflict(name: str, other: str) -> RedfishError:
    """Say that the value does not go with that of the other property."""
    return _error(400, "PropertyValueConflict", name, other, related=[pointer(name)])


# Actions


def action_not_supported(action: str) -> RedfishError:
    """Say that there is no such action."""
    return _error(400, "ActionNotSupported", action)


def action_parameter_missing(action: str, name: str) -> RedfishError:
    """Say that a parameter that is needed is not there."""
    return _error(400, "ActionParameterMissing", action, name, related=[pointer(name)])


def action_parameter_unknown(action: str, name: str) -> RedfishError:
    """Say that there is no such parameter."""
    return _error(400, "ActionParameterUnknown", action, name, related=[pointer(name)])


def action_parameter_value_type(value: Any, name: str, action: str) -> RedfishError:
    """Say that the value of a parameter has the wrong type."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueTypeError", *args, related=[pointer(name)])


def action_parameter_value_format(value: Any, name: str, action: str) -> RedfishError:
    """Say that the value of a parameter has the wrong format."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueFormatError", *args, related=[pointer(name)])


def action_parameter_value_not_in_list(value: Any, name: str, action: str) -> RedfishError:
    """Say that the value of a parameter is not one of those allowed."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueNotInList", *args, related=[pointer(name)])


def action_parameter_value_out_of_range(value: Any, name: str, action: str) -> RedfishError:
    """Say that the value of a parameter is too small or too large."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueOutOfRange", *args, related=[pointer(name)])


def action_parameter_value_error(name: str, action: str) -> RedfishError:
    """Say that the value of a parameter is not valid, and is not shown."""
    return _error(400, "ActionParameterValueError", name, action, related=[pointer(name)])


# Queries


def query_unsupported(name: str) -> RedfishError:
    """Say that this service does not know the ``$`` parameter: 501 (DSP0266 7.3)."""
    return _error(501, "QueryParameterUnsupported", name)


def query_value_type(value: str, name: str) -> RedfishError:
    """Say that the value of a query parameter has the wrong type."""
    return _error(400, "QueryParameterValueTypeError", shown(value), name)


def query_value_format(value: str, name: str) -> RedfishError:
    """Say that the value of a query parameter has the wrong format."""
    return _error(400, "QueryParameterValueFormatError", shown(value), name)


def query_out_of_range(value: str, name: str, allowed: str) -> RedfishError:
    """Say that the value of a query parameter is too small or too large."""
    return _error(400, "QueryParameterOutOfRange", shown(value), name, allowed)


def query_property_unknown(name: str, parameter: str) -> RedfishError:
    """Say that the expression of a query parameter names a property that it cannot."""
    said = (
        Said("Base.QueryParameterValueError", (parameter,)),
        Said("Base.PropertyUnknown", (shown(name),)),
    )
    return RedfishError(400, said)


def query_not_on_resource() -> RedfishError:
    """Say that the query parameter is for collections only."""
    return _error(400, "QueryNotSupportedOnResource")


def query_not_on_operation() -> RedfishError:
    """Say that queries go with GET."""
    return _error(400, "QueryNotSupportedOnOperation")


def query_combination() -> RedfishError:
    """Say that the parameters exclude each other."""
    return _error(400, "QueryCombinationInvalid")


def too_much() -> RedfishError:
    """Say that the answer would be too big: 507."""
    return _error(507, "InsufficientStorage")


# Resources


def invalid_uri(path: str) -> RedfishError:
    """Say that nothing is at that path."""
    return _error(404, "InvalidURI", shown(path))


def resource_not_found(kind: str, name: str) -> RedfishError:
    """Say that there is no such resource."""
    return _error(404, "ResourceNotFound", kind, shown(name))


def resource_already_exists(kind: str, name: str, value: str) -> RedfishError:
    """Say that the value is taken."""
    return _error(
        400, "ResourceAlreadyExists", kind, name, shown(value, name), related=[pointer(name)]
    )


def resource_cannot_be_deleted() -> RedfishError:
    """Say that it has to stay."""
    return _error(403, "ResourceCannotBeDeleted")


def resource_in_use() -> RedfishError:
    """Say that something else needs it as it is."""
    return _error(409, "ResourceInUse")


def event_subscription_limit_exceeded() -> RedfishError:
    """There are as many event subscriptions as may be."""
    return _error(503, "EventSubscriptionLimitExceeded")


def create_limit_reached() -> RedfishError:
    """Say that there are as many as may be."""
    return _error(400, "CreateLimitReachedForResource")


def method_not_allowed(allow: str) -> RedfishError:
    """Say that the resource does not take the method."""
    return replace(_error(405, "OperationNotAllowed"), headers={"Allow": allow})


def foreign_origin() -> RedfishError:
    """Say that a page of somebody else's made a browser send the request."""
    return _error(403, "HeaderInvalid", "Origin")


def method_unknown() -> RedfishError:
    """Say that no resource takes the method: 501."""
    return _error(501, "OperationNotAllowed")


def precondition_failed() -> RedfishError:
    """Say that the ETag is not that of the resource."""
    return _error(412, "PreconditionFailed")


def header_invalid(name: str, status: int = 400) -> RedfishError:
    """Say that a header cannot be used."""
    return _error(status, "HeaderInvalid", name)


# Access


def not_authenticated() -> RedfishError:
    """Say that there are no valid credentials: 401, and nothing of why."""
    challenge = 'Basic realm="odimra", charset="UTF-8"'
    return replace(_error(401, "NoValidSession"), headers={"WWW-Authenticate": challenge})


def insufficient_privilege() -> RedfishError:
    """Say that the account may not do that."""
    return _error(403, "InsufficientPrivilege")


def password_change_required(account_uri: str) -> RedfishError:
    """Say that the account may change its password, and nothing else."""
    return _error(403, "PasswordChangeRequired", account_uri)


def session_limit_exceeded() -> RedfishError:
    """Say that as many sessions are open as may be."""
    return _error(503, "SessionLimitExceeded")


# The service


def service_temporarily_unavailable(seconds: int) -> RedfishError:
    """Ask the client to come again after ``seconds``."""
    found = _error(503, "ServiceTemporarilyUnavailable", seconds)
    return replace(found, headers={"Retry-After": str(seconds)})


def service_disabled(uri: str) -> RedfishError:
    """Say that the service at ``uri`` is switched off."""
    return _error(503, "ServiceDisabled", uri)


def service_shutting_down() -> RedfishError:
    """Say that the process is stopping; another one will answer soon."""
    return replace(_error(503, "ServiceShuttingDown"), headers={"Retry-After": "1"})


def internal_error() -> RedfishError:
    """Say that the service is at fault; the log says how."""
    return _error(500, "InternalError")


def together(found: Iterable[RedfishError]) -> RedfishError:
    """Return one error that says all that ``found`` say; its status is that of the first."""
    errors = list(found)
    said = tuple(one for error in errors for one in error.said)
    return RedfishError(errors[0].status, said, errors[0].headers)
