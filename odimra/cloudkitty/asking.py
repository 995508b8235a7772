"""What a request of this face asks: its parameters and its body, read as CloudKitty reads them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import hdrs, web

from odimra.access import Principal
from odimra.cloudkitty.errors import MALFORMED, RatingFault, bad
from odimra.wire import JSON_TYPE, BodyLimits, parse_beside, receive

#: The privilege that makes an account what Keystone calls an admin.
ADMIN = "ConfigureUsers"
#: How much one page lists if nothing is said.
PAGE = 100
#: Years of which something may be said: those around them are no longer ones in all time zones.
YEARS = range(2, 9999)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``params`` is what the stars of its path stand for."""

    request: web.Request
    principal: Principal
    params: tuple[str, ...]
    limits: BodyLimits
    #: Scopes that the account may see, None for all.
    scopes: Collection[str] | None

    @property
    def admin(self) -> bool:
        """Whether who asks may do everything."""
        return ADMIN in self.principal.privileges

    async def body(self) -> dict[str, Any]:
        """Return the body, an object. Raises 400, 415."""
        self._check_type()
        found = await self.optional_body()
        if found is None:
            raise bad(MALFORMED)
        return found

    async def optional_body(self) -> dict[str, Any] | None:
        """Return the body, an object, or None if there is none. Raises 400, 415."""
        raw = await receive(self.request, self.limits)
        if not raw.strip():
            return None
        self._check_type()
        # Strict, and within bounds; then once more with every digit of every number.
        parsed = await parse_beside(raw, self.limits.max_depth)
        if not isinstance(parsed, dict):
            raise bad(f"Invalid data '{short(parsed)}' : expected a dictionary (path: '[]')")
        exact: dict[str, Any] = json.loads(raw, parse_float=Decimal)
        return exact

    def _check_type(self) -> None:
        if not JSON_TYPE.match(self.request.headers.get(hdrs.CONTENT_TYPE, "")):
            raise RatingFault(
                415,
                "Did not attempt to load JSON data because the request Content-Type was not "
                "'application/json'.",
            )

    # Parameters

    def known(self, *names: str) -> None:
        """Refuse parameters of other names."""
        for name in self.request.query:
            if name not in names:
                raise bad(
                    f"Invalid data '{short(dict(self.request.query))}' : extra keys not allowed "
                    f"(path: '['{name[:60]}']')"
                )

    def one(self, name: str) -> str | None:
        """Return a parameter that is there once or not at all."""
        found = self.request.query.getall(name, [])
        if len(found) > 1:
            raise bad(
                f"Invalid data '{short(found)}' : length of value must be 1 (path: '['{name}']')"
            )
        return found[0] if found else None

    def several(self, name: str) -> list[str] | None:
        """Return the values of a parameter that may be there often, each a list with commas."""
        found = self.request.query.getall(name, None)
        if found is None:
            return None
        return [one.strip() for value in found for one in value.split(",")]

    def number(self, name: str, default: int, least: int) -> int:
        """Return a parameter that is a whole number."""
        text = self.one(name)
        if text is None:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(text) > 10:
            raise bad(f"Invalid data '{short(text)}' : expected int (path: '['{name}']')")
        if int(text) < least:
            raise bad(
                f"Invalid data '{text}' : value must be at least {least} (path: '['{name}']')"
            )
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false, false if it is not there."""
        text = (self.one(name) or "false").lower()
        if text not in ("true", "false"):
            raise bad(f"Invalid data '{short(text)}' : expected bool (path: '['{name}']')")
        return text == "true"

    def moment(self, name: str, default: int) -> int:
        """Return a parameter that is a time, in seconds since the epoch."""
        text = self.one(name)
        return default if not text else moment(text, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; without a body it is only a status. ``size`` is how many things are in it."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


Handler = Callable[[Ask], Awaitable[Answer]]


def short(value: Any) -> str:
    """Return a value as errors show it: not for ever."""
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."


def moment(value: Any, name: str) -> int:
    """Return a time in ISO 8601 as seconds since the epoch; without a zone it is UTC.

    Raises 400.
    """
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
            if found.year in YEARS:
                found = found if found.tzinfo else found.replace(tzinfo=UTC)
                return int(found.replace(microsecond=0).timestamp())
        except ValueError:
            pass
    raise bad(f"Invalid data '{short(value)}' : not a valid time (path: '['{name}']')")


def zoned(seconds: int) -> str:
    """Return a time as it is shown with its zone, as in the texts of errors."""
    return str(datetime.fromtimestamp(seconds, UTC))


def iso(seconds: int) -> str:
    """Return a time in ISO 8601 with its zone."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def naive(seconds: int) -> str:
    """Return a time in ISO 8601 without a zone, which is UTC."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def check(body: Mapping[str, Any], required: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse a body that lacks something, or has something else."""
    for name in required:
        if name not in body:
            raise bad(
                f"Invalid data '{short(dict(body))}' : required key not provided "
                f"(path: '['{name}']')"
            )
    for name in body:
        if name not in required and name not in optional:
            raise bad(
                f"Invalid data '{short(dict(body))}' : extra keys not allowed "
                f"(path: '['{name[:60]}']')"
            )


def text(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a text from a body. Raises 400."""
    value = body.get(name, default)
    if not isinstance(value, str) or not value.isprintable() or len(value) > 256:
        raise bad(f"Invalid data '{short(value)}' : expected str (path: '['{name}']')")
    return value
