"""Names: their namespaces, what is left of them without, and how any text can be a name of XML.

Pure. Called by the readers and writers of the three forms.

A name that XML does not take is written with ``_xHHHH_`` for each character that it does not take
("@odata.id" is ``_x0040_odata.id``), and read back in every form. ``_x_`` is the empty name.
"""

from __future__ import annotations

import re
from typing import Final

_MIDPOINT: Final = "http://midpoint.evolveum.com/xml/ns/public/"
COMMON: Final = _MIDPOINT + "common/common-3"
API_TYPES: Final = _MIDPOINT + "common/api-types-3"
SCRIPTING: Final = _MIDPOINT + "model/scripting-3"
TYPES: Final = "http://prism.evolveum.com/xml/ns/public/types-3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
#: What XML has no words for and other readers may pass over: see :mod:`.xml_write`.
OWN: Final = "urn:odimra:xml"

#: Types that are not of the common namespace.
_API_TYPE_NAMES: Final = frozenset(
    {
        "ExecuteScriptResponseType",
        "ObjectListType",
        "ObjectModificationType",
        "ScriptExecutionResultType",
    }
)
#: Elements that start a document and are not of the common namespace.
_ROOTS: Final = {
    "object": TYPES,
    "objectModification": API_TYPES,
    "executeScript": SCRIPTING,
    "pipeline": SCRIPTING,
    "sequence": SCRIPTING,
    "search": SCRIPTING,
    "action": SCRIPTING,
}

# Letters on which all editions of XML agree; there are more, but escaping those does no harm.
_LETTERS = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0391-\u03a1\u03a3-\u03ce\u0410-\u044f"
    "\u05d0-\u05ea\u3041-\u3094\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
)
PLAIN = re.compile(rf"[{_LETTERS}][{_LETTERS}0-9.-]*")
_NOT_FIRST = re.compile(rf"[^{_LETTERS}]")
_NOT_LATER = re.compile(rf"[^{_LETTERS}0-9.-]")
#: An underscore that would be taken for the start of an escape.
_MISTAKABLE = re.compile(r"_(?=x)")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})_")
_EMPTY: Final = "_x_"
_IN_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#]*#([^#]+)")
_PREFIXED = re.compile(r"[^\W\d][\w.-]*:([^\W\d][\w.-]*)")


def namespace_of_type(local: str) -> str:
    """Return the namespace that the type ``local`` belongs to."""
    return API_TYPES if local in _API_TYPE_NAMES else COMMON


def namespace_of_root(local: str) -> str:
    """Return the namespace of a document that starts with ``local``."""
    return _ROOTS.get(local, COMMON)


def without_namespace(name: str) -> str:
    """Return what is left of "prefix:local" and "uri#local"; other names are left alone."""
    found = _IN_URI.fullmatch(name) or _PREFIXED.fullmatch(name)
    return found[1] if found else name


def local(name: str) -> str:
    """Return a member's name without its namespace and without escapes."""
    return unescape(without_namespace(name))


def local_type(name: str) -> str:
    """Return the local name of the type that ``name`` names, in whichever way."""
    return without_namespace(name).rpartition("#")[2].rpartition("/")[2].strip()


def escape(name: str) -> str:
    """Return ``name`` as a name that XML takes and that says the same in every form."""
    if not name:
        return _EMPTY
    text = escape_all(name, _NOT_LATER)
    return _NOT_FIRST.sub(_escaped, text[0]) + text[1:]


def escape_all(text: str, unwanted: re.Pattern[str]) -> str:
    """Return ``text`` with escapes for what matches ``unwanted``; :func:`unescape` undoes it."""
    return unwanted.sub(_escaped, _MISTAKABLE.sub("_x005F_", text))


def unescape(text: str) -> str:
    """Return ``text`` without escapes. An escape that is none stays as it is."""
    if "_x" not in text:
        return text
    return "" if text == _EMPTY else _ESCAPE.sub(_meant, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"_x{code:04X}_" if code < 0x10000 else f"_x{code:08X}_"


def _meant(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    # Half of a surrogate pair is no character.
    return found[0] if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)
