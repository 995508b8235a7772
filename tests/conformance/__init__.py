"""The DMTF's own tools, run against a freshly started service: `make conformance`.

`run.py` is the door, `tools.py` knows the tools' command lines and reports, `work.py` gives the
service tasks to show.
"""
