"""The Redfish protocol and its resources (a face)."""
