"""Where the data files lie: ``schemas/`` and ``config/``.

They stand at the top of a checkout and inside the package (``odimra/data``) of a wheel. Every room
reads its data through here; this module knows no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent


class DataFileMissing(FileNotFoundError):
    """A folder of data files is not where the installation should have put it."""


def data_path(folder: Literal["schemas", "config"], *parts: str) -> Path:
    """Return the path of a data file or, without ``parts``, of its folder.

    Raises :class:`DataFileMissing` when the folder itself is missing; whether the file exists is
    for the caller to find out.
    """
    # The wheel's place first: beside an installed package anybody may have put a folder "config".
    for root in (PACKAGE / "data", PACKAGE.parent):
        if (root / folder).is_dir():
            return (root / folder).joinpath(*parts)
    raise DataFileMissing(f"the folder '{folder}' of odimra is missing: install odimra again")
