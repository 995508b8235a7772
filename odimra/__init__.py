"""odimra: a Redfish TaskService that really runs long operations."""

__version__ = "0.1.0"
