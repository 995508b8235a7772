"""Logging: one line a record, as text or JSON, in which no secret can be read.

Set up once per process by the doors. Every room logs through ``logging.getLogger(__name__)``; the
masking sits in the formatter, behind everything, so that it also covers tracebacks and what a
library logs. Each line has the ids of the work during which it was written (:mod:`odimra.trail`).
Must never import a room.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from odimra import trail

if TYPE_CHECKING:
    from odimra.config import LogSettings

# Names whose value is a secret, wherever they stand: JSON, headers, query, repr, key=value.
_NAMES = (
    r"[\w-]*(?:passw(?:or)?d|secret|token|passphrase|private[_-]?key|api[_-]?key)[\w-]*"
    r"|(?:proxy-)?authorization|cookie|set-cookie"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b((?:basic|bearer)\s+)[A-Za-z0-9+/=._~-]{4,}"), r"\1***"),
    # "Password": "...", 'X-Auth-Token': b'...'
    (
        re.compile(rf"""(?i)((["'])(?:{_NAMES})\2\s*[:=,]\s*b?)(["'])(?:\\.|(?!\3).)*\3"""),
        r"\1\3***\3",
    ),
    # password=..., X-Auth-Token: ...
    (re.compile(rf"(?i)\b((?:{_NAMES})\s*[:=]\s*)(?![\"'\s*])[^\s,;&)}}\]]+"), r"\1***"),
    (re.compile(rf"""(?i)\b((?:{_NAMES})\s*[:=]\s*b?)(["'])(?:\\.|(?!\2).)*\2"""), r"\1\2***\2"),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@"), r"\1:***@"),
    # 256 bits in hexadecimal digits: what a session token of this service looks like.
    (re.compile(r"\b[0-9a-f]{64}\b"), "***"),
)
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}
_SECRET_NAME = re.compile(rf"(?i)(?:{_NAMES})\Z")


def redact(text: str) -> str:
    """Return ``text`` with everything that looks like a password or a token as ``***``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class TextFormatter(logging.Formatter):
    """One line for people: time (UTC), level, process name, logger, message, extras."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on lines of its own."""
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = (
            f"{_time(record)} {record.levelname.lower():<7} {self._process} "
            f"{record.name}: {record.getMessage()}{extras}"
        )
        # A line break in what somebody sent must not look like a record of its own.
        line = line.replace("\r", "\\r").replace("\n", "\\n")
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redact(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line for machines."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        entry.update({name: redact(str(value)) for name, value in _extras(record).items()})
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(settings: LogSettings, process: str, stream: TextIO | None = None) -> None:
    """Send every record of this process to ``stream`` (standard error).

    ``process`` names the process in each record, for example ``api-0``.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    make = JsonFormatter if settings.format == "json" else TextFormatter
    handler.setFormatter(make(process))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    if settings.level != "debug":
        # Each of these tells of every request or job; that belongs to debugging.
        for chatty in ("aiohttp.access", "docket", "asyncio"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in record.__dict__.items() if name not in _OWN}
    # The ids of the work during which it was written, unless the record has its own.
    given = {**trail.ids(), **given}
    return {name: "***" if _SECRET_NAME.match(name) else value for name, value in given.items()}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
