"""Where a BMC's resources are shown here, and where ours of that kind are at the BMC.

What is ``/redfish/v1/Systems/1/Bios`` at the source ``3f2a9c0d1b7e`` is
``/redfish/v1/Systems/3f2a9c0d1b7e.1/Bios`` here. Links in what a BMC answers are made ours;
those to what is not shown here are left out. Knows nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

ROOT = "/redfish/v1"
#: Collections whose members are shown among ours, with everything below them.
SHOWN = ("Systems", "Chassis", "Managers", "TaskService/Tasks")

_OURS = re.compile(
    rf"^{ROOT}/(?P<root>{'|'.join(SHOWN)})/(?P<source>[0-9a-f]{{12}})\.(?P<id>[^/#?]+)(?P<rest>.*)$",
    re.DOTALL,
)
_THEIRS = re.compile(
    rf"^{ROOT}/(?P<root>{'|'.join(SHOWN)})/(?P<id>[^/#?]+)(?P<rest>.*)$", re.DOTALL
)
COUNT = "@odata.count"


def local(source_id: str, uri: str) -> str | None:
    """Return where a BMC's resource is shown here; None if it is not.

    ``uri`` is a path of the BMC, or a URL by whichever name it calls itself.
    """
    if "://" in uri[:10]:
        parts = urlsplit(uri)
        uri = parts.path + (f"?{parts.query}" if parts.query else "")
        uri += f"#{parts.fragment}" if parts.fragment else ""
    found = _THEIRS.match(uri)
    if found is None:
        return None
    rest = found["rest"]
    if rest.endswith("/"):
        rest = rest.rstrip("/")
    return f"{ROOT}/{found['root']}/{source_id}.{found['id']}{rest}"


def remote(uri: str) -> tuple[str, str] | None:
    """Return the source of a resource that is shown here and its path there; None for our own."""
    found = _OURS.match(uri)
    if found is None:
        return None
    return found["source"], f"{ROOT}/{found['root']}/{found['id']}{found['rest']}"


class _Gone:
    """What is left out."""


_GONE = _Gone()


def rewritten(source_id: str, value: Any) -> Any:
    """Return a body of a BMC with the links in it made ours.

    A link to what is not shown here is left out: a property, a member of an array (whose count
    follows), an action. None if nothing is left of the body itself.
    """
    found = _rewrite(source_id, value)
    return None if found is _GONE else found


def _rewrite(source_id: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(source_id, value)
    if isinstance(value, list):
        kept = [_rewrite(source_id, one) for one in value]
        return [one for one in kept if one is not _GONE]
    if not isinstance(value, dict):
        return value
    if not value:
        return value
    # What a link or an action is without its target is nothing.
    for name in ("@odata.id", "target"):
        at = value.get(name)
        if isinstance(at, str) and _text(source_id, at) is _GONE:
            return _GONE
    return dict(_properties(source_id, value))


def _properties(source_id: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    shorter: dict[str, int] = {}
    for name, one in value.items():
        if name == "@odata.context":
            yield name, one
            continue
        kept = _rewrite(source_id, one)
        if kept is _GONE:
            continue
        if isinstance(one, list) and len(kept) != len(one):
            shorter[name + COUNT] = len(kept)
        if name in shorter:
            kept = shorter[name]
        yield name, kept
    # Counts that stand before their array.
    for name, count in shorter.items():
        if name in value:
            yield name, count


def _text(source_id: str, value: str) -> Any:
    path = value
    if "://" in value[:10]:
        path = urlsplit(value).path
    if not path.startswith("/redfish/"):
        return value
    found = local(source_id, value)
    return _GONE if found is None else found
