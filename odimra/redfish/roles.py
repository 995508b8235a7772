"""Roles (Role v1_3_3): the standard's, which stay as they are, and one's own."""

from __future__ import annotations

from odimra.access import PRIVILEGES, Access, Role, RoleExists, RoleInUse, RolePredefined
from odimra.access import RoleMissing as RoleMissingError
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.resource import Body, Call, Collection, Listed, Reply, Resource
from odimra.store import LimitReached

URI = "/redfish/v1/AccountService/Roles"
TYPE = "Role.v1_3_3.Role"

TRANSLATIONS: Translations = {
    RoleExists: lambda error: errors.resource_already_exists("Role", "RoleId", str(error)),
    RoleInUse: lambda error: errors.resource_in_use(),
    LimitReached: lambda error: errors.create_limit_reached(),
}


def resources(access: Access) -> list[Resource]:
    """Return the routes."""
    face = RoleFace(access)
    return [
        Resource(
            URI,
            "RoleCollection",
            "RoleCollection.RoleCollection",
            get=face.list,
            post=face.create,
            bodies={"POST": "Role.post.json"},
            members=True,
        ),
        Resource(
            f"{URI}/{{role}}",
            "Role",
            TYPE,
            get=face.read,
            patch=face.patch,
            delete=face.delete,
            bodies={"PATCH": "Role.patch.json"},
        ),
    ]


def _reply(role: Role, status: int = 200) -> Reply:
    body: Body = {
        "@odata.id": f"{URI}/{role.id}",
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#Role.Role",
        "Id": role.id,
        "Name": f"Role {role.id}",
        "RoleId": role.id,
        "IsPredefined": role.predefined,
        "AssignedPrivileges": [name for name in PRIVILEGES if name in role.privileges],
        "OemPrivileges": [],
    }
    return Reply(status, body, etag=str(role.version))


class RoleFace:
    """The handlers."""

    def __init__(self, access: Access) -> None:
        self._roles = access.roles

    async def list(self, call: Call) -> Collection:
        """``GET`` of the collection."""
        uris = [f"{URI}/{name}" for name in await self._roles.names()]
        return Collection(URI, "RoleCollection.RoleCollection", "Roles", Listed(uris))

    async def create(self, call: Call) -> Reply:
        """``POST``: make a role of one's own."""
        role = await self._roles.create(
            call.body["RoleId"], call.body.get("AssignedPrivileges", [])
        )
        reply = _reply(role, 201)
        reply.headers = {"Location": f"{URI}/{role.id}"}
        return reply

    async def read(self, call: Call) -> Reply:
        """``GET`` of a role."""
        role = await self._roles.get(call.params["role"])
        if role is None:
            raise errors.resource_not_found("Role", call.params["role"])
        return _reply(role)

    async def patch(self, call: Call) -> Reply:
        """``PATCH`` of the privileges of a role of one's own."""
        role_id = call.params["role"]
        try:
            changed = await self._roles.update(
                role_id, call.body["AssignedPrivileges"], expect=call.expected()
            )
        except RolePredefined:
            raise errors.property_not_writable("AssignedPrivileges") from None
        except RoleMissingError:
            raise errors.resource_not_found("Role", role_id) from None
        return _reply(changed)

    async def delete(self, call: Call) -> Reply:
        """``DELETE`` of a role of one's own that no account has."""
        role_id = call.params["role"]
        try:
            await self._roles.delete(role_id, expect=call.expected())
        except RolePredefined:
            raise errors.resource_cannot_be_deleted() from None
        except RoleMissingError:
            raise errors.resource_not_found("Role", role_id) from None
        return Reply(204)
