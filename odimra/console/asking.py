"""What a request for figures may ask, read and refused alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class BadQuestion(Exception):
    """A parameter says what there is not; told to the client as it is."""


def only(query: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise :class:`BadQuestion` if there is a parameter that is not known."""
    for name in query:
        if name not in known:
            raise BadQuestion(f"'{name[:80]}' is none of: {', '.join(known)}")


def number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a parameter. Raises :class:`BadQuestion`."""
    text = query.get(name)
    if text is None:
        return default
    # Not int() alone: it takes other scripts' digits, and as many as there are.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise BadQuestion(f"'{name}' is a number from {least} to {most}")
    return int(text)
