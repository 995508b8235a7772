"""Events about resources: put on the stream by the very step that changes the resource.

The store knows how such an entry looks and how long the stream may get; which resources there are,
the rooms above know. Called by them and by :mod:`.documents`; knows the scripts only.
"""

from __future__ import annotations

from dataclasses import dataclass

from odimra.store.scripts import text

CREATED = "ResourceCreated"
CHANGED = "ResourceChanged"
REMOVED = "ResourceRemoved"

#: The functions ``put`` and ``news`` of Lua: the header of scripts that change a resource.
NEWS = text("odimra.store", "lua/news.lua")


@dataclass(frozen=True, slots=True)
class News:
    """What is told of a change, nothing of what was changed to: the stream holds no values.

    ``message`` is a key of the ResourceEvent registry, ``resource_type`` the name of the resource's
    schema, ``resource`` its id (empty where there is but one), ``owner`` the account that it
    concerns (empty: everybody).
    """

    message: str
    resource_type: str
    resource: str = ""
    owner: str = ""
