"""Reads resources of a BMC as they are to be shown here: collections whole, links made ours."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from odimra.aggregation.addresses import SHOWN, local, rewritten
from odimra.aggregation.bmc import BadAnswer, Bmc, Refused
from odimra.aggregation.bmc.bmc import refusal
from odimra.aggregation.bmc.wire import Answer
from odimra.aggregation.known import ROOTS

ROOT = "/redfish/v1"
#: Pages of a collection that are read, and members that are shown.
MOST_PAGES = 200
MOST_MEMBERS = 20_000
NEXT = "Members@odata.nextLink"
COUNT = "Members@odata.count"
ETAG = "@odata.etag"
#: Collections that hold resources of all sources.
_LISTED = frozenset(f"{ROOT}/{one}" for one in SHOWN)
NO_RESOURCE = "what it answers is no resource"
#: What can stand in an ETag (RFC 9110 8.8.3), in ASCII.
_TAG = re.compile(r"[\x21\x23-\x7e]{1,200}")
_COLLECTION = re.compile(r"#?\w+Collection(?:\.v[0-9]+_[0-9]+_[0-9]+)?\.\w+")
_TYPE = re.compile(r"\w+(?:\.v[0-9]+_[0-9]+_[0-9]+)?\.\w+")
_VERBS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Found:
    """A resource of a source as it is shown here.

    ``raw`` is its JSON with the ``etag`` (unquoted) in it; ``theirs`` is the ETag as the BMC writes
    it, empty if it has none. ``type`` is that of its schema (``Chassis.v1_23_0.Chassis``), empty if
    that cannot be known. ``allow`` is the Allow header. It was read at ``at`` (ms).
    """

    raw: bytes
    type: str
    etag: str
    theirs: str
    allow: str
    collection: bool
    at: int

    def body(self) -> dict[str, Any]:
        """Return it as a JSON object of one's own."""
        found: dict[str, Any] = orjson.loads(self.raw)
        return found


async def read(bmc: Bmc, source_id: str, uri: str, now: int, old: Found | None) -> Found:
    """Return the resource at ``uri`` of a BMC; ``old`` is what was found there before.

    Raises BmcError, of which Refused carries what the BMC says.
    """
    answer = await bmc.ask(
        "GET", uri, headers={"If-None-Match": old.theirs} if old and old.theirs else {}
    )
    if answer.status == 304 and old is not None:
        return replace(old, at=now)
    if answer.status != 200:
        raise refusal(answer)
    if answer.body is None:
        raise BadAnswer(NO_RESOURCE)
    body = answer.body
    is_collection = _is_collection(body)
    # The tag of the first page says nothing of the others.
    paged = is_collection and NEXT in body
    if paged:
        body = await _whole(bmc, body, uri)
    shown = shape(source_id, uri, body)
    theirs = "" if paged else their_tag(answer)
    return found_of(shown, theirs, _allow(answer, is_collection), now, is_collection)


def found_of(
    shown: dict[str, Any], theirs: str, allow: str, now: int, collection: bool = False
) -> Found:
    """Return a resource whose links are ours already. Raises BadAnswer."""
    shown.pop(ETAG, None)
    etag = our_tag(theirs) if theirs else ""
    try:
        if not etag:
            digest = hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS))
            etag = digest.hexdigest()[:24]
        raw = orjson.dumps({**shown, ETAG: f'"{etag}"'})
    except TypeError:  # too deep, numbers of a hundred digits, half characters
        raise BadAnswer("what it answers cannot be passed on") from None
    type_ = str(shown.get("@odata.type", "")).removeprefix("#")
    if not _TYPE.fullmatch(type_):
        type_ = ""
    return Found(raw, type_, etag, theirs, allow, collection, now)


def shape(source_id: str, uri: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a resource of a BMC as it is shown here. Raises BadAnswer."""
    at = body.get("@odata.id")
    if not isinstance(at, str) or local(source_id, at) is None:
        body = {**body, "@odata.id": uri}
    try:
        shown = rewritten(source_id, body)
    except RecursionError:
        raise BadAnswer("what it answers is nested too deeply") from None
    if not isinstance(shown, dict):
        raise BadAnswer(NO_RESOURCE)
    shown.pop("@Redfish.Copyright", None)  # of mockups, which some BMCs are made of
    parent, _, name = str(shown.get("@odata.id", "")).rpartition("/")
    if parent in _LISTED and "Id" in shown:
        # Clients look for it among the members of the collection, where many are called "1".
        shown["Id"] = name
    return shown


def their_tag(answer: Answer) -> str:
    """Return the ETag that a BMC gives, as it writes it; empty if there is none."""
    given: Any = answer.headers.get("ETag")
    if given is None and answer.body is not None:
        given = answer.body.get(ETAG)
    return given.strip() if isinstance(given, str) and given.isprintable() else ""


def our_tag(theirs: str) -> str:
    """Return the (unquoted) ETag that stands for one of a BMC."""
    text = theirs.removeprefix("W/").strip('"')
    if _TAG.fullmatch(text):
        return text
    return hashlib.sha256(theirs.encode()).hexdigest()[:24]


async def members(bmc: Bmc) -> dict[str, list[str]]:
    """Return the members of the collections of a BMC that are listed here. Raises BmcError."""
    found: dict[str, list[str]] = {}
    for root in ROOTS:
        uri = f"{ROOT}/{root}"
        try:
            body = (await bmc.get(uri)).body or {}
        except Refused as error:
            if error.status not in (404, 410):
                raise
            body = {}  # some have no Chassis
        whole = await _whole(bmc, body, uri)
        paths = (_path(one) for one in whole["Members"])
        found[root] = list(dict.fromkeys(path for path in paths if path))
    return found


async def _whole(bmc: Bmc, body: dict[str, Any], uri: str) -> dict[str, Any]:
    """Return a collection with the members of all its pages. Raises BmcError."""
    all_members = _members(body)
    seen = {uri}
    onward = body.get(NEXT)
    while isinstance(onward, str) and onward:
        parts = urlsplit(onward)
        at = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if at in seen or len(seen) > MOST_PAGES or len(all_members) > MOST_MEMBERS:
            break  # it goes round in circles, or without an end
        seen.add(at)
        page = (await bmc.get(at)).body or {}
        all_members += _members(page)
        onward = page.get(NEXT)
    all_members = all_members[:MOST_MEMBERS]
    whole = {name: value for name, value in body.items() if name != NEXT}
    return {**whole, COUNT: len(all_members), "Members": all_members}


def _members(body: dict[str, Any]) -> list[Any]:
    found = body.get("Members")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _path(member: dict[str, Any]) -> str:
    at = member.get("@odata.id")
    return urlsplit(at).path.rstrip("/") if isinstance(at, str) else ""


def _is_collection(body: dict[str, Any]) -> bool:
    return isinstance(body.get("Members"), list) and bool(
        _COLLECTION.fullmatch(str(body.get("@odata.type", "")))
    )


def _allow(answer: Answer, collection: bool) -> str:
    """Return the Allow header: what the BMC says, else what can be meant."""
    given = {one.strip().upper() for one in answer.headers.get("Allow", "").split(",")}
    said = [verb for verb in _VERBS if verb in given]
    if "GET" in said:
        return ", ".join(said)
    return "GET, HEAD" if collection else "GET, HEAD, PATCH"
