"""XML into a document, by the events of expat: no tree, and no recursion.

Called by :mod:`.media`; knows nothing of the other forms. Expat itself and not what is built on it:
there a document's depth is known only after it has been built, and the prefixes that ``xsi:type``
needs are gone. A DOCTYPE ends the reading, so no entities but the five of XML exist. Prefixes are
resolved here, because expat repeats a namespace, however long, in front of every name.

An element is, in this order: null (``xsi:nil``); of the type of XML Schema that ``xsi:type`` names;
a list (``list="true"``, and "pipeline" and "sequence" where nothing says otherwise); a text, when
it holds no elements and has no attributes that are members; an object. What :mod:`.xml_write` marks
in the namespace :data:`.names.OWN` is read back as it was.
"""

from __future__ import annotations

import re
from typing import Any, Final
from xml.parsers import expat

from odimra.midpoint import names
from odimra.midpoint.document import ELEMENT, TYPE, VALUE, BadDocument, Document, quoted
from odimra.midpoint.scalars import typed

#: Elements that hold a list of unlike elements, in their order.
LISTS: Final = frozenset({"pipeline", "sequence"})
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii"})
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_ALWAYS: Final = {"xml": _XML, "": ""}
#: Prefixes of XML Schema that types may have though nobody declared them.
_USUAL: Final = {"xsd": names.XSD, "xs": names.XSD}
_BLANK = re.compile(r"[ \t\r\n]*")
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


class _Empty:
    """What an element is that has nothing in it, as long as nobody knows whether it is a text."""


_EMPTY: Final = _Empty()


class _Open:
    """An element whose end has not come yet."""

    # What few elements have: theirs only when it is set, since a long document has very many.
    kind = ""
    schema_type = ""
    nil = False
    is_list: bool | None = None
    listing: frozenset[str] = frozenset()
    escaped = False
    preserve = False

    def __init__(self, name: str, prefixes: dict[str, str] | None, bare: bool) -> None:
        self.name = name
        #: What this element itself declares.
        self.prefixes = prefixes
        #: Whether it has no attributes at all, and so none of the above.
        self.bare = bare
        self.attributes: dict[str, str] = {}
        #: Its children by name, and those names whose value is a list of them.
        self.members: dict[str, Any] = {}
        self.repeated: set[str] = set()
        #: Its children in their order.
        self.items: list[tuple[str, Any]] = []
        self.texts: list[str] = []

    def add(self, child: _Open, value: Any) -> None:
        """Take ``child``, which has ended as ``value``."""
        name, settled = child.name, "" if value is _EMPTY else value
        self.items.append((name, value))
        if name in self.repeated:
            self.members[name].append(settled)
        elif name in self.members:
            self.members[name] = [self.members[name], settled]
            self.repeated.add(name)
        elif child.listing & {"single", "empty"}:
            self.members[name] = [settled] if "single" in child.listing else []
            self.repeated.add(name)
        else:
            self.members[name] = settled

    def value(self) -> Any:
        """Return what the element is, now that it has ended."""
        text = "".join(self.texts)
        blank = not text or _BLANK.fullmatch(text) is not None
        if self.bare and not self.items and self.name not in LISTS:
            return _EMPTY if blank else text
        if self.nil:
            if self.items or not blank:
                raise BadDocument(f"{quoted(self.name)} is nil and holds something")
            return None
        if self.schema_type not in ("", "anyType"):
            return self._with_attributes(self._scalar(text))
        if "nested" in self.listing and blank:
            return [_settled(value) for _, value in self.items]
        if self._lists(blank):
            return [_unlike(name, value) for name, value in self.items]
        if self.items:
            return self._object()
        if self.preserve or not blank:
            return self._with_attributes(self._unescaped(text))
        if self.attributes or self.kind or self.schema_type:
            return self._object()
        return _EMPTY

    def _lists(self, blank: bool) -> bool:
        if self.is_list is not None or self.schema_type:
            return self.is_list is True
        return self.name in LISTS and ((blank and not self.preserve) or bool(self.items))

    def _scalar(self, text: str) -> Any:
        if self.items:
            raise BadDocument(f"{quoted(self.name)} is of a simple type and holds elements")
        try:
            return typed(self._unescaped(text), self.schema_type)
        except BadDocument as error:
            raise BadDocument(f"{quoted(self.name)}: {error}") from None

    def _unescaped(self, text: str) -> str:
        return names.unescape(text) if self.escaped else text

    def _with_attributes(self, value: Any) -> Any:
        return {**self.attributes, VALUE: value} if self.attributes else value

    def _object(self) -> dict[str, Any]:
        typed_as = {TYPE: self.kind} if self.kind else {}
        found = {**typed_as, **self.attributes, **self.members}
        if len(found) < len(typed_as) + len(self.attributes) + len(self.members):
            raise BadDocument(f"{quoted(self.name)}: a name is there twice in one object")
        return found


def _settled(value: Any) -> Any:
    return "" if value is _EMPTY else value


