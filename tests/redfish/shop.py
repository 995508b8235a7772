"""Resources as small as can be, through which the frame is proved: systems in a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from odimra.redfish import body as bodies
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.resource import Call, Collection, Listed, Reply, Resource
from odimra.store import VersionMismatch

SYSTEMS = "/redfish/v1/Systems"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "ComputerSystem.v1_27_0.ComputerSystem"
UPDATE = "UpdateService.SimpleUpdate"


class Closed(Exception):
    """A failure of a room below, which the frame is told how to say."""


class FarAway(Closed):
    """One more, of the same kind."""


@dataclass
class Shop:
    """What there is to see; tests put in what they need and look at what was asked."""

    systems: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    failure: Exception | None = None
    written: list[dict[str, Any]] = field(default_factory=list)
    fetched: int = 0
    #: Listed, but no longer there: deleted between the two steps of a request.
    gone: list[str] = field(default_factory=list)
    translations: Translations = field(
        default_factory=lambda: {Closed: lambda error: errors.resource_in_use()}
    )

    def __post_init__(self) -> None:
        self.fill(3)

    def fill(self, count: int) -> None:
        """Put ``count`` systems in: s0, s1, ...; every third is off, every second is ill."""
        self.systems = {
            f"s{number}": {
                "Number": number,
                "PowerState": "Off" if number % 3 == 0 else "On",
                "Status": {"Health": "Critical" if number % 2 else "OK", "State": "Enabled"},
                "LocationIndicatorActive": number % 2 == 0,
                "AssetTag": None,
            }
            for number in range(count)
        }
        self.versions = dict.fromkeys(self.systems, 1)

    def system(self, name: str) -> dict[str, Any]:
        uri = f"{SYSTEMS}/{name}"
        return {
            "@odata.id": uri,
            "@odata.type": f"#{SYSTEM}",
            "Id": name,
            "Name": f"System {name}",
            **self.systems[name],
            "Processors": {"@odata.id": f"{uri}/Processors"},
            "Links": {
                "Chassis": [{"@odata.id": "/redfish/v1/Chassis/c1"}],
                "Chassis@odata.count": 1,
            },
        }

    def resources(self) -> list[Resource]:
        return [
            Resource(
                SYSTEMS,
                "ComputerSystemCollection",
                "ComputerSystemCollection.ComputerSystemCollection",
                get=self.list_systems,
            ),
            Resource(
                f"{SYSTEMS}/{{id}}",
                "ComputerSystem",
                SYSTEM,
                get=self.read_system,
                patch=self.patch_system,
                bodies={"PATCH": "ComputerSystem.patch.json"},
            ),
            Resource(
                f"{SYSTEMS}/{{id}}/Processors",
                "ProcessorCollection",
                "ProcessorCollection.ProcessorCollection",
                get=self.list_processors,
            ),
            Resource(
                f"{SYSTEMS}/{{id}}/Processors/{{part}}",
                "Processor",
                "Processor.v1_22_0.Processor",
                get=self.read_processor,
            ),
            Resource(
                "/redfish/v1/Chassis/{id}", "Chassis", "Chassis.v1_28_0.Chassis", get=self.chassis
            ),
            Resource("/redfish/v1/Managers", "ManagerCollection", get=self.one_manager),
            Resource(
                "/redfish/v1/Managers/{id}", "Manager", "Manager.v1_24_0.Manager", get=self.manager
            ),
            Resource(
                f"/redfish/v1/UpdateService/Actions/{UPDATE}",
                "UpdateService",
                post=self.write,
                bodies={"POST": "UpdateService.SimpleUpdate.json"},
                action=UPDATE,
            ),
            Resource(
                "/redfish/v1/TaskService/Actions/TaskService.DeleteAllCompletedTasks",
                "TaskService",
                post=self.write,
                action="TaskService.DeleteAllCompletedTasks",
            ),
            Resource(
                "/redfish/v1/TaskService",
                "TaskService",
                "TaskService.v1_3_0.TaskService",
                patch=self.write,
                bodies={"PATCH": "TaskService.patch.json"},
            ),
            Resource(
                ACCOUNTS,
                "ManagerAccountCollection",
                post=self.create,
                bodies={"POST": "ManagerAccount.post.json"},
                members=True,
            ),
            Resource(
                f"{ACCOUNTS}/{{account}}",
                "ManagerAccount",
                "ManagerAccount.v1_14_1.ManagerAccount",
                get=self.account,
                patch=self.write,
                delete=self.delete,
                bodies={"PATCH": "ManagerAccount.patch.json"},
            ),
            Resource(
                SESSIONS,
                "SessionCollection",
                get=self.no_sessions,
                post=self.create,
                bodies={"POST": "Session.post.json"},
                members=True,
            ),
            Resource(f"{SESSIONS}/{{id}}", "Session", get=self.account, delete=self.delete),
        ]

    async def list_systems(self, call: Call) -> Collection:
        uris = [f"{SYSTEMS}/{name}" for name in [*self.systems, *self.gone]]
        kind = "ComputerSystemCollection.ComputerSystemCollection"
        return Collection(SYSTEMS, kind, "Systems", Listed(uris), extra={"Description": "all"})

    async def read_system(self, call: Call) -> Reply:
        self.calls.append(call)
        self.fetched += call.inner
        if self.failure is not None:
            raise self.failure
        name = call.params["id"]
        if name not in self.systems:
            raise errors.resource_not_found("ComputerSystem", name)
        if self.systems[name].get("Secret") and call.principal.account != "admin":
            raise errors.insufficient_privilege()
        return Reply(body=self.system(name), etag=str(self.versions[name]))

    async def patch_system(self, call: Call) -> Reply:
        name = call.params["id"]
        expected = call.expected()
        if expected is not None and self.versions[name] not in expected:
            raise VersionMismatch(self.versions[name])
        self.systems[name].update(call.body)
        self.versions[name] += 1
        return Reply(body=self.system(name), etag=str(self.versions[name]))

    async def list_processors(self, call: Call) -> Collection:
        uri = f"{SYSTEMS}/{call.params['id']}/Processors"
        kind = "ProcessorCollection.ProcessorCollection"
        return Collection(uri, kind, "Processors", Listed([f"{uri}/1", f"{uri}/2"]))

    async def read_processor(self, call: Call) -> Reply:
        return Reply(
            body={
                "@odata.id": call.uri,
                "@odata.type": "#Processor.v1_22_0.Processor",
                "Id": call.params["part"],
                "Name": "Processor",
            }
        )

    async def chassis(self, call: Call) -> Reply:
        body = {
            "@odata.id": call.uri,
            "@odata.type": "#Chassis.v1_28_0.Chassis",
            "Id": call.params["id"],
            "Name": "Chassis",
            "@odata.etag": '"7"',
        }
        return Reply(raw=bodies.render(body), etag="7")

    async def one_manager(self, call: Call) -> Collection:
        return Collection(
            "/redfish/v1/Managers",
            "ManagerCollection.ManagerCollection",
            "Managers",
            Listed(["/redfish/v1/Managers/m1"]),
        )

    async def manager(self, call: Call) -> Reply:
        return Reply(body={"@odata.id": call.uri, "Id": call.params["id"], "Name": "Manager"})

    async def write(self, call: Call) -> Reply:
        self.calls.append(call)
        self.written.append(call.body)
        return Reply(204)

    async def create(self, call: Call) -> Reply:
        self.written.append(call.body)
        uri = f"{call.uri.removesuffix('/Members')}/new"
        body = {"@odata.id": uri, "Id": "new", "Name": "New"}
        return Reply(201, body, {"Location": uri}, etag="1")

    async def account(self, call: Call) -> Reply:
        return Reply(body={"@odata.id": call.uri, "Id": "x", "Name": "x"}, etag="1")

    async def delete(self, call: Call) -> Reply:
        self.calls.append(call)
        return Reply(204)

    async def no_sessions(self, call: Call) -> Collection:
        return Collection(SESSIONS, "SessionCollection.SessionCollection", "Sessions", Listed([]))
