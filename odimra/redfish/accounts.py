"""Accounts (ManagerAccount v1_14_1).

With ConfigureSelf alone one sees one's own account and changes its password.
"""

from __future__ import annotations

from dataclasses import dataclass

from odimra.access import (
    Access,
    Account,
    AccountExists,
    AccountLimitReached,
    AccountMissing,
    HashingBusy,
    LastAdministrator,
    PasswordRejected,
    Principal,
    RoleMissing,
)
from odimra.clock import Clock
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource

URI = "/redfish/v1/AccountService/Accounts"
ROLES = "/redfish/v1/AccountService/Roles"
TYPE = "ManagerAccount.v1_14_1.ManagerAccount"

TRANSLATIONS: Translations = {
    HashingBusy: lambda error: errors.service_temporarily_unavailable(error.retry_after),
    PasswordRejected: lambda error: errors.property_value_error("Password"),
    AccountExists: lambda error: errors.resource_already_exists(
        "ManagerAccount", "UserName", str(error)
    ),
    AccountLimitReached: lambda error: errors.create_limit_reached(),
    AccountMissing: lambda error: errors.resource_not_found("ManagerAccount", str(error)),
    LastAdministrator: lambda error: errors.resource_in_use(),
    RoleMissing: lambda error: errors.property_value_not_in_list(str(error), "RoleId"),
}


def resources(access: Access, clock: Clock) -> list[Resource]:
    """Return the routes."""
    face = AccountFace(access, clock)
    return [
        Resource(
            URI,
            "ManagerAccountCollection",
            "ManagerAccountCollection.ManagerAccountCollection",
            get=face.list,
            post=face.create,
            bodies={"POST": "ManagerAccount.post.json"},
            members=True,
        ),
        Resource(
            f"{URI}/{{account}}",
            "ManagerAccount",
            TYPE,
            get=face.read,
            patch=face.patch,
            delete=face.delete,
            bodies={"PATCH": "ManagerAccount.patch.json"},
        ),
    ]


def _manages(principal: Principal) -> bool:
    return not principal.privileges.isdisjoint({"ConfigureManager", "ConfigureUsers"})


@dataclass(frozen=True, slots=True)
class AccountList:
    """The accounts that somebody may see."""

    access: Access
    only: str | None

    async def count(self) -> int:
        """Return how many there are."""
        return 1 if self.only is not None else await self.access.accounts.count()

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of at most ``top`` accounts behind the first ``skip``."""
        if self.only is not None:
            return [f"{URI}/{self.only}"][skip : skip + top]
        if top <= 0:
            return []
        names = await self.access.accounts.names(skip, skip + top - 1)
        return [f"{URI}/{name}" for name in names]


class AccountFace:
    """The handlers."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    def _reply(self, account: Account, status: int = 200) -> Reply:
        body: Body = {
            "@odata.id": account.uri,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#ManagerAccount.ManagerAccount",
            "Id": account.name,
            "Name": f"Account {account.name}",
            "UserName": account.name,
            "Password": None,  # never told
            "RoleId": account.role,
            "Enabled": account.enabled,
            "Locked": account.locked(self._clock.now_ms()),
            "PasswordChangeRequired": account.password_change_required,
            "AccountTypes": ["Redfish"],
            "Links": {"Role": {"@odata.id": f"{ROLES}/{account.role}"}},
        }
        return Reply(status, body, etag=str(account.version))

    async def list(self, call: Call) -> Collection:
        """``GET`` of the collection: all accounts, or one's own."""
        only = None if _manages(call.principal) else call.principal.account
        return Collection(
            URI,
            "ManagerAccountCollection.ManagerAccountCollection",
            "Accounts",
            AccountList(self._access, only),
        )

    async def create(self, call: Call) -> Reply:
        """``POST``: make an account."""
        body = call.body
        account = await self._access.accounts.create(
            body["UserName"],
            body["Password"],
            body["RoleId"],
            enabled=body.get("Enabled", True),
            change_required=body.get("PasswordChangeRequired", False),
        )
        reply = self._reply(account, 201)
        reply.headers = {"Location": account.uri}
        return reply

    async def read(self, call: Call) -> Reply:
        """``GET`` of an account; that others' need more is in the privilege map."""
        name = call.params["account"]
        account = await self._access.accounts.get(name)
        if account is None:
            raise errors.resource_not_found("ManagerAccount", name)
        return self._reply(account)

    async def patch(self, call: Call) -> Reply:
        """``PATCH``; who may change what is in the privilege map."""
        name, body, principal = call.params["account"], call.body, call.principal
        if principal.password_change_required and "Password" not in body:
            raise errors.password_change_required(principal.account_uri)
        account = await self._access.accounts.update(
            name,
            password=body.get("Password"),
            role=body.get("RoleId"),
            enabled=body.get("Enabled"),
            unlock=body.get("Locked") is False,
            change_required=body.get("PasswordChangeRequired"),
            expect=call.expected(),
            keep_session=principal.session_id,
            another=principal.password_change_required,
        )
        return self._reply(account)

    async def delete(self, call: Call) -> Reply:
        """``DELETE`` of an account, with its sessions."""
        try:
            await self._access.accounts.delete(call.params["account"], expect=call.expected())
        except LastAdministrator:
            raise errors.resource_cannot_be_deleted() from None
        return Reply(204)
