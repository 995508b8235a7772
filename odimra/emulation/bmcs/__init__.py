"""BMCs that do not exist: each a Redfish service of its own, thousands of them in one process.

What they are is in memory and gone with the process: they stand for hardware, not for this service.
Knows nothing of the store, of tasks, of anything above the emulation.
"""
