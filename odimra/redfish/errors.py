"""What goes wrong with a request: one helper per message, one exception for all of them.

A handler raises what a helper returns; the frame renders it in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odimra.tasks.payload import is_secret

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
    """A request that gets an error response (DSP0266, error responses)."""

    status: int
    said: tuple[Said, ...]
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {', '.join(said.key for said in self.said)}"


#: What becomes of the failures of the rooms below, by class.
Translations = dict[type[Exception], Callable[[Any], RedfishError]]


def shown(value: Any, name: str = "") -> str:
    """Return ``value`` as a message may show it: bounded, and nothing of a secret."""
    if is_secret(name):
        return "******"
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)[: 2 * SHOWN]


def _error(status: int, key: str, *args: object, related: Iterable[str] = ()) -> RedfishError:
    return RedfishError(status, (Said(f"Base.{key}", args, tuple(related)),))


def pointer(name: str) -> str:
    """Return the JSON pointer of a property of the body, ``name`` with slashes for nesting."""
    return "/" + name.lstrip("/")


# The body


def malformed_json() -> RedfishError:
    """The body is not JSON."""
    return _error(400, "MalformedJSON")


def empty_json() -> RedfishError:
    """The body is an empty object."""
    return _error(400, "EmptyJSON")


def unrecognized_body() -> RedfishError:
    """The body is JSON, but no object."""
    return _error(400, "UnrecognizedRequestBody")


def no_operation() -> RedfishError:
    """The body asks for nothing."""
    return _error(400, "NoOperation")


def payload_too_large() -> RedfishError:
    """The body is longer than is taken."""
    return _error(413, "PayloadTooLarge")


def malformed_request(status: int) -> RedfishError:
    """What arrived is not HTTP, or breaks its limits."""
    return _error(status, "UnrecognizedRequestBody")


def unsupported_media() -> RedfishError:
    """The body is not declared as JSON."""
    return _error(415, "HeaderInvalid", "Content-Type")


def property_unknown(name: str) -> RedfishError:
    """There is no such property."""
    return _error(400, "PropertyUnknown", name, related=[pointer(name)])


def property_missing(name: str) -> RedfishError:
    """A property that is needed is not there."""
    return _error(400, "PropertyMissing", name, related=[pointer(name)])


def property_not_writable(name: str) -> RedfishError:
    """The property is read-only."""
    return _error(400, "PropertyNotWritable", name, related=[pointer(name)])


def property_value_type(value: Any, name: str) -> RedfishError:
    """The value has the wrong type."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueTypeError", *args, related=[pointer(name)])


def property_value_format(value: Any, name: str) -> RedfishError:
    """The value has the wrong format."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueFormatError", *args, related=[pointer(name)])


def property_value_not_in_list(value: Any, name: str) -> RedfishError:
    """The value is not one of those allowed."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueNotInList", *args, related=[pointer(name)])


def property_value_out_of_range(value: Any, name: str) -> RedfishError:
    """The value is too small or too large."""
    args = (shown(value, name), name)
    return _error(400, "PropertyValueOutOfRange", *args, related=[pointer(name)])


def property_value_error(name: str) -> RedfishError:
    """The value is not valid, and is not shown."""
    return _error(400, "PropertyValueError", name, related=[pointer(name)])


# Actions


def action_not_supported(action: str) -> RedfishError:
    """There is no such action."""
    return _error(400, "ActionNotSupported", action)


def action_parameter_missing(action: str, name: str) -> RedfishError:
    """A parameter that is needed is not there."""
    return _error(400, "ActionParameterMissing", action, name, related=[pointer(name)])


def action_parameter_unknown(action: str, name: str) -> RedfishError:
    """There is no such parameter."""
    return _error(400, "ActionParameterUnknown", action, name, related=[pointer(name)])


def action_parameter_value_type(value: Any, name: str, action: str) -> RedfishError:
    """The value of a parameter has the wrong type."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueTypeError", *args, related=[pointer(name)])


def action_parameter_value_format(value: Any, name: str, action: str) -> RedfishError:
    """The value of a parameter has the wrong format."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueFormatError", *args, related=[pointer(name)])


