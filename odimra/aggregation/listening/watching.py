"""Looks at a BMC's resources and tells what has changed since somebody looked last.

Called by the listener; knows the BMC client only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import orjson

from odimra.aggregation.bmc import BadAnswer, Bmc, Refused

ROOT = "/redfish/v1"
LOOKED_AT = (f"{ROOT}/Systems", f"{ROOT}/Chassis", f"{ROOT}/Managers")
#: Resources of each kind that are looked at, and pages of their collection, at most.
MOST = 200
MOST_PAGES = 20
#: What changes by itself, or is told in a way of its own.
VOLATILE = ("@odata.etag", "DateTime", "PowerState", "Status")
POWER = {
    "On": "ResourcePoweredOn",
    "Off": "ResourcePoweredOff",
    "PoweringOn": "ResourcePoweringOn",
    "PoweringOff": "ResourcePoweringOff",
    "Paused": "ResourcePaused",
}
NOT_THERE = (404, 410)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a resource."""

    etag: str = ""
    digest: str = ""
    health: str = ""
    state: str = ""
    power: str = ""

    @classmethod
    def of(cls, etag: str, body: Mapping[str, Any]) -> Seen:
        """Read a resource; BMCs leave out much, and say null."""
        status = body.get("Status")
        status = status if isinstance(status, dict) else {}
        rest = {name: value for name, value in body.items() if name not in VOLATILE}
        rest["Status"] = {k: v for k, v in status.items() if k not in ("Health", "State")}
        flat = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)
        return cls(
            etag,
            hashlib.sha256(flat).hexdigest()[:16],
            *(
                value if isinstance(value, str) else ""
                for value in (status.get("Health"), status.get("State"), body.get("PowerState"))
            ),
        )

    def stored(self) -> str:
        """Return the stored form."""
        return orjson.dumps(astuple(self)).decode()

    @classmethod
    def load(cls, stored: str) -> Seen:
        """Read the stored form."""
        return cls(*orjson.loads(stored))


#: What is there, and could not be looked at yet.
NOT_SEEN = Seen()


@dataclass(frozen=True, slots=True)
class Change:
    """What has happened to a resource: the key of a ResourceEvent, its arguments, its severity."""

    path: str
    key: str
    args: tuple[str, ...] = ()
    severity: str = "OK"


async def look(bmc: Bmc, known: Mapping[str, Seen]) -> dict[str, Seen]:
    """Return what is to be seen at a BMC now. Raises :class:`~odimra.aggregation.bmc.BmcError`.

    What the BMC cannot show at the moment is as it was.
    """
    found: dict[str, Seen] = {}
    for collection in LOOKED_AT:
        for path in await _members(bmc, collection):
            before = known.get(path)
            seen = await _one(bmc, path, before)
            if seen is not None:
                found[path] = seen
    return found


async def _one(bmc: Bmc, path: str, before: Seen | None) -> Seen | None:
    try:
        answer = await bmc.get(path, etag=before.etag if before and before.etag else None)
    except Refused as error:
        return None if error.status in NOT_THERE else before or NOT_SEEN
    except BadAnswer:
        return before or NOT_SEEN
    if answer.status == 304 or answer.body is None:
        return before or NOT_SEEN
    return Seen.of(answer.headers.get("ETag", ""), answer.body)


async def _members(bmc: Bmc, collection: str) -> list[str]:
    found: dict[str, None] = {}
    page: str | None = collection
    for _ in range(MOST_PAGES):
        if page is None or len(found) >= MOST:
            break
        try:
            body = (await bmc.get(page)).body or {}
        except Refused as error:
            if error.status in NOT_THERE:
                break
            raise
        members = body.get("Members")
        for one in members if isinstance(members, list) else ():
            path = one.get("@odata.id") if isinstance(one, dict) else None
            if isinstance(path, str) and path.startswith(f"{collection}/"):
                found[path.rstrip("/")] = None
        onward = body.get("Members@odata.nextLink")
        page = onward if isinstance(onward, str) and onward.startswith("/") else None
    return list(found)[:MOST]


def changes(
    before: Mapping[str, Seen], after: Mapping[str, Seen], name: Mapping[str, str]
) -> Iterator[Change]:
    """Return what has changed; ``name`` is what resources are called in messages, by path."""
    for path, seen in after.items():
        old = before.get(path)
        if old is None:
            yield Change(path, "ResourceCreated")
            continue
        if old == NOT_SEEN:
            continue
        about = name.get(path, path)
        if seen.digest != old.digest:
            yield Change(path, "ResourceChanged")
        if seen.power != old.power and seen.power in POWER:
            yield Change(path, POWER[seen.power], (about,))
        if seen.state != old.state and seen.state:
            yield Change(path, "ResourceStateChanged", (about, seen.state))
        if seen.health != old.health and seen.health in ("OK", "Warning", "Critical"):
            key = f"ResourceStatusChanged{seen.health}"
            yield Change(path, key, (about, seen.health), seen.health)
    for path in before:
        if path not in after:
            yield Change(path, "ResourceRemoved")
