"""Documents in three forms: what the rest of the face knows of XML, JSON and YAML.

Called by the endpoints of :mod:`odimra.midpoint`; the three forms do not know each other, and none
knows HTTP. What a document's content is, whichever its form: :mod:`.document`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from odimra.midpoint import json_form, xml_read, xml_write, yaml_read, yaml_write
from odimra.midpoint.document import BadDocument, Document
from odimra.midpoint.forms import Form, NotAcceptable, UnknownForm, accepted, form_of
from odimra.midpoint.names import local_type
from odimra.midpoint.streaming import Writer
from odimra.wire import LONG

__all__ = [
    "BadDocument",
    "Document",
    "Form",
    "NotAcceptable",
    "UnknownForm",
    "Writer",
    "accepted",
    "form_of",
    "local_type",
    "read",
    "read_beside",
    "render",
]

#: Levels of nesting that are read unless a caller says otherwise.
MAX_DEPTH: Final = 32
_READERS: Final[Mapping[Form, Callable[[bytes, int], Document]]] = {
    Form.XML: xml_read.read,
    Form.JSON: json_form.read,
    Form.YAML: yaml_read.read,
}
_WRITERS: Final[Mapping[Form, Callable[[str, Any, str], bytes]]] = {
    Form.XML: xml_write.render,
    Form.JSON: json_form.render,
    Form.YAML: yaml_write.render,
}


def read(raw: bytes, form: Form, max_depth: int = MAX_DEPTH) -> Document:
    """Return the document in ``raw``.

    What is nested more than ``max_depth`` levels deep is refused before it is built. Raises
    :class:`BadDocument`.
    """
    return _READERS[form](raw, max_depth)


async def read_beside(raw: bytes, form: Form, max_depth: int = MAX_DEPTH) -> Document:
    """Return what :func:`read` does, without holding up others when it takes long."""
    if len(raw) <= LONG:
        return read(raw, form, max_depth)
    return await asyncio.get_running_loop().run_in_executor(None, read, raw, form, max_depth)


def render(form: Form, name: str, content: Any, type: str = "") -> bytes:
    """Return a whole document: ``content``, of the type ``type``, in one element ``name``.

    What :func:`read` makes of it is ``name`` and ``content`` again, save that XML has no types in
    content that is not free (see :mod:`.xml_write`). ``content`` may be nested some 200 levels
    deep, far more than is read; deeper it is a :class:`RecursionError` or :class:`TypeError`.
    """
    return _WRITERS[form](name, content, type)