def action_parameter_value_not_in_list(value: Any, name: str, action: str) -> RedfishError:
    """The value of a parameter is not one of those allowed."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueNotInList", *args, related=[pointer(name)])


def action_parameter_value_out_of_range(value: Any, name: str, action: str) -> RedfishError:
    """The value of a parameter is too small or too large."""
    args = (shown(value, name), name, action)
    return _error(400, "ActionParameterValueOutOfRange", *args, related=[pointer(name)])


def action_parameter_value_error(name: str, action: str) -> RedfishError:
    """The value of a parameter is not valid, and is not shown."""
    return _error(400, "ActionParameterValueError", name, action, related=[pointer(name)])


# Queries


def query_unsupported(name: str) -> RedfishError:
    """A ``$`` parameter that this service does not know: 501 (DSP0266, query parameters)."""
    return _error(501, "QueryParameterUnsupported", name)


def query_value_type(value: str, name: str) -> RedfishError:
    """The value of a query parameter has the wrong type."""
    return _error(400, "QueryParameterValueTypeError", shown(value), name)


def query_value_format(value: str, name: str) -> RedfishError:
    """The value of a query parameter has the wrong format."""
    return _error(400, "QueryParameterValueFormatError", shown(value), name)


def query_out_of_range(value: str, name: str, allowed: str) -> RedfishError:
    """The value of a query parameter is too small or too large."""
    return _error(400, "QueryParameterOutOfRange", shown(value), name, allowed)


def query_not_on_resource() -> RedfishError:
    """The parameter is for collections only."""
    return _error(400, "QueryNotSupportedOnResource")


def query_not_on_operation() -> RedfishError:
    """Queries go with GET."""
    return _error(400, "QueryNotSupportedOnOperation")


def query_combination() -> RedfishError:
    """The parameters exclude each other."""
    return _error(400, "QueryCombinationInvalid")


def too_much() -> RedfishError:
    """The answer would be too big: 507."""
    return _error(507, "InsufficientStorage")


# Resources


def invalid_uri(path: str) -> RedfishError:
    """Nothing is at that path."""
    return _error(404, "InvalidURI", shown(path))


def resource_not_found(kind: str, name: str) -> RedfishError:
    """There is no such resource."""
    return _error(404, "ResourceNotFound", kind, shown(name))


def resource_already_exists(kind: str, name: str, value: str) -> RedfishError:
    """The value is taken."""
    return _error(
        400, "ResourceAlreadyExists", kind, name, shown(value, name), related=[pointer(name)]
    )


def resource_cannot_be_deleted() -> RedfishError:
    """It has to stay."""
    return _error(403, "ResourceCannotBeDeleted")


def resource_in_use() -> RedfishError:
    """Something else needs it as it is."""
    return _error(409, "ResourceInUse")


def create_limit_reached() -> RedfishError:
    """There are as many as may be."""
    return _error(400, "CreateLimitReachedForResource")


def method_not_allowed(allow: str) -> RedfishError:
    """The resource does not take the method."""
    error = _error(405, "OperationNotAllowed")
    error.headers = {"Allow": allow}
    return error


def method_unknown() -> RedfishError:
    """No resource takes the method: 501."""
    return _error(501, "OperationNotAllowed")


def precondition_failed() -> RedfishError:
    """The ETag is not that of the resource."""
    return _error(412, "PreconditionFailed")


def header_invalid(name: str, status: int = 400) -> RedfishError:
    """A header cannot be used."""
    return _error(status, "HeaderInvalid", name)


# Access


def not_authenticated() -> RedfishError:
    """No valid credentials: 401, which says nothing of why."""
    error = _error(401, "NoValidSession")
    error.headers = {"WWW-Authenticate": 'Basic realm="odimra", charset="UTF-8"'}
    return error


def insufficient_privilege() -> RedfishError:
    """The account may not do that."""
    return _error(403, "InsufficientPrivilege")


def password_change_required(account_uri: str) -> RedfishError:
    """The account may change its password, and nothing else."""
    return _error(403, "PasswordChangeRequired", account_uri)


def session_limit_exceeded() -> RedfishError:
    """As many sessions are open as may be."""
    return _error(503, "SessionLimitExceeded")


# The service


def service_temporarily_unavailable(seconds: int) -> RedfishError:
    """Ask again after ``seconds``."""
    error = _error(503, "ServiceTemporarilyUnavailable", seconds)
    error.headers = {"Retry-After": str(seconds)}
    return error


def service_disabled(uri: str) -> RedfishError:
    """The service at ``uri`` is switched off."""
    return _error(503, "ServiceDisabled", uri)


def internal_error() -> RedfishError:
    """A fault of this service; what it was is in the log."""
    return _error(500, "InternalError")


def together(found: Iterable[RedfishError]) -> RedfishError:
    """Return one error that says all that the errors ``found`` say, with the status of the first."""
    errors = list(found)
    said = tuple(one for error in errors for one in error.said)
    return RedfishError(errors[0].status, said, errors[0].headers)
