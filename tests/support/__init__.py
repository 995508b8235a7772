"""What the outside-in tests share: a started service and a small HTTP client.

Used by `tests/clients`, `tests/spec`, `tests/conformance` and `benchmarks`. Nothing here may import
a room of odimra: whatever stands on this package sees the service only as a user does, through its
command line, files and sockets.
"""
