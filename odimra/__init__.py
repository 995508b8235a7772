"""odimra: a Redfish TaskService that really runs long operations."""
