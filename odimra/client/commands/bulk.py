"""``odimra bulk``: bulk scripts."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from odimra.client.errors import NotFound, OperationFailed, ServiceFailed
from odimra.client.files import STDIN, content
from odimra.client.http import Waiting
from odimra.client.lazy import COMMANDS
from odimra.client.output import last
from odimra.client.running import Remote, remote
from odimra.client.watching import WATCH

RUN = "/ws/rest/rpc/executeScript?asynchronous=true"
RESULTS = "/ws/rest/scriptExecutionResults"
TYPES = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".xml": "xml"}
FORMATS = ("json", "yaml", "xml")
LOOK_SECONDS = 0.5
#: Items of data that are read at once.
PAGE = 500
UNFINISHED = "in_progress"
GOOD = ("success", "warning", "handled_error")
ACCEPT = {"Accept": "application/json"}


@click.group("bulk", help=COMMANDS["bulk"][1])
def bulk() -> None:
    """Hold the commands together."""


@bulk.command("run")
@click.argument("file")
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="Format of the script; that of the name of the file, or as it begins, if not said.",
)
@WATCH
@remote
async def bulk_run(remote: Remote, file: str, kind: str | None, watch: bool) -> None:
    """Run the bulk script in FILE (- is the input)."""
    script = content(file)
    kind = kind or TYPES.get(Path(file).suffix.lower() if file != STDIN else "") or _guess(script)
    answer = await remote.api.post(
        RUN,
        None,
        starts=True,
        data=script,
        headers={**ACCEPT, "Content-Type": f"application/{kind}"},
    )
    oid = last(answer.location)
    if not oid:
        raise ServiceFailed("the run has no address")
    if watch:
        remote.out.note(f"bulk script: {oid}")
        await _watch(remote, oid)
        return
    remote.out.done(f"bulk script: {oid}", {"oid": oid, "task": f"task{oid}"})
    if remote.out.for_people:
        remote.out.note(f"To watch it: odimra bulk watch {oid}")


def _guess(script: bytes) -> str:
    """Return the format that a script seems to have."""
    first = script.lstrip()[:1]
    return {b"<": "xml", b"{": "json"}.get(first, "yaml")


@bulk.command("watch")
@click.argument("id")
@remote
async def bulk_watch(remote: Remote, id: str) -> None:
    """Show what the run ID puts out, as it grows, until it has ended."""
    await _watch(remote, last(id).removeprefix("task"))


async def _watch(remote: Remote, oid: str) -> None:
    """Write data and console of a run as they grow. Raises :class:`OperationFailed`."""
    remote.on_interrupt[:] = [f"The run goes on. To watch it again: odimra bulk watch {oid}"]
    path = f"{RESULTS}/{quote(oid, safe='')}"
    waiting = remote.api.waiting
    items = told = 0
    while True:
        result = await _read(remote, f"{path}?offset={items}&maxSize={PAGE}", waiting)
        # Somebody was there: from now on it is waited for, as for any watched task.
        waiting = Waiting(math.inf, remote.out.away)
        console = str(result.get("consoleOutput") or "")
        for line in console[told:].splitlines():
            _console(remote, line)
        told = len(console)
        page = _items(result)
        for item in page:
            _item(remote, item)
        items += len(page)
        status = result.get("result", {})
        if len(page) == PAGE:
            continue
        if status.get("status") != UNFINISHED:
            break
        await asyncio.sleep(LOOK_SECONDS)
    hidden = (result.get("dataOutput") or {}).get("hiddenRecordsCount")
    if hidden:
        remote.out.note(f"{hidden} more items were not kept")
    if remote.out.as_json:
        remote.out.json({"result": status})
    else:
        remote.out.note(f"{status.get('status')}: {items} items")
    if status.get("status") not in GOOD:
        said = str(status.get("message") or f"the run has ended with {status.get('status')}")
        raise OperationFailed(said, f"see its task: odimra task show {oid}")


async def _read(remote: Remote, path: str, waiting: Waiting) -> dict[str, Any]:
    while True:
        try:
            body = await remote.api.read(path, headers=ACCEPT, waiting=waiting)
            remote.out.back()
            return dict(body.get("object") or {})
        except ServiceFailed as error:
            if not math.isinf(waiting.seconds):
                raise
            remote.out.away(str(error))
            await asyncio.sleep(LOOK_SECONDS)
        except NotFound as error:
            raise NotFound(f"there is no run with outputs of that name: {error}") from None


def _items(result: dict[str, Any]) -> list[dict[str, Any]]:
    found = (result.get("dataOutput") or {}).get("item") or []
    return found if isinstance(found, list) else [found]


def _console(remote: Remote, line: str) -> None:
    if remote.out.as_json:
        remote.out.json({"console": line})
    else:
        remote.out.note(line)


def _item(remote: Remote, item: dict[str, Any]) -> None:
    if remote.out.as_json:
        remote.out.json({"item": item})
        return
    result = item.get("result") or {}
    value = item.get("value")
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if name not in ("@type", "version")}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    said = f"  {result['message']}" if result.get("message") else ""
    remote.out.line(f"{result.get('status', '')}\t{text}{said}")
