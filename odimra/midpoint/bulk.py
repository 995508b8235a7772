"""``/rpc/executeScript`` and ``/scriptExecutionResults/{oid}``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson

from odimra.jobs.bulk.language import Action, Expression, Script
from odimra.jobs.bulk.parsing import parse_script
from odimra.jobs.bulk.runs import KIND, BulkRuns, Output
from odimra.midpoint.asking import Answer, Ask, Stream
from odimra.midpoint.errors import MidpointError
from odimra.midpoint.frame import Route
from odimra.midpoint.media import Document
from odimra.midpoint.secrets import without_secrets
from odimra.midpoint.visibility import Visible
from odimra.scripting import BadScript as BadSource
from odimra.scripting import ScriptPool
from odimra.tasks import Task
from odimra.tasks.payload import payload_of

#: Items of data that are read from the store together.
PAGE = 200
#: What all that bulk scripts answer with is called.
RESULT_TYPE = "ScriptExecutionResultType"


class BulkEndpoint:
    """Has scripts run, and shows what they have put out."""

    def __init__(self, runs: BulkRuns, visible: Visible, pool: ScriptPool) -> None:
        self._runs = runs
        self._visible = visible
        self._pool = pool

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("POST", "rpc/executeScript", self.execute),
            Route("GET", "scriptExecutionResults/*", self.results),
        ]

    async def execute(self, ask: Ask) -> Answer:
        """Have a script run; wait for its end unless it is to be asynchronous."""
        later = ask.flag("asynchronous")
        document = await ask.document()
        script = parse_script(document.name, document.content)
        await self._check(script)
        oid = await self._runs.start(
            document.name,
            document.content,
            owner=ask.principal.account,
            payload=_payload(ask, document),
        )
        if later:
            location = f"{ask.root}/tasks/{quote(oid, safe='')}"
            return Answer(201, headers={"Location": location})
        task = await self._runs.ended(oid)
        if task is None:
            raise MidpointError(409, "The run was deleted before it ended")
        output = await self._runs.output(task)
        if output.http_status not in (200, 240, 250):
            return Answer(output.http_status, "object", output.result, "OperationResultType")
        return self._shown(output, 0, output.items, output.http_status)

    async def _check(self, script: Script) -> None:
        """Refuse JavaScript that does not compile."""
        for action in _executing(script.expression):
            try:
                await self._pool.check(action.parameters["code"])
            except BadSource as error:
                where = f"{action.element}/script/code"
                raise MidpointError(400, f"{where}: does not compile: {error}") from None

    async def results(self, ask: Ask) -> Answer:
        """What a run has put out by now."""
        task = await self._visible.task(ask)
        if task.kind != KIND:
            raise MidpointError(409, "The task is no bulk script")
        output = await self._runs.output(task)
        start = ask.number("offset", 0, 10**9)
        size = ask.number("maxSize", output.items, 10**9)
        return self._shown(output, start, size)

    def _shown(self, output: Output, start: int, size: int, status: int = 200) -> Answer:
        end = min(output.items, start + size)
        total = output.items + output.hidden_items
        console = output.console
        if output.hidden_lines:
            console += f"[{output.hidden_lines} more line(s) were not kept]\n"
        rest: dict[str, Any] = {"consoleOutput": console} if console else {}
        rest["result"] = output.result
        if end < total:
            # Not all is here: so many items of data lie behind those that are.
            rest["hiddenRecordsCount"] = total - end
        return Answer(
            status,
            "object",
            rest,
            RESULT_TYPE,
            headers={"X-Total-Count": str(total)},
            stream=Stream(("dataOutput", "item"), self._pages(output.task, start, end)),
        )

    async def _pages(self, task: Task, start: int, end: int) -> AsyncIterator[list[Any]]:
        while start < end:
            page = await self._runs.data(task, start, min(PAGE, end - start))
            if not page:
                return  # the task was removed
            yield [orjson.loads(one) for one in page]
            start += len(page)


def _executing(expression: Expression) -> list[Action]:
    """Return the actions that run JavaScript."""
    if isinstance(expression, Action):
        return [expression] if "code" in expression.parameters else []
    children: tuple[Expression, ...] = getattr(expression, "children", ())
    child = getattr(expression, "child", None)
    if child is not None:
        children = (child,)
    return [action for one in children for action in _executing(one)]


def _payload(ask: Ask, document: Document) -> Any:
    """Return the request as the task shows it."""
    body = {document.name: without_secrets(document.content)}
    request = ask.request
    return payload_of(request.method, request.path, request.headers, body)
