"""Privileges (of Redfish) that it takes to do something with records."""

READ = "Login"
WRITE = "ConfigureComponents"
