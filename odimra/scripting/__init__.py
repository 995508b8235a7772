"""JavaScript in processes that can be killed: what scripts of jobs run in.

A script has no file, no network, no environment and no clock but the host's; all that it can do is
call the functions that whoever runs it answers. Its memory and its time are limited by the process
that it runs in. Used by job kinds; knows nobody.
"""

from odimra.scripting.errors import (
    BadScript,
    HostError,
    ScriptError,
    ScriptKilled,
    ScriptTimeout,
)
from odimra.scripting.pool import UNDEFINED, ScriptPool
from odimra.scripting.process import Host, OwnCopy, ScriptOptions

__all__ = [
    "UNDEFINED",
    "BadScript",
    "Host",
    "HostError",
    "OwnCopy",
    "ScriptError",
    "ScriptKilled",
    "ScriptOptions",
    "ScriptPool",
    "ScriptTimeout",
]
