"""``/v1/info`` and ``/v1/report/tenants``: what clients ask before they ask for more."""

from __future__ import annotations

from odimra.cloudkitty.asking import Answer, Ask
from odimra.cloudkitty.frame import Route
from odimra.rating.book import SERVICE
from odimra.rating.rules import Rules
from odimra.rating.scopes import Scopes

READ = "Login"


class InfoEndpoint:
    """The settings of rating, the metrics that have rules, the scopes."""

    def __init__(self, rules: Rules, scopes: Scopes, *, period: int, wait: int, key: str) -> None:
        self._rules = rules
        self._scopes = scopes
        self._config = {
            "collect": {"period": period, "wait_periods": wait, "scope_key": key},
            "metrics": {},
        }

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("GET", "v1/info/config", self.config, READ),
            Route("GET", "v1/info/metrics", self.metrics, READ),
            Route("GET", "v1/info/metrics/*", self.metric, READ),
            Route("GET", "v1/report/tenants", self.tenants),
        ]

    async def config(self, ask: Ask) -> Answer:
        """How usage is rated."""
        return Answer(self._config)

    async def metrics(self, ask: Ask) -> Answer:
        """The metrics that have rules."""
        book = await self._rules.book()
        names = [str(one["name"]) for one in book.live(SERVICE)]
        return Answer({"metrics": [_metric(name) for name in names]})

    async def metric(self, ask: Ask) -> Answer:
        """One metric."""
        return Answer(_metric(ask.params[0]))

    async def tenants(self, ask: Ask) -> Answer:
        """The ids of all scopes."""
        return Answer([one.id for one in await self._scopes.all()])


def _metric(name: str) -> dict[str, object]:
    return {"metric_id": name, "metadata": [], "unit": ""}
