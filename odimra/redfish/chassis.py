"""``/redfish/v1/Chassis``: the emulated Chassis with their sensors.

A face: called by the frame, knows the emulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.clock import Clock, iso_seconds
from odimra.emulation.fleet import CHASSIS, Machine
from odimra.emulation.sensors import METERED_SINCE, SENSORS, reading
from odimra.emulation.state import MachineStates
from odimra.redfish import errors
from odimra.redfish.machines import STATUS, etag, expected, find, head, link, links, part
from odimra.redfish.resource import Call, Collection, Listed, Members, Reply, Resource
from odimra.redfish.systems import stored
from odimra.store import Document

TYPE = "Chassis.v1_28_0.Chassis"
SENSOR = "Sensor.v1_12_0.Sensor"
DRIVE = "Drive.v1_22_0.Drive"
METRICS = "EnvironmentMetrics.v1_5_0.EnvironmentMetrics"


def resources(machines: MachineStates, clock: Clock, members: Members = Listed) -> list[Resource]:
    """Return the routes of the Chassis."""
    fleet = machines.fleet
    every = members([machine.chassis_uri for machine in fleet.machines.values()])

    async def collection(_: Call) -> Collection:
        return Collection(
            uri=CHASSIS,
            type="ChassisCollection.ChassisCollection",
            name="Chassis",
            source=every,
        )

    async def get(call: Call) -> Reply:
        machine = find(fleet, call, "Chassis")
        return _reply(machine, await machines.read("chassis", machine))

    async def patch(call: Call) -> Reply:
        machine = find(fleet, call, "Chassis")
        document = await machines.change(
            "chassis", machine, stored(call.body), expect=expected(call, machine)
        )
        return _reply(machine, document)

    async def sensors(call: Call) -> Collection:
        uri = f"{find(fleet, call, 'Chassis').chassis_uri}/Sensors"
        return Collection(
            uri=uri,
            type="SensorCollection.SensorCollection",
            name="Sensors",
            source=Listed([f"{uri}/{name}" for name in SENSORS]),
        )

    async def drives(call: Call) -> Collection:
        machine = find(fleet, call, "Chassis")
        if "Drives" not in machine.template:
            raise errors.invalid_uri(call.uri)
        uri = f"{machine.chassis_uri}/Drives"
        count = machine.template["Drives"]["Count"]
        return Collection(
            uri=uri,
            type="DriveCollection.DriveCollection",
            name="Drives",
            source=Listed([f"{uri}/{number}" for number in range(1, count + 1)]),
        )

    async def sensor(call: Call) -> Reply:
        machine = find(fleet, call, "Chassis")
        name = call.params["part"]
        if name not in SENSORS:
            raise errors.resource_not_found("Sensor", name)
        fields = (await machines.read("chassis", machine)).fields
        of = SENSORS[name]
        return Reply(
            body={
                **head(f"{machine.chassis_uri}/Sensors/{name}", SENSOR, name),
                "ReadingType": of.reading_type,
                "ReadingUnits": of.units,
                "PhysicalContext": of.context,
                "Reading": reading(machine, name, fields, clock.now_ms()),
                **_since(name),
                "Status": dict(STATUS),
            }
        )

    async def metrics(call: Call) -> Reply:
        machine = find(fleet, call, "Chassis")
        uri = machine.chassis_uri
        fields = (await machines.read("chassis", machine)).fields
        now = clock.now_ms()

        def excerpt(name: str) -> dict[str, Any]:
            return {
                "DataSourceUri": f"{uri}/Sensors/{name}",
                "Reading": reading(machine, name, fields, now),
                **_since(name),
            }

        return Reply(
            body={
                **head(f"{uri}/EnvironmentMetrics", METRICS, "Environment metrics"),
                "TemperatureCelsius": excerpt("InletTemperature"),
                "PowerWatts": excerpt("Power"),
                "EnergykWh": excerpt("Energy"),
            }
        )

    one = f"{CHASSIS}/{{id}}"
    return [
        Resource(
            path=CHASSIS,
            entity="ChassisCollection",
            type="ChassisCollection.ChassisCollection",
            get=collection,
        ),
        Resource(
            path=one,
            entity="Chassis",
            type=TYPE,
            get=get,
            patch=patch,
            bodies={"PATCH": "Chassis.patch.json"},
        ),
        Resource(
            path=f"{one}/Sensors",
            entity="SensorCollection",
            type="SensorCollection.SensorCollection",
            get=sensors,
        ),
        Resource(
            path=f"{one}/Drives",
            entity="DriveCollection",
            type="DriveCollection.DriveCollection",
            get=drives,
        ),
        part(fleet, f"{one}/Drives/{{part}}", "Drive", DRIVE, _drive),
        Resource(path=f"{one}/Sensors/{{part}}", entity="Sensor", type=SENSOR, get=sensor),
        Resource(
            path=f"{one}/EnvironmentMetrics",
            entity="EnvironmentMetrics",
            type=METRICS,
            get=metrics,
        ),
    ]


def represent(machine: Machine, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the Chassis (v1_28_0) of a machine in the state that ``fields`` tell."""
    uri = machine.chassis_uri
    body: dict[str, Any] = {
        **head(uri, TYPE, f"Chassis {machine.id}"),
        "Description": "An emulated chassis",
        **machine.template["Chassis"],
        **{
            name: value
            for name, value in machine.template["System"].items()
            if name in ("Manufacturer", "Model", "SKU", "PartNumber")
        },
        "SerialNumber": machine.serial("chassis"),
        "UUID": machine.uuid("chassis"),
        "AssetTag": fields["AssetTag"],
        "LocationIndicatorActive": fields["LocationIndicatorActive"] == "true",
        "PowerState": fields["PowerState"],
        "Status": {**STATUS, "HealthRollup": "OK"},
        "Sensors": link(f"{uri}/Sensors"),
        "EnvironmentMetrics": link(f"{uri}/EnvironmentMetrics"),
        "Links": {
            **links("ComputerSystems", [machine.system_uri]),
            **links("ManagedBy", [machine.manager_uri]),
            **links("ManagersInChassis", [machine.manager_uri]),
        },
    }
    if "Drives" in machine.template:
        body["Drives"] = link(f"{uri}/Drives")
    return body


def _since(sensor: str) -> dict[str, str]:
    # Only what counts has been set to zero at some time.
    return {"SensorResetTime": iso_seconds(METERED_SINCE)} if sensor == "Energy" else {}


def _drive(machine: Machine, one: str) -> dict[str, Any] | None:
    made = machine.template.get("Drives")
    # The URIs below a Storage are deprecated for drives, so they are here.
    if made is None or one not in {str(number) for number in range(1, made["Count"] + 1)}:
        return None
    return {
        **head(f"{machine.chassis_uri}/Drives/{one}", DRIVE, f"Drive {one}"),
        **{key: value for key, value in made.items() if key != "Count"},
        "SerialNumber": machine.serial(f"drive {one}"),
        "PhysicalLocation": {"PartLocation": {"ServiceLabel": f"Bay {one}"}},
        "Status": dict(STATUS),
        "Links": {"Chassis": link(machine.chassis_uri)},
    }


def _reply(machine: Machine, document: Document) -> Reply:
    return Reply(body=represent(machine, document.fields), etag=etag(machine, document))
