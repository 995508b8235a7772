"""Clients that people use, unchanged, against a started service."""
