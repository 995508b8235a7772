"""Redfish Jobs: requests that the service performs on itself, now, later, or again and again."""
