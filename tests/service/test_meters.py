"""The whole service: machines that draw energy, and the price of it where a user looks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from odimra.clock import SystemClock, iso_seconds
from tests.support.service import Service

METRICS = "/redfish/v1/Chassis/node-1/EnvironmentMetrics"
SYSTEM = "/redfish/v1/Systems/node-1"
HASHMAP = "/v1/rating/module_config/hashmap"
SETTINGS = {
    "rating": {
        "period_seconds": 1,
        "wait_periods": 1,
        "look_seconds": 0.1,
        "meters": {"shop": ["tag:shop-*"]},
    },
    "emulation": {"time_factor": 1000},
}
#: For each kWh; a second of such a machine is some 1e-4 kWh.
PRICE = 1000


def until(ask: Callable[[], Any], true: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Return the first answer for which ``true`` holds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if true(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)  # the service is another process


def test_a_machine_with_the_tag_of_a_shop_is_on_its_bill() -> None:
    with Service(SETTINGS) as service:
        admin = service.admin()
        now = SystemClock().now_ms() // 1000
        scope = {"scope_id": "shop", "last_processed_timestamp": iso_seconds((now - 1) * 1000)}
        assert admin.post("/v2/scope", scope).status == 200
        made = admin.post(f"{HASHMAP}/services", {"name": "energy"}).body
        rule = {"service_id": made["service_id"], "cost": PRICE, "start": "2020-01-01T00:00:00Z"}
        answer = admin.post(f"{HASHMAP}/mappings?force=true", rule)
        assert answer.status in (200, 201), answer.body

        def bill() -> list[dict[str, Any]]:
            begin, end = (quote(iso_seconds(at * 1000)) for at in (now - 10, now + 1000))
            query = f"begin={begin}&end={end}&groupby=id&groupby=type&response_format=object"
            found: list[dict[str, Any]] = admin.get(f"/v2/summary?{query}").body["results"]
            return found

        assert bill() == []
        before = Decimal(str(admin.get(METRICS).body["EnergykWh"]["Reading"]))
        assert (
            admin.request("PATCH", "/redfish/v1/Chassis/node-1", {"AssetTag": "shop-1"}).status
            == 200
        )
        (row,) = until(bill, lambda rows: rows and Decimal(str(rows[0]["rate"])) > Decimal("0.05"))
        assert (row["id"], row["type"]) == ("node-1", "energy")
        drawn = Decimal(str(admin.get(METRICS).body["EnergykWh"]["Reading"])) - before
        # What is rated has its price, and nothing that was not drawn. Readings are rounded.
        drawn += Decimal("2e-6")
        assert Decimal(str(row["rate"])) <= Decimal(str(row["qty"])) * PRICE <= drawn * PRICE
        action = f"{SYSTEM}/Actions/ComputerSystem.Reset"
        assert admin.post(action, {"ResetType": "ForceOff"}).status == 202
        power = until(
            lambda: admin.get(METRICS).body, lambda one: one["PowerWatts"]["Reading"] < 20
        )
        later = until(
            lambda: admin.get(METRICS).body,
            lambda one: one["EnergykWh"]["Reading"] > power["EnergykWh"]["Reading"],
        )
        assert later["EnergykWh"]["Reading"] - power["EnergykWh"]["Reading"] < 1e-4
