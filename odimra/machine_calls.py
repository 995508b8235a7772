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
from odimra.redfish.inner_calls import CallRefused, InnerCalls, NotForJobs
from odimra.redfish.resource import Reply
from odimra.redfish.task_json import TASKS

#: Rows of the privilege map whose resources jobs do not touch: a job that makes jobs makes ever
#: more, and a session that is made by one is nobody's.
NOT_FOR_JOBS = ("Job", "JobCollection", "JobService", "Session", "SessionCollection")


class MachineCalls:
    """What bulk scripts can do to machines, and Redfish Jobs to all resources."""

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

    async def perform(self, request: Request, principal: Principal, *, task_id: str) -> Done:
        """Perform a request as ``principal`` would; a task that it starts gets ``task_id``."""
        try:
            reply = await self._inner(
                request.operation,
                request.target,
                request.body,
                principal,
                task_id=task_id,
                if_match=request.if_match,
            )
        except CallRefused as error:
            return Done(error.status, said=str(error))
        if reply is None:  # its task was started before: by a worker that has died since
            return Done(202, True, made=f"{TASKS}/{task_id}")
        if reply.status != 202:
            return Done(reply.status, made=reply.headers.get("Location", ""))
        # Of a task that is deleted while it works nobody waits for the end.
        started = reply.headers.get("Location", "").endswith(f"/{task_id}")
        return Done(202, started, made=f"{TASKS}/{task_id}" if started else "")

    def repeats(self, request: Request, principal: Principal) -> bool:
        """Tell whether a request can be performed again when nobody knows whether it was."""
        if request.operation in ("PATCH", "PUT"):
            # What is sent again finds another ETag.
            return request.if_match is None
        resource = self._inner.resource(request.operation, request.target, principal)
        # An action starts a task by its id or can be repeated, a collection makes another member.
        return resource is None or resource.action is not None

    async def check(self, request: Request, principal: Principal) -> None:
        """See whether a request would be let through.

        Raises :class:`NotForJobs`, CallRefused, StoreUnavailable.
        """
        resource = self._inner.resource(request.operation, request.target, principal)
        if resource is not None and resource.entity in NOT_FOR_JOBS:
            raise NotForJobs(request.target)
        await self._inner(request.operation, request.target, request.body, principal, check=True)

    @property
    def _inner(self) -> InnerCalls:
        assert self._calls is not None, "no face was handed in"
        return self._calls

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
        calls = self._inner
        try:
            return await patiently(
                lambda: calls(verb, uri, body, rights, task_id=task_id, check=check)
            )
        except CallRefused as error:
            raise ActionFailed(str(error), error.status) from None


def _uri(type_: str, id: str) -> str:
    return f"/redfish/v1/{type_.partition('/')[2]}/{quote(id, safe='')}"
