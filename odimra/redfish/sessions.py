"""The SessionService (v1_2_0) and its Sessions (v1_8_0): logging in and out."""

from __future__ import annotations

from dataclasses import dataclass

from odimra.access import (
    Access,
    Principal,
    Session,
    SessionLimitReached,
    SessionMissing,
    SessionPolicy,
)
from odimra.clock import iso_seconds
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.messages import Messages
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource

SERVICE = "/redfish/v1/SessionService"
URI = f"{SERVICE}/Sessions"
SERVICE_TYPE = "SessionService.v1_2_0.SessionService"
TYPE = "Session.v1_8_0.Session"

#: What is shown of a session never changes.
ETAG = "1"

TRANSLATIONS: Translations = {SessionLimitReached: lambda error: errors.session_limit_exceeded()}


def resources(access: Access, messages: Messages) -> list[Resource]:
    """Return the routes."""
    face = SessionFace(access, messages)
    return [
        Resource(
            SERVICE,
            "SessionService",
            SERVICE_TYPE,
            get=face.read_service,
            patch=face.patch_service,
            bodies={"PATCH": "SessionService.patch.json"},
        ),
        Resource(
            URI,
            "SessionCollection",
            "SessionCollection.SessionCollection",
            get=face.list,
            post=face.login,
            bodies={"POST": "Session.post.json"},
            members=True,
        ),
        Resource(f"{URI}/{{session}}", "Session", TYPE, get=face.read, delete=face.logout),
    ]


@dataclass(frozen=True, slots=True)
class SessionList:
    """The open sessions that somebody may see."""

    access: Access
    account: str | None

    async def count(self) -> int:
        """Return how many there are."""
        return await self.access.sessions.count(self.account)

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of at most ``top`` sessions behind the first ``skip``."""
        return [f"{URI}/{one}" for one in await self.access.sessions.page(skip, top, self.account)]


class SessionFace:
    """The handlers."""

    def __init__(self, access: Access, messages: Messages) -> None:
        self._access = access
        self._messages = messages

    # The service

    @staticmethod
    def _service(policy: SessionPolicy) -> Reply:
        body: Body = {
            "@odata.id": SERVICE,
            "@odata.type": f"#{SERVICE_TYPE}",
            "@odata.context": "/redfish/v1/$metadata#SessionService.SessionService",
            "Id": "SessionService",
            "Name": "Session Service",
            "ServiceEnabled": True,
            "Status": {"State": "Enabled", "Health": "OK"},
            "SessionTimeout": policy.timeout,
            "Sessions": {"@odata.id": URI},
        }
        return Reply(body=body, etag=str(policy.version))

    async def read_service(self, call: Call) -> Reply:
        """``GET`` of the SessionService."""
        return self._service(await self._access.session_policy.read())

    async def patch_service(self, call: Call) -> Reply:
        """``PATCH`` of the timeout, in seconds without use."""
        policy = await self._access.sessions.set_timeout(
            call.body["SessionTimeout"], expect=call.expected()
        )
        return self._service(policy)

    # Sessions

    @staticmethod
    def _body(session: Session) -> Body:
        return {
            "@odata.id": f"{URI}/{session.id}",
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#Session.Session",
            "Id": session.id,
            "Name": f"Session of {session.account}",
            "UserName": session.account,
            "Password": None,  # never told, as the token
            "Token": None,
            "CreatedTime": iso_seconds(session.created),
            "SessionType": "Redfish",
            "ClientOriginIPAddress": session.client or None,
            "Context": session.context,
        }

    @staticmethod
    def _sees_all(principal: Principal) -> bool:
        return "ConfigureManager" in principal.privileges

    async def list(self, call: Call) -> Collection:
        """``GET`` of the collection: all sessions with ConfigureManager, else one's own."""
        account = None if self._sees_all(call.principal) else call.principal.account
        return Collection(
            URI,
            "SessionCollection.SessionCollection",
            "Sessions",
            SessionList(self._access, account),
        )

    async def login(self, call: Call) -> Reply:
        """``POST``: open a session; the token is told in ``X-Auth-Token``, once."""
        name = call.body["UserName"]
        session, token = await self._access.login(
            name,
            call.body["Password"],
            client=call.request.remote or "",
            context=call.body.get("Context"),
        )
        body = self._body(session)
        account = await self._access.accounts.get(name)
        if account is not None and account.password_change_required:
            # DSP0266, password change required: the login works, and says what is to be done.
            body["@Message.ExtendedInfo"] = [
                self._messages.build("Base.PasswordChangeRequired", account.uri)
            ]
        headers = {
            "Location": f"{URI}/{session.id}",
            "X-Auth-Token": token,
            "Cache-Control": "no-store",
        }
        return Reply(201, body, headers, etag=ETAG)

    async def _seen(self, call: Call) -> Session:
        session = await self._access.sessions.get(call.params["session"])
        if session is None:
            raise errors.resource_not_found("Session", call.params["session"])
        if not self._sees_all(call.principal) and session.account != call.principal.account:
            raise errors.insufficient_privilege()
        return session

    async def read(self, call: Call) -> Reply:
        """``GET`` of a session."""
        return Reply(body=self._body(await self._seen(call)), etag=ETAG)

    async def logout(self, call: Call) -> Reply:
        """``DELETE``: close a session."""
        session, principal, expected = await self._seen(call), call.principal, call.expected()
        if principal.password_change_required and session.account != principal.account:
            raise errors.password_change_required(principal.account_uri)
        if expected is not None and int(ETAG) not in expected:
            raise errors.precondition_failed()
        try:
            await self._access.sessions.close(session)
        except SessionMissing:
            raise errors.resource_not_found("Session", session.id) from None
        return Reply(204)
