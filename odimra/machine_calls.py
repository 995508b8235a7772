"""Machines as jobs change them: through their Redfish resources, by the rules of every request.

Made by :mod:`odimra.house`, which has no face; :mod:`odimra.faces` hands the face in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from odimra.access import Principal
from odimra.engine.patience import patiently
from odimra.jobs.bulk.turn import ActionFailed
from odimra.jobs.planned.model import Request
from odimra.jobs.planned.worker import Done
from odimra.redfish.inner_calls import CallRefused, InnerCalls
from odimra.redfish.resource import Reply


class MachineCalls:
    """What bulk scripts can do to machines."""

    def __init__(self) -> None:
        self._calls: InnerCalls | None = None

    def attach(self, calls: InnerCalls) -> None:
        """Let ``calls`` do what is asked for."""
        self._calls = calls

    async def modify(
        self, type_: str, id: str, body: Mapping[str, Any], rights: Principal, *, check: bool
    ) -> None:
        """PATCH a machine; ``check`` only tells whether that could be done."""
        await self._call("PATCH", _uri(type_, id), body, rights, check=check)

    async def act(
        self,
        type_: str,
        id: str,
        action: str,
        body: Mapping[str, Any],
        rights: Principal,
        *,
        task_id: str,
        check: bool,
    ) -> str | None:
        """Call an action; return the id of its task, None if it has done without one."""
        uri = f"{_uri(type_, id)}/Actions/{quote(action, safe='.')}"
        reply = await self._call("POST", uri, body, rights, task_id=task_id, check=check)
        # Without a reply it was started before: by a worker that has died since.
        return None if check or (reply is not None and reply.status != 202) else task_id

    async def perform(
        self, verb: str, uri: str, body: Mapping[str, Any], principal: Principal, *, task_id: str
    ) -> Done:
        """Perform a request as ``principal`` would; a task that it starts gets ``task_id``."""
        assert self._calls is not None, "no face was handed in"
        try:
            reply = await self._calls(verb, uri, body, principal, task_id=task_id)
        except CallRefused as error:
            return Done(error.status, said=str(error))
        # Without a reply its task was started before: by a worker that has died since.
        return Done(202, True) if reply is None or reply.status == 202 else Done(reply.status)

    async def check(self, request: Request, principal: Principal) -> None:
        """See whether a request would be let through. Raises CallRefused, StoreUnavailable."""
        assert self._calls is not None, "no face was handed in"
        await self._calls(request.operation, request.target, request.body, principal, check=True)

    async def _call(
        self,
        verb: str,
        uri: str,
        body: Mapping[str, Any],
        rights: Principal,
        *,
        task_id: str | None = None,
        check: bool = False,
    ) -> Reply | None:
        assert self._calls is not None, "no face was handed in"
        calls = self._calls
        try:
            return await patiently(
                lambda: calls(verb, uri, body, rights, task_id=task_id, check=check)
            )
        except CallRefused as error:
            raise ActionFailed(str(error), error.status) from None


def _uri(type_: str, id: str) -> str:
    return f"/redfish/v1/{type_.partition('/')[2]}/{quote(id, safe='')}"
