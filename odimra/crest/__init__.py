"""The REST API of records, scheduled jobs and scans, as the users of CREST services know it.

A face, like :mod:`odimra.redfish`: HTTP in, HTTP out. Everything lies under ``/openidm``.
"""
