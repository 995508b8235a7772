"""``/v2/scope``: who is rated, and up to when."""

from __future__ import annotations

from typing import Any

from odimra.cloudkitty.asking import PAGE, Answer, Ask, check, iso, moment, short, text
from odimra.cloudkitty.errors import RatingFault, bad
from odimra.cloudkitty.frame import Route
from odimra.jobs.reprocess.resetting import Resetting
from odimra.rating.errors import ScopeExists
from odimra.rating.scopes import Scope, Scopes

NOT_FOUND = "No resource found for provided filters."
FILTERS = ("scope_id", "scope_key", "fetcher", "collector")
#: Scopes that one answer lists.
MOST = 10_000


class ScopesEndpoint:
    """Scopes; ``key`` is what a scope is called in usage (``project_id``)."""

    def __init__(self, scopes: Scopes, resetting: Resetting, *, key: str) -> None:
        self._scopes = scopes
        self._resetting = resetting
        self._key = key

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("GET", "v2/scope", self.listed),
            Route("POST", "v2/scope", self.create),
            Route("PATCH", "v2/scope", self.change),
            Route("PUT", "v2/scope", self.reset),
        ]

    async def listed(self, ask: Ask) -> Answer:
        """The scopes that filters mean."""
        ask.known(*FILTERS, "active", "offset", "limit")
        wanted = {name: ask.several(name) for name in FILTERS}
        active = ask.several("active")
        if active is not None and any(one not in ("0", "1") for one in active):
            raise bad(f"Invalid data '{short(active)}' : expected int (path: '['active']')")
        offset = ask.number("offset", 0, 0)
        limit = min(ask.number("limit", PAGE, 1), MOST)
        found = [
            one
            for one in await self._scopes.all()
            if _meets(one, wanted) and (active is None or str(int(one.active)) in active)
        ]
        page = found[offset : offset + limit]
        if not page:
            raise RatingFault(404, NOT_FOUND)
        return Answer({"results": [_row(one) for one in page]})

    async def create(self, ask: Ask) -> Answer:
        """A new scope."""
        body = await ask.body()
        check(
            body,
            ("scope_id", "last_processed_timestamp"),
            ("scope_key", "fetcher", "collector", "active"),
        )
        scope = Scope(
            _id(body),
            text(body, "scope_key", self._key),
            text(body, "fetcher", "fleet"),
            text(body, "collector", "usage"),
            moment(body["last_processed_timestamp"], "last_processed_timestamp"),
            _active(body.get("active", True)),
        )
        try:
            return Answer(_row(await self._scopes.create(scope)))
        except ScopeExists:
            raise RatingFault(
                404, f"Cannot create a scope with an already existing scope_id: {scope.id}."
            ) from None

    async def change(self, ask: Ask) -> Answer:
        """Other properties of a scope."""
        body = await ask.body()
        check(body, ("scope_id",), ("scope_key", "fetcher", "collector", "active"))
        names = {"scope_key": "key", "fetcher": "fetcher", "collector": "collector"}
        values = {own: text(body, name) for name, own in names.items() if name in body}
        active = _active(body["active"]) if "active" in body else None
        return Answer(_row(await self._scopes.change(_id(body), active=active, **values)))

    async def reset(self, ask: Ask) -> Answer:
        """Take back what was rated behind a time; the ordinary rating does it once more."""
        body = await ask.body()
        check(body, (), (*FILTERS, "all_scopes", "last_processed_timestamp", "state"))
        # The client calls it by its older name.
        if "state" in body and "last_processed_timestamp" not in body:
            body["last_processed_timestamp"] = body["state"]
        if not isinstance(body.get("all_scopes", False), bool):
            raise bad(f"Invalid data '{short(body)}' : expected bool (path: '['all_scopes']')")
        if body.get("all_scopes") and "scope_id" in body:
            raise bad(
                f"Invalid data '{short(body)}' : two or more values in the same group of "
                "exclusion 'scope_selector' (path: '[]')"
            )
        if not body.get("all_scopes") and not body.get("scope_id"):
            raise bad("Either all_scopes or a scope_id should be specified.")
        if not body.get("last_processed_timestamp"):
            raise bad("Variable 'last_processed_timestamp' cannot be empty/None.")
        last = moment(body["last_processed_timestamp"], "last_processed_timestamp")
        if moment(body.get("state", body["last_processed_timestamp"]), "state") != last:
            raise bad("state: is another time than last_processed_timestamp.")
        wanted = {name: _listed(body.get(name), name) for name in FILTERS}
        found = [one for one in await self._scopes.all() if _meets(one, wanted)]
        if not found:
            raise RatingFault(404, NOT_FOUND)
        for scope in found:
            await self._resetting.reset(scope.id, last)
        return Answer({}, 202)


def _id(body: dict[str, Any]) -> str:
    found = text(body, "scope_id")
    if not found or "," in found or found != found.strip() or found == "ALL":
        raise bad(f"Invalid data '{short(found)}' : no id of a scope (path: '['scope_id']')")
    return found


def _active(value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise bad(f"Invalid data '{short(value)}' : expected bool (path: '['active']')")


def _listed(value: Any, name: str) -> list[str] | None:
    if value is None:
        return None
    given = value if isinstance(value, list) else [value]
    if any(not isinstance(one, str) for one in given):
        raise bad(f"Invalid data '{short(value)}' : expected str (path: '['{name}']')")
    return [one.strip() for text_ in given for one in text_.split(",")]


def _meets(scope: Scope, wanted: dict[str, list[str] | None]) -> bool:
    values = {
        "scope_id": scope.id,
        "scope_key": scope.key,
        "fetcher": scope.fetcher,
        "collector": scope.collector,
    }
    return all(found is None or values[name] in found for name, found in wanted.items())


def _row(scope: Scope) -> dict[str, Any]:
    return {
        "scope_id": scope.id,
        "scope_key": scope.key,
        "fetcher": scope.fetcher,
        "collector": scope.collector,
        "last_processed_timestamp": iso(scope.last),
        # What the client shows; current servers do not send it any more.
        "state": iso(scope.last),
        "active": scope.active,
        "scope_activation_toggle_date": None if scope.toggled is None else iso(scope.toggled),
    }
