"""Lua scripts: each is one atomic step, kept as a file beside the code that calls it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files


def text(package: str, *names: str) -> str:
    """Return the files ``names`` of ``package``, one behind the other."""
    return "\n".join(files(package).joinpath(name).read_text(encoding="utf-8") for name in names)


@dataclass(frozen=True)
class Script:
    """A script and the digest by which the server knows it."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is the server's way to name a script, not a matter of security.
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)

    @classmethod
    def from_package(cls, package: str, *names: str, header: str = "") -> Script:
        """Join the files ``names`` of ``package`` (shared functions first) behind ``header``."""
        source = text(package, *names)
        return cls(f"{header}\n{source}" if header else source)
