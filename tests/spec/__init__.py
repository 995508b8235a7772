"""Clauses of the Redfish specification, one named test each, against a started service."""
