"""``odimra reprocess``: periods that are rated again."""

from __future__ import annotations

from urllib.parse import quote

import click

from odimra.client.errors import ServiceFailed
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column, when
from odimra.client.running import Remote, remote
from odimra.client.watching import WATCH, started

WINDOWS = "/v2/task/reprocesses"
ALL = "ALL"

COLUMNS = (
    Column("SCOPE", lambda one: one["scope_id"]),
    Column("FROM", lambda one: when(one.get("start_reprocess_time"))),
    Column("TO", lambda one: when(one.get("end_reprocess_time"))),
    Column("RATED UP TO", lambda one: when(one.get("current_reprocess_time"))),
    Column("REASON", lambda one: one.get("reason")),
)


@click.group("reprocess", help=COMMANDS["reprocess"][1])
def reprocess() -> None:
    """Hold the commands together."""


@reprocess.command("start")
@click.argument("scopes", metavar="SCOPE...", nargs=-1, required=True)
@click.option("--from", "start", required=True, metavar="TIME", help="Where the first begins.")
@click.option("--to", "end", required=True, metavar="TIME", help="Where the last one begins.")
@click.option("--reason", required=True, help="Why, for those who read it later.")
@WATCH
@remote
async def reprocess_start(
    remote: Remote, scopes: tuple[str, ...], start: str, end: str, reason: str, watch: bool
) -> None:
    """Have periods of scopes rated again; ALL are all that are active."""
    body = {
        "scope_ids": list(scopes),
        "start_reprocess_time": start,
        "end_reprocess_time": end,
        "reason": reason,
    }
    answer = await remote.api.post(WINDOWS, body, starts=True)
    if not answer.location:
        raise ServiceFailed("the request was accepted without a task")
    await started(remote, answer.location, watch, "rating again")


@reprocess.command("list")
@click.option("--scope", "scopes", multiple=True, help="Only of this scope; more than once.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most.")
@remote
async def reprocess_list(remote: Remote, scopes: tuple[str, ...], limit: int) -> None:
    """List what was asked for, the newest first."""
    chosen = "".join(f"&scope_ids={quote(one, safe='')}" for one in scopes)
    found = await remote.api.read(f"{WINDOWS}?limit={limit}{chosen}")
    remote.out.records(COLUMNS, found["results"], "Nothing was rated again.")
