"""``/v1/rating/module_config/hashmap``: services, fields, groups, mappings and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.cloudkitty.asking import Answer, Ask, iso, moment
from odimra.cloudkitty.errors import RatingFault, bad
from odimra.cloudkitty.frame import Route
from odimra.rating.book import FIELD, GROUP, MAPPING, SERVICE, THRESHOLD, Entity
from odimra.rating.rules import Rules

ROOT = "v1/rating/module_config/hashmap"
KINDS: Mapping[str, str] = {
    "services": SERVICE,
    "fields": FIELD,
    "groups": GROUP,
    "mappings": MAPPING,
    "thresholds": THRESHOLD,
}
#: What of a rule is not shown.
OWN = frozenset({"number"})
_COSTING = frozenset({"service_id", "field_id", "group_id", "tenant_id", "type", "cost"})
#: What clients may say of a rule: what is shown of it, which they send back when they change it.
SAID: Mapping[str, frozenset[str]] = {
    SERVICE: frozenset({"service_id", "name"}),
    FIELD: frozenset({"field_id", "service_id", "name"}),
    GROUP: frozenset({"group_id", "name"}),
    MAPPING: _COSTING
    | {"mapping_id", "value", "start", "end", "name", "description", "force"}
    | {"created_by", "updated_by", "deleted", "deleted_by"},
    THRESHOLD: _COSTING | {"threshold_id", "level"},
}
#: What selects rules of a list, by the parameters that clients send.
SELECTING = ("service_id", "field_id", "group_id", "tenant_id")


class HashmapEndpoint:
    """Rules as operators make them. Ids come in the path, or in the body or query."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def routes(self) -> list[Route]:
        """Return what is served."""
        found = [Route("GET", f"{ROOT}/types", self.types)]
        for plural in KINDS:
            found += [
                Route("GET", f"{ROOT}/{plural}", self.listed),
                Route("POST", f"{ROOT}/{plural}", self.create),
                Route("PUT", f"{ROOT}/{plural}", self.change),
                Route("DELETE", f"{ROOT}/{plural}", self.delete),
                Route("GET", f"{ROOT}/{plural}/*", self.read),
                Route("PUT", f"{ROOT}/{plural}/*", self.change),
                Route("DELETE", f"{ROOT}/{plural}/*", self.delete),
            ]
        # Before those that take an id.
        return [
            Route("GET", f"{ROOT}/groups/mappings", self.of_group),
            Route("GET", f"{ROOT}/groups/thresholds", self.of_group),
            Route("GET", f"{ROOT}/mappings/group", self.group_of),
            Route("GET", f"{ROOT}/thresholds/group", self.group_of),
            *found,
        ]

    async def types(self, ask: Ask) -> Answer:
        """The kinds of cost."""
        return Answer(["flat", "rate"])

    async def listed(self, ask: Ask) -> Answer:
        """All rules of a kind that the query selects."""
        plural = _plural(ask)
        return await self._listed(plural, ask)

    async def of_group(self, ask: Ask) -> Answer:
        """The rules of a group."""
        plural = ask.request.path.rstrip("/").rpartition("/")[2]
        return await self._listed(plural, ask)

    async def _listed(self, plural: str, ask: Ask) -> Answer:
        query, no_group = ask.request.query, ask.flag("no_group")
        book = await self._rules.book()
        found = book.live(KINDS[plural])
        for name in SELECTING:
            if name in query:
                found = [one for one in found if one.get(name) == (query[name] or None)]
        if no_group:
            found = [one for one in found if one.get("group_id") is None]
        return Answer({plural: [_shown(one) for one in found]})

    async def group_of(self, ask: Ask) -> Answer:
        """The group of a rule."""
        plural = ask.request.path.rstrip("/").split("/")[-2]
        kind = KINDS[plural]
        book = await self._rules.book()
        rule = book.get(kind, ask.one(f"{kind}_id") or "None")
        if rule["group_id"] is None:
            raise RatingFault(404, f"The {kind} has no group.")
        return Answer(_shown(book.get(GROUP, rule["group_id"])))

    async def read(self, ask: Ask) -> Answer:
        """One rule."""
        book = await self._rules.book()
        return Answer(_shown(book.get(KINDS[_plural(ask)], ask.params[-1])))

    async def create(self, ask: Ask) -> Answer:
        """A new rule."""
        plural = _plural(ask)
        kind, body = KINDS[plural], await ask.body()
        _check(kind, body)
        if kind == SERVICE:
            made = await self._rules.add_service(_name(body))
        elif kind == FIELD:
            made = await self._rules.add_field(_id(body, "service_id"), _name(body))
        elif kind == GROUP:
            made = await self._rules.add_group(_name(body))
        elif kind == MAPPING:
            force = ask.flag("force") or body.pop("force", False)
            made = await self._rules.add_mapping(
                _values(body), by=ask.principal.account, force=force is True
            )
        else:
            made = await self._rules.add_threshold(_values(body))
        location = f"/{ROOT}/{plural}/{made[f'{kind}_id']}"
        return Answer(_shown(made), 201, {"Location": location})

    async def change(self, ask: Ask) -> Answer:
        """Change a rule. The answer is empty: a redirect has clients repeat the request."""
        plural = _plural(ask)
        kind, body = KINDS[plural], await ask.body()
        id = ask.params[-1] if ask.params else _id(body, f"{kind}_id")
        _check(kind, body)
        if kind == MAPPING:
            await self._rules.change_mapping(id, _values(body), by=ask.principal.account)
        elif kind == THRESHOLD:
            await self._rules.change_threshold(id, _values(body))
        else:
            raise RatingFault(405, f"A {kind} cannot be changed.", headers={"Allow": "GET, DELETE"})
        return Answer(status=204)

    async def delete(self, ask: Ask) -> Answer:
        """Remove a rule."""
        kind = KINDS[_plural(ask)]
        body = await ask.optional_body() or {}
        id = ask.params[-1] if ask.params else (ask.one(f"{kind}_id") or _id(body, f"{kind}_id"))
        recursive = body.get("recursive", ask.flag("recursive"))
        await self._rules.delete(kind, id, by=ask.principal.account, recursive=recursive is True)
        return Answer(status=204)


def _plural(ask: Ask) -> str:
    return ask.request.path.strip("/").split("/")[4]


def _check(kind: str, body: Mapping[str, Any]) -> None:
    # A name that is misspelt would make a rule of something else than was meant.
    for name in body:
        if name not in SAID[kind]:
            raise bad(f"Unknown attribute: {name[:60]}")


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise bad("name: has to be a text of at most 255 characters")
    return name


def _id(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        raise bad(f"{name}: is missing")
    return found


def _values(body: Mapping[str, Any]) -> Entity:
    """Return a rule's properties as rules are kept: times in seconds."""
    values = dict(body)
    for name in ("start", "end"):
        if values.get(name) is not None:
            values[name] = moment(values[name], name)
    for name in ("service_id", "field_id", "group_id", "tenant_id", "value", "name", "description"):
        one = values.get(name)
        if one is not None and not isinstance(one, str):
            raise bad(f"{name}: has to be a text")
    return values


def _shown(entity: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: one for name, one in entity.items() if name not in OWN}
    for name in ("start", "end", "deleted"):
        if shown.get(name) is not None:
            shown[name] = iso(shown[name])
    return shown
