"""The EventService behind a socket: who asks it, and what it says."""

from __future__ import annotations

import json
from typing import Any

from odimra.access import Principal
from odimra.redfish.event_json import SUBSCRIPTIONS

SERVICE = "/redfish/v1/EventService"
WHO = {
    "admin": Principal(
        "admin",
        "Administrator",
        frozenset({"Login", "ConfigureManager", "ConfigureComponents", "ConfigureSelf"}),
        "1",
        False,
        "/redfish/v1/a",
    ),
    "op": Principal(
        "op",
        "Operator",
        frozenset({"Login", "ConfigureComponents", "ConfigureSelf"}),
        "2",
        False,
        "/redfish/v1/b",
    ),
    "guest": Principal(
        "guest", "ReadOnly", frozenset({"Login", "ConfigureSelf"}), "3", False, "/redfish/v1/c"
    ),
}


class Doorman:
    """Believes the token to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        return WHO[token or ""]


class Desk:
    def __init__(self, client: Any) -> None:
        self.client = client

    async def ask(
        self, method: str, uri: str, body: object = None, who: str = "admin", **headers: str
    ) -> tuple[int, dict[str, Any], Any]:
        given = {"X-Auth-Token": who} | {k.replace("_", "-"): v for k, v in headers.items()}
        answer = await self.client.request(method, uri, json=body, headers=given)
        text = await answer.text()
        return answer.status, json.loads(text) if text else {}, answer.headers

    async def subscribe(self, who: str = "admin", **values: Any) -> tuple[str, dict[str, Any]]:
        status, body, headers = await self.ask("POST", SUBSCRIPTIONS, {**PLAIN, **values}, who=who)
        assert status == 201, body
        return headers["Location"], body


PLAIN = {"Destination": "https://192.0.2.1/events", "Protocol": "Redfish"}


def said(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [
        (one["MessageId"].rpartition(".")[2], one["RelatedProperties"])
        for one in body["error"]["@Message.ExtendedInfo"]
    ]


def said_keys(body: dict[str, Any]) -> list[str]:
    return [one["MessageId"].rpartition(".")[2] for one in body["error"]["@Message.ExtendedInfo"]]
