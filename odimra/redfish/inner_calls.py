"""Calls of resources from within the service: as a request would be judged, without one.

Handed by :mod:`odimra.faces` to jobs that work on machines.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from odimra.access import Principal
from odimra.redfish import body as bodies
from odimra.redfish import errors, etag
from odimra.redfish.errors import RedfishError
from odimra.redfish.frame import Frame
from odimra.redfish.messages import Messages
from odimra.redfish.resource import Call, Reply, Resource
from odimra.store import StoreUnavailable
from odimra.tasks import TaskExists

log = logging.getLogger(__name__)


class CallRefused(Exception):
    """A call is answered with an error: its HTTP ``status``, and what it says."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class NotForJobs(Exception):
    """Jobs perform no requests there; the text is the path."""


class InnerCalls:
    """Calls through the frame, by the same rules as a request."""

    def __init__(self, frame: Frame, messages: Messages) -> None:
        self._frame = frame
        self._messages = messages

    async def __call__(
        self,
        verb: str,
        uri: str,
        body: Mapping[str, Any],
        principal: Principal,
        *,
        task_id: str | None = None,
        check: bool = False,
        if_match: str | None = None,
    ) -> Reply | None:
        """Do what a request would do; ``check`` only says whether it would be let through.

        ``if_match`` is the header of that name.
        A task that it starts gets ``task_id``; None is returned where there is one of that id.
        Raises :class:`CallRefused`, :class:`~odimra.store.StoreUnavailable`.
        """
        try:
            return await self._do(verb, uri, body, principal, task_id, if_match, check=check)
        except (StoreUnavailable, CallRefused):
            raise
        except TaskExists:
            if task_id is None:
                raise
            return None
        except Exception as error:
            known = self._frame.known(error)
            if known is None:
                log.error("%s %s broke", verb, uri, exc_info=error)
                known = errors.internal_error()
            raise CallRefused(known.status, self._said(known)) from None

    def resource(self, verb: str, uri: str, principal: Principal) -> Resource | None:
        """Return what ``verb`` at ``uri`` is served by; None if that is nothing, or not for all."""
        try:
            return self._frame.endpoint(uri, verb, principal)[0].resource
        except RedfishError:
            return None

    async def _do(
        self,
        verb: str,
        uri: str,
        body: Mapping[str, Any],
        principal: Principal,
        task_id: str | None,
        if_match: str | None,
        *,
        check: bool,
    ) -> Reply | None:
        endpoint, params = self._frame.endpoint(uri, verb, principal)
        given = bodies.without_annotations(dict(body), change=verb in ("PATCH", "PUT"))
        if endpoint.rule.refused(principal, uri, given):
            raise errors.insufficient_privilege()
        endpoint.check(given)
        if check:
            return None
        reply = await endpoint.handler(
            Call(
                None,
                principal,
                params,
                given,
                if_match=etag.parse(if_match),
                at=uri,
                verb=verb,
                task_id=task_id,
            )
        )
        assert isinstance(reply, Reply), "what changes something answers with a reply"
        return reply

    def _said(self, error: RedfishError) -> str:
        return " ".join(
            str(self._messages.build(said.key, *said.args, related=said.related)["Message"])
            for said in error.said
        )