def _unlike(name: str, value: Any) -> dict[str, Any]:
    """Return an element of a list of unlike elements."""
    if value is _EMPTY:
        return {ELEMENT: name}
    if not isinstance(value, dict):
        return {ELEMENT: name, VALUE: value}
    if ELEMENT in value:
        raise BadDocument(f"{quoted(name)}: {ELEMENT} is there twice")
    return {ELEMENT: name, **value}


def read(raw: bytes, max_depth: int) -> Document:
    """Return the XML document in ``raw``. Raises :class:`BadDocument`."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    builder = _Builder(max_depth)
    parser.XmlDeclHandler = _declaration
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        # All at once: a token that arrives in pieces is read from its start with each of them.
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code) or "syntax error"
        where = f"line {error.lineno} column {error.offset + 1}"
        raise BadDocument(f"no XML that can be read: {where}: {said}") from None
    except BadDocument as error:
        raise BadDocument(f"line {parser.CurrentLineNumber}: {error}") from None
    assert builder.document is not None
    return builder.document


def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise BadDocument("the text is neither UTF-8 nor UTF-16")


def _doctype(*_said: object) -> None:
    raise BadDocument("a DOCTYPE is not read")


class _Builder:
    """What has been built of one document so far."""

    def __init__(self, max_depth: int) -> None:
        self.document: Document | None = None
        self._max_depth = max_depth
        self._open: list[_Open] = []

    def start(self, name: str, attributes: list[str]) -> None:
        if len(self._open) >= self._max_depth:
            raise BadDocument(f"it is nested more than {self._max_depth} levels deep")
        holder = self._open[-1] if self._open else None
        if holder is not None and holder.texts:
            if not _BLANK.fullmatch("".join(holder.texts)):
                raise _mixed(holder.name)
            holder.texts.clear()
        element = _Open(name, _declared(attributes) if attributes else None, not attributes)
        self._open.append(element)
        if ":" in name or "_x" in name:
            element.name = self._local(name)
        for place in range(0, len(attributes), 2):
            self._attribute(element, attributes[place], attributes[place + 1])

    def text(self, text: str) -> None:
        element = self._open[-1]
        if not element.items:
            element.texts.append(text)
        elif not _BLANK.fullmatch(text):
            raise _mixed(element.name)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        value = element.value()
        if self._open:
            self._open[-1].add(element, value)
        else:
            self.document = Document(element.name, _settled(value))

    def _local(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        if colon and self._namespace(prefix) is None:
            raise BadDocument(f"nobody declares the prefix of {quoted(name)}")
        return names.unescape(local)

    def _namespace(self, prefix: str) -> str | None:
        for element in reversed(self._open):
            if element.prefixes is not None and prefix in element.prefixes:
                return element.prefixes[prefix]
        return _ALWAYS.get(prefix)

    def _attribute(self, element: _Open, name: str, value: str) -> None:
        prefix, colon, local = name.rpartition(":")
        if not colon:
            if name == "xmlns":
                return
            if name == "list" and value in ("true", "false"):
                element.is_list = value == "true"
                return
            member = names.unescape(name)
            if member in element.attributes:
                raise BadDocument(f"{quoted(element.name)}: a name is there twice in one object")
            element.attributes[member] = value
            return
        if prefix == "xmlns":
            return
        namespace = self._namespace(prefix)
        if namespace is None:
            raise BadDocument(f"nobody declares the prefix of {quoted(name)}")
        if namespace == names.XSI:
            self._instance(element, local, value)
        elif namespace == names.OWN:
            _own(element, local, value)
        elif namespace == _XML and local == "space":
            element.preserve = value == "preserve"

    def _instance(self, element: _Open, local: str, value: str) -> None:
        if local == "nil":
            if value.strip() not in _TRUE | _FALSE:
                raise BadDocument(f"{quoted(element.name)}: nil must be true or false")
            element.nil = value.strip() in _TRUE
        elif local == "type":
            prefix, _, kind = value.strip().rpartition(":")
            if not kind:
                raise BadDocument(f"{quoted(element.name)}: a type must have a name")
            namespace = self._namespace(prefix)
            if namespace is None:
                namespace = _USUAL.get(prefix)
            if namespace == names.XSD:
                element.schema_type = kind
            else:
                element.kind = names.unescape(kind)


def _own(element: _Open, local: str, value: str) -> None:
    if local == "list":
        element.listing = frozenset(value.split())
    elif local == "escaped":
        element.escaped = value in _TRUE


def _declared(attributes: list[str]) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for place in range(0, len(attributes), 2):
        name = attributes[place]
        if name == "xmlns" or name.startswith("xmlns:"):
            found = {} if found is None else found
            prefix = name.partition(":")[2]
            if prefix and not attributes[place + 1]:
                raise BadDocument(f"the prefix of {quoted(name)} has no namespace")
            found[prefix] = attributes[place + 1]
    return found


def _mixed(name: str) -> BadDocument:
    return BadDocument(f"{quoted(name)} holds both text and elements")
