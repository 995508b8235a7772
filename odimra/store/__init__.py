"""Everything that speaks to Redis, and nothing else does.

Called by every room above; knows none of them.
"""

from odimra.store.cache import ReadCache
from odimra.store.documents import Document, Documents
from odimra.store.errors import (
    DocumentExists,
    DocumentMissing,
    LimitReached,
    StoreError,
    StoreUnavailable,
    VersionMismatch,
)
from odimra.store.kept import Kept
from odimra.store.keys import Keys
from odimra.store.news import CHANGED, CREATED, NEWS, REMOVED, News
from odimra.store.scripts import Script
from odimra.store.store import Store, StoreOptions

__all__ = [
    "CHANGED",
    "CREATED",
    "NEWS",
    "REMOVED",
    "Document",
    "DocumentExists",
    "DocumentMissing",
    "Documents",
    "Kept",
    "Keys",
    "LimitReached",
    "News",
    "ReadCache",
    "Script",
    "Store",
    "StoreError",
    "StoreOptions",
    "StoreUnavailable",
    "VersionMismatch",
]
