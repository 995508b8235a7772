"""JSON: the form whose conventions YAML shares.

Called by :mod:`.media`, :mod:`.yaml_read` and :mod:`.yaml_write`; knows nothing of XML.

In both, names may be "prefix:local" or "uri#local"; "@ns" is a namespace and means nothing here,
"@type" and "@element" name a type and an element, and ``{"@type": ..., "@value": ...}`` is a scalar
with its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from odimra import wire
from odimra.midpoint import names
from odimra.midpoint.document import (
    ELEMENT,
    NAMESPACE,
    TYPE,
    VALUE,
    BadDocument,
    Document,
    quoted,
    whole_characters,
)
from odimra.midpoint.scalars import typed

_SCALARS: Final = (str, int, float, bool, type(None))


def read(raw: bytes, max_depth: int) -> Document:
    """Return the JSON document in ``raw``. Raises :class:`BadDocument`."""
    try:
        parsed = wire.parse(raw, max_depth)
    except wire.RepeatedName as error:
        raise BadDocument(f"{quoted(error.name)} is there twice in one object") from None
    except wire.BadJson as error:
        raise BadDocument(f"no JSON that can be read: {error}") from None
    return document(parsed)


def document(parsed: Any) -> Document:
    """Return the document that ``parsed`` is: an object with one member. Raises BadDocument."""
    if not isinstance(parsed, dict):
        raise BadDocument("the document must be an object with one member")
    members = [name for name in parsed if name != NAMESPACE]
    if len(members) != 1:
        raise BadDocument(f"the document must have one member, but has {len(members)}")
    (name,) = members
    return Document(names.local(name), inward(parsed[name]))


def inward(value: Any) -> Any:
    """Return ``value`` with local names. Its depth must be bounded. Raises BadDocument."""
    if isinstance(value, dict):
        return _object_inward(value)
    if isinstance(value, list):
        return [inward(item) for item in value]
    return value


def _object_inward(members: dict[str, Any]) -> Any:
    if VALUE in members and members.keys() <= {VALUE, TYPE}:
        bare = members[VALUE]
        if isinstance(bare, str):
            return typed(bare, _type(members[TYPE])) if TYPE in members else bare
        if isinstance(bare, _SCALARS):
            return bare
    found: dict[str, Any] = {}
    for name, value in members.items():
        if name == NAMESPACE:
            continue
        if name in (TYPE, ELEMENT):
            local, kept = name, _type(value)
        elif name == VALUE:
            local, kept = name, inward(value)
        else:
            local, kept = names.local(name), inward(value)
        if local in found:
            raise BadDocument(f"{quoted(local)} is there twice in one object")
        found[local] = kept
    return found


def _type(value: Any) -> str:
    local = names.local_type(value) if isinstance(value, str) else ""
    if not local:
        raise BadDocument(f"{TYPE} and {ELEMENT} must be names")
    return local


def whole(name: str, content: Any, kind: str) -> dict[str, Any]:
    """Return the document ``name`` as JSON and YAML have it, its types with their namespaces."""
    namespace = names.namespace_of_root(name)
    inner = outward(with_type(content, kind))
    if namespace == names.TYPES or not isinstance(inner, dict):
        return {NAMESPACE: namespace, member_name(name): inner}
    return {member_name(name): {NAMESPACE: namespace, **inner}}


def with_type(content: Any, kind: str) -> Any:
    """Return ``content`` as one of the type ``kind``, when there is one."""
    if not kind:
        return content
    return {TYPE: kind, **{name: value for name, value in content.items() if name != TYPE}}


def outward(value: Any) -> Any:
    """Return ``value`` so that :func:`inward` makes the same of it; types get namespaces."""
    if isinstance(value, Mapping):
        return _object_outward(value)
    if isinstance(value, list | tuple):
        return [outward(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def _object_outward(members: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members.items():
        if name in (TYPE, ELEMENT) and isinstance(value, str) and names.PLAIN.fullmatch(value):
            found[name] = value if name == ELEMENT else f"{names.namespace_of_type(value)}#{value}"
        elif name == VALUE and not members.keys() <= {VALUE, TYPE}:
            found[name] = outward(value)
        else:
            found[member_name(name)] = outward(value)
    return found


def member_name(name: str) -> str:
    """Return ``name`` as a member is called, so that it is read as ``name`` again."""
    if name in (TYPE, ELEMENT, VALUE, NAMESPACE) or names.local(name) != name:
        return names.escape(name)
    return name


def render(name: str, content: Any, kind: str) -> bytes:
    """Return the document ``name`` in JSON."""
    return dumps(whole(name, content, kind)) + b"\n"


def dumps(value: Any) -> bytes:
    """Return ``value``, which has gone through :func:`outward`, as JSON."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        return orjson.dumps(_printable(value), option=orjson.OPT_INDENT_2)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, dict):
        return {whole_characters(name): _printable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
