"""What a document is once it has been read, and how one fails to be read.

The content of a document is plain JSON data, the same whichever form it came in: members by their
local names, ``@type`` the local name of a type, ``@element`` the local name of an element in a list
of unlike elements. Known by the readers and writers of the three forms; knows none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

TYPE: Final = "@type"
ELEMENT: Final = "@element"
VALUE: Final = "@value"
NAMESPACE: Final = "@ns"
#: Longest name that is quoted in a message, in characters.
LONGEST_QUOTED: Final = 60
_HALVES = re.compile("[\ud800-\udfff]")


class BadDocument(ValueError):
    """A document cannot be read. The text says where and why and may be shown to anyone."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document: the local name of its one element, and what is in it."""

    name: str
    content: Any


def quoted(name: str) -> str:
    """Return ``name`` as a message may show it: on one line, and not for ever."""
    short = name if len(name) <= LONGEST_QUOTED else name[:LONGEST_QUOTED] + "..."
    return "".join(letter if letter.isprintable() else "?" for letter in short)


def whole_characters(text: str) -> str:
    """Return ``text`` without halves of characters: scripts make them, no encoding takes them."""
    return _HALVES.sub("\ufffd", text)
