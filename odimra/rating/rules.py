"""The rules of hashmap as operators keep them: services, fields, groups, mappings, thresholds.

All of them are one hash with a revision: they are few, change seldom, and hang together. A change
is worked out on what was read and written if nobody was faster, so that two racing ones cannot both
make the same rule. Called by faces and by the jobs that rate; knows the store.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from odimra.clock import Clock
from odimra.rating.book import (
    FIELD,
    GROUP,
    MAPPING,
    MODULE,
    SERVICE,
    THRESHOLD,
    Book,
    Changes,
    Entity,
)
from odimra.rating.errors import BadRule, RuleExists, TooMany
from odimra.rating.hashmap import FLAT, RATE, number
from odimra.store import Script, Store

CHANGE = Script.from_package("odimra.rating", "lua/rules_change.lua")

#: How often a change is worked out anew because others were faster.
TRIES = 50
#: Largest cost and level: more digits than 28 would not be counted exactly.
MOST_DIGITS = 28
#: Mappings that were deleted and are kept, the newest: operators may ask who did it.
KEPT_DELETED = 1000

T = TypeVar("T")


class Rules:
    """The rules of a store; there may be ``limit`` of all kinds together."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        limit: int = 10_000,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._new_id = new_id
        self._key = store.keys.of("rating", "rules")
        self._known: Book | None = None
        self._turn = asyncio.Lock()

    @property
    def now(self) -> int:
        """The time in seconds since the epoch."""
        return self._clock.now_ms() // 1000

    async def book(self) -> Book:
        """Return all rules as they are now."""
        known = self._known
        if known is not None:
            rev = await self._store.call("HGET", self._key, "rev")
            if int(rev or 0) == known.rev:
                return known
        reply = await self._store.call("HGETALL", self._key)
        if not isinstance(reply, Mapping):
            reply = dict(zip(reply[::2], reply[1::2], strict=True))
        entities: dict[str, dict[str, Entity]] = {}
        rows = [
            (orjson.loads(value), *name.decode().split(":", 1))
            for name, value in reply.items()
            if name != b"rev"
        ]
        for entity, kind, id in sorted(rows, key=lambda row: row[0]["number"]):
            entities.setdefault(kind, {})[id] = entity
        self._known = Book(int(reply.get(b"rev", 0)), entities)
        return self._known

    async def change(self, work: Callable[[Book, Changes], T]) -> T:
        """Do ``work`` on the rules as they are, and write what it says; return what it returns.

        It is done anew when somebody else was faster, so it must not touch anything else. Raises
        what it raises, and :class:`TooMany`.
        """
        # One after the other here: only other processes can be faster then.
        async with self._turn:
            return await self._change(work)

    async def _change(self, work: Callable[[Book, Changes], T]) -> T:
        for attempt in range(TRIES):
            if attempt:
                # Processes that wait for different times do not meet again and again.
                await asyncio.sleep(random.uniform(0, 0.002 * attempt))  # noqa: S311
            book, changes = await self.book(), Changes()
            result = work(book, changes)
            new = sum(kind != MODULE and id not in book.of(kind) for kind, id, _ in changes.puts)
            if new and book.size() + new > self._limit:
                raise TooMany(f"there are {self._limit} rules, which is the most")
            args: list[str | bytes | int] = [book.rev, len(changes.puts)]
            for kind, id, entity in changes.puts:
                entity.setdefault("number", book.rev + 1)
                args += (f"{kind}:{id}", orjson.dumps(entity))
            args += [f"{kind}:{id}" for kind, id in changes.gone]
            said = await self._store.script(CHANGE, keys=[self._key], args=args)
            self._known = None
            if said == b"ok":
                return result
        raise TooMany("others change the rules all the time")

    # Making rules

    async def add_service(self, name: str) -> Entity:
        """Make a service. Raises :class:`RuleExists`."""

        def work(book: Book, changes: Changes) -> Entity:
            for one in book.live(SERVICE):
                if one["name"] == name:
                    raise RuleExists(f"Service {name} already exists (UUID: {one['service_id']})")
            return self._made(changes, SERVICE, {"name": name})

        return await self.change(work)

    async def add_field(self, service_id: str, name: str) -> Entity:
        """Make a field of a service. Raises :class:`RuleExists`, :class:`RuleMissing`."""

        def work(book: Book, changes: Changes) -> Entity:
            book.get(SERVICE, service_id)
            for one in book.live(FIELD):
                if one["service_id"] == service_id and one["name"] == name:
                    raise RuleExists(f"Field {name} already exists (UUID: {one['field_id']})")
            return self._made(changes, FIELD, {"name": name, "service_id": service_id})

        return await self.change(work)

    async def add_group(self, name: str) -> Entity:
        """Make a group. Raises :class:`RuleExists`."""

        def work(book: Book, changes: Changes) -> Entity:
            for one in book.live(GROUP):
                if one["name"] == name:
                    raise RuleExists(f"Group {name} already exists (UUID: {one['group_id']})")
            return self._made(changes, GROUP, {"name": name})

        return await self.change(work)

    def _made(self, changes: Changes, kind: str, values: Entity) -> Entity:
        id = self._new_id()
        entity = {f"{kind}_id": id, **values}
        changes.puts.append((kind, id, entity))
        return entity

    async def add_mapping(self, values: Entity, *, by: str, force: bool = False) -> Entity:
        """Make a mapping; one that starts in the past only with ``force``.

        Raises :class:`BadRule`, :class:`RuleExists`, :class:`RuleMissing`.
        """

        def work(book: Book, changes: Changes) -> Entity:
            entity = self._mapping(book, values)
            if entity["start"] is None:
                entity["start"] = self.now
            elif entity["start"] < self.now and not force:
                raise self._past(entity)
            _check_end(entity)
            self._alone(book, MAPPING, entity)
            return self._made(changes, MAPPING, {**entity, "created_by": by, "deleted": None})

        return await self.change(work)

    def _past(self, entity: Mapping[str, Any]) -> BadRule:
        return BadRule(
            "Cannot create a rule with start in the past. "
            f"start=[{_shown(entity['start'])}] current time=[{_shown(self.now)}]."
        )

    def _mapping(self, book: Book, values: Mapping[str, Any]) -> Entity:
        entity = self._costing(book, values)
        value = values.get("value")
        if entity["service_id"] is not None and value is not None:
            raise BadRule("You can't specify a value and a service_id.")
        if entity["field_id"] is not None and not value:
            raise BadRule("You must specify a value for a field mapping.")
        return {
            **entity,
            "value": value,
            "start": values.get("start"),
            "end": values.get("end"),
            "name": values.get("name"),
            "description": values.get("description"),
        }

    async def add_threshold(self, values: Entity) -> Entity:
        """Make a threshold. Raises :class:`BadRule`, :class:`RuleExists`, :class:`RuleMissing`."""

        def work(book: Book, changes: Changes) -> Entity:
            entity = {
                **self._costing(book, values),
                "level": _amount(values.get("level"), "level"),
            }
            self._alone(book, THRESHOLD, entity)
            return self._made(changes, THRESHOLD, entity)

        return await self.change(work)

    def _costing(self, book: Book, values: Mapping[str, Any]) -> Entity:
        service, attribute = values.get("service_id"), values.get("field_id")
        if service is None and attribute is None:
            raise BadRule("You must specify one parent.")
        if service is not None and attribute is not None:
            raise BadRule("You can only specify one parent.")
        if service is not None:
            book.get(SERVICE, service)
        if attribute is not None:
            book.get(FIELD, attribute)
        group = values.get("group_id")
        if group is not None:
            book.get(GROUP, group)
        kind = values.get("type", FLAT)
        if kind not in (FLAT, RATE):
            raise BadRule(f"type: is neither {FLAT} nor {RATE}")
        return {
            "service_id": service,
            "field_id": attribute,
            "group_id": group,
            "tenant_id": values.get("tenant_id"),
            "type": kind,
            "cost": _amount(values.get("cost"), "cost"),
        }

    @staticmethod
    def _alone(book: Book, kind: str, entity: Mapping[str, Any], but: str | None = None) -> None:
        """Raise :class:`RuleExists` when another rule says something of the same."""
        what = "value" if kind == MAPPING else "level"
        same = ("service_id", "field_id", "group_id", "tenant_id", what)
        for one in book.live(kind):
            if one[f"{kind}_id"] == but or any(one[name] != entity[name] for name in same):
                continue
            if kind == MAPPING and not _together(one, entity):
                continue
            parent = "field" if entity["field_id"] is not None else "service"
            raise RuleExists(
                f"{kind.capitalize()} '{entity[what]}' already exists for {parent} "
                f"'{entity[f'{parent}_id']}', tenant: '{entity['tenant_id']}'"
            )

    # Changing and removing

    async def change_mapping(self, id: str, values: Entity, *, by: str) -> Entity:
        """Change a mapping; of one that runs already only the end.

        Raises :class:`BadRule`, :class:`RuleExists`, :class:`RuleMissing`.
        """

        def work(book: Book, changes: Changes) -> Entity:
            old = book.get(MAPPING, id)
            given = {name: one for name, one in values.items() if name in old}
            changed = {**old, **given}
            entity = self._mapping(book, changed)
            if entity["start"] is None:
                entity["start"] = old["start"]
            different = {
                name for name, one in entity.items() if one != old.get(name) and name != "end"
            }
            if different and old["start"] <= self.now:
                raise BadRule(
                    "You are allowed to update only the attribute [end] as this rule is already "
                    f"running as it started on [{_shown(old['start'])}]"
                )
            if entity["start"] < self.now and entity["start"] != old["start"]:
                raise self._past(entity)
            if entity["end"] is not None and entity["end"] < self.now:
                raise BadRule("A rule cannot end in the past.")
            _check_end(entity)
            self._alone(book, MAPPING, entity, id)
            entity = {**old, **entity, "updated_by": by}
            changes.puts.append((MAPPING, id, entity))
            return entity

        return await self.change(work)

    async def change_threshold(self, id: str, values: Entity) -> Entity:
        """Change a threshold. Raises what :meth:`add_threshold` does."""

        def work(book: Book, changes: Changes) -> Entity:
            old = book.get(THRESHOLD, id)
            changed = {**old, **{name: one for name, one in values.items() if name in old}}
            entity = {
                **old,
                **self._costing(book, changed),
                "level": _amount(changed["level"], "level"),
            }
            self._alone(book, THRESHOLD, entity, id)
            changes.puts.append((THRESHOLD, id, entity))
            return entity

        return await self.change(work)

    async def delete(self, kind: str, id: str, *, by: str = "", recursive: bool = False) -> None:
        """Remove a rule with all that hangs on it; of a group its rules only if ``recursive``.

        A mapping is kept and marked. Raises :class:`RuleMissing`; and :class:`RuleExists` if rules
        that lose their group would say what others say.
        """

        def work(book: Book, changes: Changes) -> None:
            entity = book.get(kind, id)
            if kind == MAPPING:
                changed = {**entity, "deleted": self.now, "deleted_by": by}
                changes.puts.append((MAPPING, id, changed))
                gone = [one for one in book.of(MAPPING).values() if one.get("deleted")]
                gone.sort(key=lambda one: int(one["deleted"]))
                oldest = gone[: max(0, len(gone) + 1 - KEPT_DELETED)]
                changes.gone += [(MAPPING, one["mapping_id"]) for one in oldest]
                return
            changes.gone.append((kind, id))
            for child in (FIELD, MAPPING, THRESHOLD):
                for other_id, one in book.of(child).items():
                    if one.get(f"{kind}_id") == id and child != kind:
                        self._cut(book, changes, kind, child, other_id, one, recursive=recursive)

        await self.change(work)

    def _cut(
        self, book: Book, changes: Changes, kind: str, child: str, id: str, one: Entity,
        *, recursive: bool,
    ) -> None:  # fmt: skip
        if kind == GROUP and not recursive:
            alone = {**one, "group_id": None}
            if not one.get("deleted"):
                self._alone(book, child, alone, id)
            changes.puts.append((child, id, alone))
            return
        changes.gone.append((child, id))
        if child == FIELD:
            for inner in (MAPPING, THRESHOLD):
                for inner_id, rule in book.of(inner).items():
                    if rule.get("field_id") == id:
                        changes.gone.append((inner, inner_id))

    async def set_module(self, id: str, **values: Any) -> None:
        """Change whether a module is used, and its priority."""

        def work(book: Book, changes: Changes) -> None:
            changes.puts.append((MODULE, id, {**book.of(MODULE).get(id, {}), **values}))

        await self.change(work)


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether there is a time at which both hold."""
    return not (
        (one["end"] is not None and one["end"] <= other["start"])
        or (other["end"] is not None and other["end"] <= one["start"])
    )


def _check_end(one: Mapping[str, Any]) -> None:
    if one["end"] is not None and one["end"] <= one["start"]:
        raise BadRule("The end of a rule has to be after its start.")


def _shown(seconds: int) -> str:
    return str(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))


def _amount(value: Any, name: str) -> str:
    """Return an amount as it is kept: the text of a decimal, never one of binary fractions."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadRule(f"{name}: has to be a number")
    found = number(str(value))
    if found is None or len(found.as_tuple().digits) > MOST_DIGITS or abs(found.adjusted()) > 28:
        raise BadRule(f"{name}: has to be a number of at most {MOST_DIGITS} digits")
    return format(found.normalize() if found else Decimal(0), "f")
