"""``$expand`` and ``$select``: what of a resource, and of those it links to, an answer shows.

DSP0266, query parameters. Pure but for the fetching of what is linked, which is passed in; called
by :mod:`.query`. Bodies are never changed, resources may keep theirs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from odimra.redfish import errors
from odimra.redfish.resource import Body

#: Returns the resource at a URI as the caller may see it; None when it may not, or there is none.
Fetch = Callable[[str], Awaitable[Body | None]]

#: Resources read together: as many commands of the store travel in one go.
CHUNK = 200
EXPAND = re.compile(r"([*.~])(?:\(\$levels=([0-9]{1,9})\))?")
SELECT = re.compile(r"[A-Za-z@#][\w.@#]*(?:/[A-Za-z@#][\w.@#]*)*")
#: Properties that one ``$select`` may name.
MOST_SELECTED = 100
#: What ``$select`` never takes away.
KEPT = ("@odata.id", "@odata.type", "@odata.context", "@odata.etag")

#: The properties that a ``$select`` names, each with those below it; empty is all of it.
Selection = dict[str, Any]


class Budget:
    """How many more resources one answer may hold."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, count: int) -> None:
        """Take ``count``; raises 507 when that is more than is left."""
        self._left -= count
        if self._left < 0:
            raise errors.too_much()


@dataclass(frozen=True, slots=True)
class Expand:
    """What ``$expand`` asks for: ``*`` all, ``.`` not within Links, ``~`` only within Links."""

    what: str
    levels: int

    @classmethod
    def parse(cls, text: str, max_levels: int) -> Expand:
        """Read the value of ``$expand``. Raises 400."""
        found = EXPAND.fullmatch(text)
        if found is None:
            raise errors.query_value_format(text, "$expand")
        levels = int(found[2] or 1)
        if not 1 <= levels <= max_levels:
            raise errors.query_out_of_range(found[2], "$levels", f"1-{max_levels}")
        return cls(found[1], levels)

    def wants(self, within_links: bool) -> bool:
        """Tell whether a link in that place is to be replaced by what it leads to."""
        return self.what == "*" or (self.what == "~") == within_links

    def below(self) -> Expand | None:
        """Return what is asked of the resources that this one brings in."""
        return Expand(self.what, self.levels - 1) if self.levels > 1 else None


@dataclass(slots=True)
class _Place:
    """Where in a body a link stands."""

    within: Any
    at: str | int
    uri: str


async def read(uris: Sequence[str], fetch: Fetch) -> list[Body | None]:
    """Return the resources at ``uris``, in that order."""
    found: list[Body | None] = []
    for start in range(0, len(uris), CHUNK):
        found += await asyncio.gather(*(fetch(uri) for uri in uris[start : start + CHUNK]))
    return found


async def expand(body: Body, asked: Expand, fetch: Fetch, budget: Budget) -> Body:
    """Return ``body`` with its links replaced by what they lead to. Raises 507 over ``budget``."""
    places: list[_Place] = []
    shown: Body = _copy(body, asked, False, places)
    places = [place for place in places if place.uri != body.get("@odata.id")]
    budget.spend(len(places))
    for place, found in zip(
        places, await read([place.uri for place in places], fetch), strict=True
    ):
        if found is None:
            continue
        below = asked.below()
        place.within[place.at] = (
            found if below is None else await expand(found, below, fetch, budget)
        )
    return shown


def _copy(value: Any, asked: Expand, within_links: bool, places: list[_Place]) -> Any:
    """Copy the structure of ``value`` and note the links in it that are asked for."""
    if isinstance(value, dict):
        target: Any = {}
        items: Any = value.items()
    elif isinstance(value, list):
        target, items = [None] * len(value), enumerate(value)
    else:
        return value
    for at, inner in items:
        if _is_link(inner):
            target[at] = inner
            if asked.wants(within_links):
                places.append(_Place(target, at, inner["@odata.id"]))
        elif isinstance(at, str) and at.startswith("@"):
            target[at] = inner  # an annotation belongs to the protocol, not to the resource
        else:
            target[at] = _copy(inner, asked, within_links or at == "Links", places)
    return target


def _is_link(value: Any) -> bool:
    # With a fragment it leads into a resource, which is then shown where it stands.
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("@odata.id"), str)
        and "#" not in value["@odata.id"]
    )


def parse_select(text: str) -> Selection:
    """Read the value of ``$select``. Raises 400."""
    names = [name.strip() for name in text.split(",")]
    if len(names) > MOST_SELECTED or not all(SELECT.fullmatch(name) for name in names):
        raise errors.query_value_format(text, "$select")
    selection: Selection = {}
    # Shortest first: a property named as a whole stays whole, whatever else is said of it.
    for path in sorted((name.split("/") for name in names), key=len):
        inner = selection
        for depth, name in enumerate(path):
            if name in inner and not inner[name] and depth < len(path) - 1:
                break
            inner = inner.setdefault(name, {})
    return selection


def select(value: Any, selection: Selection) -> Any:
    """Return of ``value`` what is selected, and what identifies a resource."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(one, selection) for one in value]
    if not isinstance(value, dict):
        return value
    chosen: Body = {}
    for name, inner in value.items():
        if name in selection:
            chosen[name] = select(inner, selection[name])
        # "Members@odata.count" is said of Members and goes with it.
        elif name in KEPT or (not name.startswith("@") and name.partition("@")[0] in selection):
            chosen[name] = inner
    return chosen
