"""Task scanner: runs a script on every record that a filter selects.

The job kind ``scanner`` and, beside it, its REST API. Knows records, scripting and the engine, no
other job kind.
"""
