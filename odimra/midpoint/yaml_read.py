"""YAML into a document, by events: nothing is built before its depth and its kind are known.

Called by :mod:`.media`. Only what JSON can say too is read: no anchors, no aliases, no objects of a
language. A plain text is null, true, false or a number where it is one in JSON or in the core
schema of YAML; dates, "yes" and "007" stay texts. A tag on an object is its "@type"; YAML has no
"#" in tags, so they are ``!<uri/Local>``, ``!<uri%23Local>`` or ``!Local``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from odimra.midpoint import json_form, names
from odimra.midpoint.document import TYPE, BadDocument, Document, quoted
from odimra.midpoint.scalars import is_number, number, typed

#: The parser in C where it is there: twenty times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML: Final = "tag:yaml.org,2002:"
#: Tags of YAML's own, and what XML Schema calls these types; what is none of them is refused.
_OWN_TAGS: Final = {
    "str": "string",
    "int": "integer",
    "float": "double",
    "bool": "boolean",
    "timestamp": "dateTime",
    "binary": "base64Binary",
}
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NOT_FINITE: Final = frozenset(
    sign + dot for sign in ("", "+", "-") for dot in (".inf", ".Inf", ".INF")
) | {".nan", ".NaN", ".NAN"}


def read(raw: bytes, max_depth: int) -> Document:
    """Return the YAML document in ``raw``. Raises :class:`BadDocument`."""
    loader = _LOADER(_text(raw))
    try:
        return json_form.document(_Builder(max_depth).built(_events(loader)))
    except yaml.YAMLError as error:
        raise BadDocument(f"no YAML that can be read{_where(error)}") from None
    finally:
        loader.dispose()


def _text(raw: bytes) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise BadDocument("the text is neither UTF-8 nor UTF-16") from None


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    said = f": {quoted(problem)}" if isinstance(problem, str) else ""
    return f": line {mark.line + 1} column {mark.column + 1}{said}" if mark is not None else said


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


class _Open:
    """A collection that is being read."""

    __slots__ = ("name", "value")

    def __init__(self, value: dict[str, Any] | list[Any]) -> None:
        self.value = value
        #: Of an object: the member whose value comes next.
        self.name: str | None = None

    def wants_name(self) -> bool:
        return isinstance(self.value, dict) and self.name is None

    def take(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        else:
            assert self.name is not None
            self.value[self.name] = value
            self.name = None


class _Builder:
    """What the events of one text have built so far."""

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._open: list[_Open] = []
        self._whole: Any = None
        self._documents = 0

    def built(self, events: Iterator[Any]) -> Any:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._start(event, _object_of(event))
            elif isinstance(event, yaml.SequenceStartEvent):
                self._start(event, _list_of(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
            elif isinstance(event, yaml.AliasEvent):
                raise BadDocument(f"{_line(event)}: aliases are not read")
            elif isinstance(event, yaml.DocumentStartEvent):
                self._document(event)
        return self._whole

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise BadDocument(f"{_line(event)}: a second document")
        # A short text with long handles would be very long tags.
        if event.tags:
            raise BadDocument(f"{_line(event)}: %TAG is not read")

    def _scalar(self, event: Any) -> None:
        _refuse_anchor(event)
        if self._open and self._open[-1].wants_name():
            self._name(event)
        else:
            self._put(_value_of(event))

    def _name(self, event: Any) -> None:
        holder = self._open[-1]
        name = event.value
        if name == "<<" and event.implicit[0]:
            raise BadDocument(f"{_line(event)}: merged objects are not read")
        assert isinstance(holder.value, dict)
        if name in holder.value:
            raise BadDocument(f"{_line(event)}: {quoted(name)} is there twice in one object")
        holder.name = name

    def _start(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        _refuse_anchor(event)
        if self._open and self._open[-1].wants_name():
            raise BadDocument(f"{_line(event)}: a name must be a text")
        if len(self._open) >= self._max_depth:
            raise BadDocument(f"it is nested more than {self._max_depth} levels deep")
        self._put(value)
        self._open.append(_Open(value))

    def _put(self, value: Any) -> None:
        if self._open:
            self._open[-1].take(value)
        else:
            self._whole = value


def _refuse_anchor(event: Any) -> None:
    if event.anchor is not None:
        raise BadDocument(f"{_line(event)}: anchors are not read")


def _object_of(event: Any) -> dict[str, Any]:
    tag = event.tag
    if tag is None or tag in ("!", _YAML + "map"):
        return {}
    return {TYPE: _local_tag(event)}


def _list_of(event: Any) -> list[Any]:
    if event.tag not in (None, "!", _YAML + "seq"):
        # A list has no place for its type.
        _local_tag(event)
    return []


def _value_of(event: Any) -> Any:
    text, tag = event.value, event.tag
    if tag is None:
        return _plain(event) if event.implicit[0] else text
    if tag == "!":
        return text
    if tag == _YAML + "null":
        return None
    try:
        if tag.startswith(_YAML):
            return typed(_lowered(text, tag), _OWN_TAGS[tag.removeprefix(_YAML)])
        return typed(text, _local_tag(event))
    except KeyError:
        raise _unknown_tag(event) from None
    except BadDocument as error:
        raise BadDocument(f"{_line(event)}: {error}") from None


def _lowered(text: str, tag: str) -> str:
    return text.lower() if tag == _YAML + "bool" else text


def _plain(event: Any) -> Any:
    text = event.value
    if text in _WORDS:
        return _WORDS[text]
    if is_number(text):
        try:
            return number(text)
        except BadDocument as error:
            raise BadDocument(f"{_line(event)}: {error}") from None
    if text in _NOT_FINITE:
        raise BadDocument(f"{_line(event)}: a number must be finite")
    return text


def _local_tag(event: Any) -> str:
    tag: str = event.tag
    local = names.local_type(tag.removeprefix("!"))
    if tag.startswith(_YAML) or not local:
        raise _unknown_tag(event)
    return local


def _unknown_tag(event: Any) -> BadDocument:
    return BadDocument(f"{_line(event)}: a tag that is not read: {quoted(event.tag)}")
