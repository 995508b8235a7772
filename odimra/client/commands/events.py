"""``odimra events``: what happens, as it happens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text

from odimra.client.errors import NotReachable, ServiceFailed
from odimra.client.http import BACKOFF, WrongCertificate
from odimra.client.lazy import COMMANDS
from odimra.client.output import STYLES, Output, plain, when
from odimra.client.running import Remote, remote
from odimra.client.sse import Message, Reader

SERVICE = "/redfish/v1/EventService"
#: A stream that says nothing for so long, not even that it is there, is none any more, in seconds.
SILENCE = 90.0
STYLE = {"OK": "", "Warning": STYLES["Warning"], "Critical": STYLES["Critical"]}


@click.group("events", help=COMMANDS["events"][1])
def events() -> None:
    """Hold the commands together."""


@events.command("tail")
@click.option("--filter", "chosen", metavar="EXPRESSION", help="Only events that meet it.")
@click.option("--since", metavar="ID", help="First what has happened since this event.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@remote
async def events_tail(
    remote: Remote, chosen: str | None, since: str | None, count: int | None
) -> None:
    """Show events as they come, without a gap, until Ctrl-C."""
    service = await remote.api.read(SERVICE)
    path = str(service.get("ServerSentEventUri") or "")
    if not path:
        raise ServiceFailed("the service has no stream of events")
    if chosen:
        path += f"?$filter={quote(chosen)}"
    shown = 0
    async for message in _messages(remote, path, since or ""):
        for event in _events(message):
            _show(remote.out, event)
            shown += 1
            if count is not None and shown >= count:
                return
        if message.id:
            remote.on_interrupt[:] = [f"To go on there: odimra events tail --since {message.id}"]


async def _messages(remote: Remote, path: str, last: str) -> AsyncIterator[Message]:
    """Yield what the stream says, and go on behind the last message when it breaks off."""
    give_up: float | None = time.monotonic() + remote.api.waiting.seconds
    failures = 0
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            async with remote.api.stream(path, headers, SILENCE) as response:
                remote.out.back()
                give_up, failures = None, 0
                reader = Reader()
                async for chunk in response.content.iter_any():
                    for message in reader.feed(chunk):
                        last = message.id or last
                        yield message
            why = f"{remote.profile.url} has ended the stream"
        except WrongCertificate:
            raise
        except (NotReachable, ServiceFailed) as error:
            # Once it was there it is waited for, however long that takes.
            if give_up is not None and time.monotonic() >= give_up:
                raise
            why = str(error)
        remote.out.away(why)
        await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
        failures += 1


def _events(message: Message) -> list[dict[str, Any]]:
    if not message.data:
        return []
    try:
        payload = json.loads(message.data)
        return [dict(event) for event in payload["Events"]]
    except (ValueError, KeyError, TypeError):
        raise ServiceFailed("the stream holds something else than events") from None


def _show(out: Output, event: dict[str, Any]) -> None:
    if out.as_json:
        # A line each, for a terminal too: it is a stream.
        click.echo(json.dumps(event))
        return
    severity = str(event.get("MessageSeverity", "OK"))
    origin = (event.get("OriginOfCondition") or {}).get("@odata.id", "")
    cells = [
        when(event.get("EventTimestamp")),
        severity,
        str(event.get("MessageId", "")),
        str(event.get("Message", "")),
        origin,
    ]
    if out.for_people:
        line = Text("  ".join(plain(cell) for cell in cells[:4]), style=STYLE.get(severity, ""))
        out.console.print(line, soft_wrap=True)
    else:
        out.line("\t".join(plain(cell) for cell in cells))
