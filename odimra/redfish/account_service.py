"""The AccountService (AccountService v1_18_1): the rules for passwords and for locking."""

from __future__ import annotations

from odimra.access import Access, Policy, PolicyConflict
from odimra.redfish import errors
from odimra.redfish.errors import RedfishError
from odimra.redfish.resource import Body, Call, Reply, Resource

URI = "/redfish/v1/AccountService"
TYPE = "AccountService.v1_18_1.AccountService"

#: Writable properties and the settings that they are.
WRITABLE = {
    "MinPasswordLength": "min_password_length",
    "MaxPasswordLength": "max_password_length",
    "AccountLockoutThreshold": "lockout_threshold",
    "AccountLockoutDuration": "lockout_duration",
    "AccountLockoutCounterResetAfter": "lockout_reset_after",
}
_NAMES = {setting: name for name, setting in WRITABLE.items()}


def resources(access: Access) -> list[Resource]:
    """Return the routes."""

    async def read(call: Call) -> Reply:
        return _reply(await access.policy.read())

    async def patch(call: Call) -> Reply:
        changes = {WRITABLE[name]: value for name, value in call.body.items()}
        try:
            return _reply(await access.policy.write(changes, expect=call.expected()))
        except PolicyConflict as error:
            raise _conflict(error) from None

    return [
        Resource(
            URI,
            "AccountService",
            TYPE,
            get=read,
            patch=patch,
            bodies={"PATCH": "AccountService.patch.json"},
        )
    ]


def _conflict(error: PolicyConflict) -> RedfishError:
    first, second = _NAMES[error.first], _NAMES[error.second]
    said = errors.Said("Base.PropertyValueConflict", (first, second), (f"/{first}",))
    return RedfishError(400, (said,))


def _reply(policy: Policy) -> Reply:
    body: Body = {
        "@odata.id": URI,
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#AccountService.AccountService",
        "Id": "AccountService",
        "Name": "Account Service",
        "ServiceEnabled": True,
        "Status": {"State": "Enabled", "Health": "OK"},
        "HTTPBasicAuth": "Enabled",
        "LocalAccountAuth": "Enabled",
        "SupportedAccountTypes": ["Redfish"],
        **{name: getattr(policy, setting) for name, setting in WRITABLE.items()},
        "AccountLockoutCounterResetEnabled": True,
        "Accounts": {"@odata.id": f"{URI}/Accounts"},
        "Roles": {"@odata.id": f"{URI}/Roles"},
    }
    return Reply(body=body, etag=str(policy.version))
