"""``/v2/rating/modules``: which modules make prices, and in which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from odimra.cloudkitty.asking import Answer, Ask, check, short
from odimra.cloudkitty.errors import RatingFault, bad
from odimra.cloudkitty.frame import Route
from odimra.rating.book import MODULE, Book
from odimra.rating.rules import Rules

DESCRIPTIONS = {
    "hashmap": "HashMap rating module.",
    "noop": "Dummy test module.",
    "pyscripts": "PyScripts rating module: refused, as it would run anybody's code.",
}


class ModulesEndpoint:
    """The modules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            route
            for root in ("v1", "v2")
            for route in (
                Route("GET", f"{root}/rating/modules", self.listed),
                Route("GET", f"{root}/rating/modules/*", self.read),
                Route("PUT", f"{root}/rating/modules/*", self.change),
            )
        ]

    async def listed(self, ask: Ask) -> Answer:
        """All modules."""
        book = await self._rules.book()
        return Answer({"modules": [_shown(book, name) for name in DESCRIPTIONS]})

    async def read(self, ask: Ask) -> Answer:
        """One module."""
        return Answer(_shown(await self._rules.book(), _named(ask)))

    async def change(self, ask: Ask) -> Answer:
        """Whether it is used, and its priority."""
        name, body = _named(ask), await ask.body()
        check(body, (), ("enabled", "priority", "module_id", "description", "hot-config",
                         "hot_config"))  # fmt: skip
        values: dict[str, Any] = {}
        if "enabled" in body:
            if not isinstance(body["enabled"], bool):
                raise bad(f"Invalid data '{short(body)}' : expected bool (path: '['enabled']')")
            if body["enabled"] and name == "pyscripts":
                raise RatingFault(501, "pyscripts is not supported by this service")
            values["enabled"] = body["enabled"]
        if "priority" in body:
            priority = body["priority"]
            if isinstance(priority, Decimal) and priority == priority.to_integral_value():
                priority = int(priority)  # 1.0 is a whole number in JSON
            if (
                isinstance(priority, bool)
                or not isinstance(priority, int)
                or not 0 <= priority < 2**31
            ):
                raise bad(f"Invalid data '{short(body)}' : expected int (path: '['priority']')")
            values["priority"] = priority
        await self._rules.set_module(name, **values)
        return Answer(status=204)


def _named(ask: Ask) -> str:
    name = ask.params[0]
    if name not in DESCRIPTIONS:
        raise RatingFault(404, f"Module '{name[:60]}' not found")
    return name


def _shown(book: Book, name: str) -> dict[str, Any]:
    kept = book.of(MODULE).get(name, {})
    return {
        "module_id": name,
        "description": DESCRIPTIONS[name],
        "enabled": bool(kept.get("enabled", name == "hashmap")),
        "hot-config": name == "hashmap",
        "hot_config": name == "hashmap",
        "priority": int(kept.get("priority", 1)),
    }
