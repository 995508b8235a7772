"""Accounts, roles, privileges, sessions."""
