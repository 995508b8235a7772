"""What kind of resource is at a path, by the URIs that Redfish gives them (DSP0268)."""

from __future__ import annotations

#: Collections by their segment, with the schema of their members.
MEMBERS = {
    "Systems": "ComputerSystem",
    "Chassis": "Chassis",
    "Managers": "Manager",
    "Tasks": "Task",
    "SubTasks": "Task",
    "Batteries": "Battery",
    "BootOptions": "BootOption",
    "Certificates": "Certificate",
    "Controllers": "StorageController",
    "Drives": "Drive",
    "Entries": "LogEntry",
    "EthernetInterfaces": "EthernetInterface",
    "Fans": "Fan",
    "GraphicsControllers": "GraphicsController",
    "HostInterfaces": "HostInterface",
    "LeakDetectors": "LeakDetector",
    "LogServices": "LogService",
    "Memory": "Memory",
    "MemoryDomains": "MemoryDomain",
    "NetworkAdapters": "NetworkAdapter",
    "NetworkDeviceFunctions": "NetworkDeviceFunction",
    "NetworkInterfaces": "NetworkInterface",
    "PCIeDevices": "PCIeDevice",
    "PCIeFunctions": "PCIeFunction",
    "Ports": "Port",
    "PowerSupplies": "PowerSupply",
    "Processors": "Processor",
    "Sensors": "Sensor",
    "SerialInterfaces": "SerialInterface",
    "SimpleStorage": "SimpleStorage",
    "Storage": "Storage",
    "USBControllers": "USBController",
    "VirtualMedia": "VirtualMedia",
    "Volumes": "Volume",
}
#: Resources of which there is one, by their segment.
SINGLE = {
    "Assembly": "Assembly",
    "Bios": "Bios",
    "EnvironmentMetrics": "EnvironmentMetrics",
    "NetworkProtocol": "ManagerNetworkProtocol",
    "PCIeSlots": "PCIeSlots",
    "Power": "Power",
    "PowerSubsystem": "PowerSubsystem",
    "SecureBoot": "SecureBoot",
    "Thermal": "Thermal",
    "ThermalMetrics": "ThermalMetrics",
    "ThermalSubsystem": "ThermalSubsystem",
}
#: All that can be told of.
KINDS = frozenset(MEMBERS.values()) | frozenset(SINGLE.values())


def kind(uri: str) -> str:
    """Return the schema of the resource at ``uri``; empty if its path does not say."""
    segments = uri.partition("#")[0].strip("/").split("/")
    last, above = segments[-1], segments[-2] if len(segments) > 1 else ""
    if above in MEMBERS:
        return MEMBERS[above]
    if last in SINGLE:
        return SINGLE[last]
    if last in MEMBERS:
        return f"{MEMBERS[last]}Collection"
    return ""
