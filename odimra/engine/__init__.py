"""Runs job kinds for tasks."""
