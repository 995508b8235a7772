"""A document into XML. Called by :mod:`.media`; knows nothing of the other forms.

Answers of the service's own are plain: an element for each member. Free content (a record, and
whatever is called "value") is written so that reading it gives the very same data, which takes
marks: ``xsi:type`` on what is no text, and in the namespace :data:`.names.OWN` ``list="single"`` on
a list of one, ``list="empty"`` on an empty one (elsewhere such a list is left out),
``list="nested"`` on a list that stands in a list, and ``escaped`` on texts with characters that XML
does not have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from odimra.midpoint import names
from odimra.midpoint.document import ELEMENT, TYPE, VALUE, whole_characters
from odimra.midpoint.json_form import with_type
from odimra.midpoint.xml_read import LISTS

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
INDENT: Final = "  "
_DECLARED: Final = "".join(
    f' xmlns{prefix and ":" + prefix}="{uri}"'
    for prefix, uri in (
        ("", names.COMMON),
        ("c", names.COMMON),
        ("apit", names.API_TYPES),
        ("s", names.SCRIPTING),
        ("t", names.TYPES),
        ("xsd", names.XSD),
        ("xsi", names.XSI),
        ("own", names.OWN),
    )
)
_ROOT_PREFIXES: Final = {
    names.COMMON: "",
    names.API_TYPES: "apit:",
    names.SCRIPTING: "s:",
    names.TYPES: "t:",
}
_TYPE_PREFIXES: Final = {names.COMMON: "c:", names.API_TYPES: "apit:"}
#: Types whose content is the service's own and known, so that it needs no marks.
PLAIN_TYPES: Final = frozenset(
    {
        "ExecuteScriptResponseType",
        "ObjectListType",
        "OperationResultType",
        "ScriptExecutionResultType",
        "TaskType",
    }
)
_PLAIN_ROOTS: Final = frozenset({"object", "objects", "task", "operationResult", "result"})
_ATTRIBUTES: Final = frozenset({"id", "oid", "version"})
_ATTRIBUTES_OF_REFERENCES: Final = _ATTRIBUTES | {"relation", "type"}
#: Characters that XML 1.0 does not have.
_NONE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BLANK = re.compile(r"[ \t\r\n]+")
#: What readers of XML make a line feed of.
_ENTITIES: Final = {"\r": "&#13;"}


#: What an object without anything in it would be a text without.
_ANY: Final = ' xsi:type="xsd:anyType"'


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an element stands: its indentation, and whether its content is free."""

    indent: str
    free: bool

    def within(self, name: str, kind: object) -> _Place:
        """Return the place of what is in the element ``name`` of the type ``kind``."""
        free = self.free or name == "value" or (_is_name(kind) and kind not in PLAIN_TYPES)
        return _Place(self.indent + INDENT, free)


@dataclass(frozen=True, slots=True)
class Root:
    """The element that a document consists of: its name, and whether its content is free."""

    tag: str
    free: bool

    @classmethod
    def of(cls, name: str, kind: str) -> Root:
        """Return the root of a document ``name`` whose content is of the type ``kind``."""
        prefix = _ROOT_PREFIXES[names.namespace_of_root(name)]
        plain = name in _PLAIN_ROOTS and (not kind or kind in PLAIN_TYPES)
        return cls(prefix + names.escape(name), not plain)


def render(name: str, content: Any, kind: str) -> bytes:
    """Return the document ``name`` in XML."""
    whole = with_type(content, kind)
    root = Root.of(name, _kind_of(whole))
    return _encoded(_single(root.tag, name, whole, _Place("", root.free), _DECLARED), DECLARATION)


def items(path: Sequence[str], values: Iterable[Any], root: Root) -> bytes:
    """Return the elements that ``values`` are, at ``path`` within ``root``."""
    place = _Place("", root.free).within("", None)
    *holders, name = path
    for holder in holders:
        place = place.within(holder, None)
    tag = names.escape(name)
    return _encoded(line for value in values for line in _single(tag, name, value, place))


def _encoded(lines: Iterable[str], before: str = "") -> bytes:
    text = before + "".join(lines)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return whole_characters(text).encode()


def _children(holder: str, content: Mapping[str, Any], place: _Place) -> Iterator[str]:
    """Yield the elements of an object: its members without those that are attributes."""
    for name, value in content.items():
        if (name == TYPE and _is_name(value)) or _is_attribute(holder, name, value, place.free):
            continue
        yield from _member(name, value, place)


def _member(name: str, value: Any, place: _Place) -> Iterator[str]:
    tag = names.escape(name)
    if not isinstance(value, list | tuple) or _is_unlike(value) or (name in LISTS and not value):
        yield from _single(tag, name, value, place)
    elif len(value) > 1:
        for item in value:
            yield from _single(tag, name, item, place)
    elif value:
        mark = ("single",) if place.within(name, None).free else ()
        yield from _single(tag, name, value[0], place, listing=mark)
    elif place.within(name, None).free:
        yield f'{place.indent}<{tag} own:list="empty"/>\n'


