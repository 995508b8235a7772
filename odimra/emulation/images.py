"""What the name of a firmware image tells about it.

The rule, for people who write tests against it, is in docs/scenarios.md. Called by
:mod:`odimra.emulation.operations`; knows nobody.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

#: At least two numbers with dots between, not in the middle of a word, perhaps with ``v`` before;
#: a pre-release or build may follow behind a hyphen or plus, starting with a letter or digit.
_VERSION = re.compile(r"(?<![0-9A-Za-z.])[vV]?(\d+(?:\.\d+)+(?:[-+][0-9A-Za-z]+)?)")
_MAX = 64


class BadImageURI(ValueError):
    """The URI does not name a file, or is no URI."""


def image_name(uri: str) -> str:
    """Return the file name at the end of ``uri``, without query and credentials.

    Raises :class:`BadImageURI`.
    """
    try:
        path = unquote(urlsplit(uri).path)
    except ValueError as error:
        raise BadImageURI from error
    name = path.rpartition("/")[2]
    if not name.strip(". ") or not name.isprintable():
        raise BadImageURI
    return name


def image_version(name: str) -> str:
    """Return the version that an image brings: the last one in its name, else the bare name."""
    found = _VERSION.findall(name)
    if found:
        return str(found[-1])[:_MAX]
    return name.partition(".")[0][:_MAX] or name[:_MAX]
