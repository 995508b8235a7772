"""A document with a long list in it, written piece by piece in whichever form.

Called by the endpoints through :mod:`.media`. What stands around the list is rendered by the
writers of the forms, with a list of two marks in the place of the long one, and cut there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from odimra.midpoint import json_form, xml_write, yaml_write
from odimra.midpoint.forms import Form

#: What stands in for the items. Two of them, because a list of one may be written differently.
_MARKS: Final = ["@", "@"]


class Writer:
    """The document ``{name: {**before, path: [item, ...], **after}}``, in pieces.

    Members that are attributes in XML ("oid", "id", "version") must be before the list. Where the
    content is free (see :mod:`.xml_write`) a list of one item is no list when XML is read.
    """

    def __init__(
        self,
        form: Form,
        name: str,
        type: str = "",
        path: Sequence[str] = ("dataOutput", "item"),
    ) -> None:
        self._name = name
        self._type = type
        self._path = tuple(path)
        self._before: dict[str, Any] = {}
        self._begun = b""
        self._bridge: bytes | None = None
        self._render = _RENDERERS[form]
        self._form = _FORMS[form](self._name, self._type, self._path)

    def begin(self, before: Mapping[str, Any] | None = None) -> bytes:
        """Return what comes before the list."""
        self._before = dict(before or {})
        opening = self._whole(self._before, _MARKS, {}).rpartition(self._form.marks)[0]
        # As much as is the same whether there will be items or not.
        empty = self._whole(self._before, [], {})
        self._begun = _common(opening, empty)
        self._bridge = opening[len(self._begun) :]
        return self._begun

    def item(self, value: Any) -> bytes:
        """Return the next item of the list."""
        between = self._form.separator if self._bridge is None else self._bridge
        self._bridge = None
        return between + self._form.item(value)

    def end(self, after: Mapping[str, Any] | None = None) -> bytes:
        """Return what comes behind the list."""
        if self._bridge is not None:
            return self._whole(self._before, [], after or {})[len(self._begun) :]
        return self._whole({}, _MARKS, after or {}).partition(self._form.marks)[2]

    def _whole(
        self, before: Mapping[str, Any], items: list[Any], after: Mapping[str, Any]
    ) -> bytes:
        inner: Any = items
        for name in reversed(self._path):
            inner = {name: inner}
        return self._render(self._name, {**before, **inner, **after}, self._type)


def _common(one: bytes, other: bytes) -> bytes:
    """Return what both start with."""
    length = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[:length]


class _Xml:
    separator = b""

    def __init__(self, name: str, kind: str, path: tuple[str, ...]) -> None:
        self._path = path
        self._root = xml_write.Root.of(name, kind)
        self.marks = xml_write.items(path, _MARKS, self._root)

    def item(self, value: Any) -> bytes:
        return xml_write.items(self._path, [value], self._root)


class _Json:
    def __init__(self, _name: str, _kind: str, path: tuple[str, ...]) -> None:
        self._indent = b"\n" + b"  " * (len(path) + 2)
        self.separator = b"," + self._indent
        self.marks = b'"@"' + self.separator + b'"@"'

    def item(self, value: Any) -> bytes:
        # Within texts there are no line feeds.
        return json_form.dumps(json_form.outward(value)).replace(b"\n", self._indent)


class _Yaml:
    separator = b""

    def __init__(self, _name: str, _kind: str, path: tuple[str, ...]) -> None:
        self._indent = yaml_write.INDENT * (len(path) + 1)
        self.marks = yaml_write.items(_MARKS, self._indent)

    def item(self, value: Any) -> bytes:
        return yaml_write.items([value], self._indent)


_RENDERERS: Final[Mapping[Form, Callable[[str, Any, str], bytes]]] = {
    Form.XML: xml_write.render,
    Form.JSON: json_form.render,
    Form.YAML: yaml_write.render,
}
_FORMS: Final[Mapping[Form, type[_Xml] | type[_Json] | type[_Yaml]]] = {
    Form.XML: _Xml,
    Form.JSON: _Json,
    Form.YAML: _Yaml,
}