def _single(
    tag: str,
    name: str,
    value: Any,
    place: _Place,
    more: str = "",
    listing: tuple[str, ...] = (),
) -> Iterator[str]:
    """Yield the one element that ``value`` is, be it a list."""
    start = f"{place.indent}<{tag}{more}"
    if isinstance(value, list | tuple):
        yield from _list(start, tag, name, value, place, listing)
        return
    if listing:
        start += f' own:list="{" ".join(listing)}"'
    if isinstance(value, Mapping):
        inner = place.within(name, value.get(TYPE))
        yield from _object(start, tag, name, value, inner)
    else:
        yield f"{start}{_scalar(tag, name, value, place.within(name, None).free)}\n"


def _object(
    start: str, tag: str, name: str, value: Mapping[str, Any], inner: _Place
) -> Iterator[str]:
    if name in LISTS and value:
        start += ' list="false"'
    attributes = "".join(_attributes(name, value, inner.free))
    children = _children(name, value, inner)
    first = next(children, None)
    if first is None:
        yield f"{start}{attributes or _ANY}/>\n"
        return
    yield f"{start}{attributes}>\n"
    yield first
    yield from children
    yield f"{inner.indent.removesuffix(INDENT)}</{tag}>\n"


def _list(
    start: str,
    tag: str,
    name: str,
    values: list[Any] | tuple[Any, ...],
    place: _Place,
    listing: tuple[str, ...],
) -> Iterator[str]:
    inner = place.within(name, None)
    if _is_unlike(values) or (name in LISTS and not values):
        mark = f' own:list="{" ".join(listing)}"' if listing else ""
        yield f'{start}{mark} list="true">\n'
        for value in values:
            yield from _unlike(value, inner)
    else:
        yield f'{start} own:list="{" ".join((*listing, "nested"))}">\n'
        for value in values:
            yield from _single("item", "item", value, inner)
    yield f"{place.indent}</{tag}>\n"


def _unlike(value: Mapping[str, Any], place: _Place) -> Iterator[str]:
    """Yield an element of a list of unlike elements."""
    name = value[ELEMENT]
    tag = names.escape(name)
    rest = {member: item for member, item in value.items() if member != ELEMENT}
    if not rest:
        mark = ' list="false"' if name in LISTS else ""
        yield f"{place.indent}<{tag}{mark}/>\n"
    elif rest.keys() == {VALUE} and not isinstance(rest[VALUE], Mapping):
        bare = rest[VALUE]
        if bare == "":
            yield f'{place.indent}<{tag} xsi:type="xsd:string"/>\n'
        else:
            yield from _single(tag, name, bare, place)
    else:
        yield from _single(tag, name, rest, place)


def _is_unlike(values: list[Any] | tuple[Any, ...]) -> bool:
    return bool(values) and all(
        isinstance(value, Mapping) and _is_name(value.get(ELEMENT)) for value in values
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and names.PLAIN.fullmatch(value) is not None


def _kind_of(content: Any) -> str:
    kind = content.get(TYPE) if isinstance(content, Mapping) else None
    return kind if isinstance(kind, str) and _is_name(kind) else ""


def _attributes(holder: str, content: Mapping[str, Any], free: bool) -> Iterator[str]:
    kind = _kind_of(content)
    if kind:
        yield f' xsi:type="{_TYPE_PREFIXES[names.namespace_of_type(kind)]}{kind}"'
    for name, value in content.items():
        if _is_attribute(holder, name, value, free):
            yield f" {name}={quoteattr(_text(value))}"


def _is_attribute(holder: str, name: str, value: Any, free: bool) -> bool:
    if name not in (_ATTRIBUTES_OF_REFERENCES if holder.endswith("Ref") else _ATTRIBUTES):
        return False
    if isinstance(value, str):
        return _NONE.search(value) is None
    # An attribute has no type: what is free would not be the same when it is read.
    return not free and isinstance(value, int | float)


def _scalar(tag: str, name: str, value: Any, free: bool) -> str:
    """Return the rest of an element, behind its name."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ' xsi:nil="true"/>'
    if not isinstance(value, str):
        mark = f' xsi:type="xsd:{_schema_type(value)}"' if free else ""
        return f"{mark}>{_text(value)}</{tag}>"
    if not value:
        return ' xsi:type="xsd:string"/>' if name in LISTS else "/>"
    mark = ' xml:space="preserve"' if _BLANK.fullmatch(value) else ""
    if _NONE.search(value):
        mark += ' own:escaped="true"'
        value = names.escape_all(value, _NONE)
    return f"{mark}>{escape(value, _ENTITIES)}</{tag}>"


def _schema_type(value: int | float) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "double"
    if -(2**31) <= value < 2**31:
        return "int"
    return "long" if -(2**63) <= value < 2**63 else "integer"


def _text(value: str | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
