"""Which of the three forms a body has, and which one its sender wants back.

Called by :mod:`.media`; knows nothing of what the forms look like.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Final


class Form(enum.Enum):
    """A form of documents. The value is the media type that answers have."""

    XML = "application/xml"
    JSON = "application/json"
    YAML = "application/yaml"

    @property
    def content_type(self) -> str:
        """The ``Content-Type`` of an answer in this form."""
        return f"{self.value}; charset=utf-8"


class UnknownForm(ValueError):
    """A body is in a form that is not read here: 415."""


class NotAcceptable(ValueError):
    """An answer is asked for only in forms that are not written here: 406."""


_NAMED: Final = {
    "application/xml": Form.XML,
    "text/xml": Form.XML,
    "application/json": Form.JSON,
    "application/yaml": Form.YAML,
    "text/yaml": Form.YAML,
    "application/x-yaml": Form.YAML,
    "text/x-yaml": Form.YAML,
}
_SUFFIXES: Final = {"xml": Form.XML, "json": Form.JSON, "yaml": Form.YAML}
_WORD = r"[!#$%&'*+.^_`|~0-9a-z-]+"
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}")
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
#: Ranges that take in several forms, and which those are; the forms in the order they are offered.
_RANGES: Final = {
    "*/*": tuple(Form),
    "application/*": tuple(Form),
    "text/*": (Form.XML, Form.YAML),
}


def form_of(content_type: str | None) -> Form:
    """Return the form that a ``Content-Type`` names; without one a body is XML.

    Raises :class:`UnknownForm`.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if not media_type:
        return Form.XML
    form = _form(media_type)
    if form is None:
        raise UnknownForm("the body must be XML, JSON or YAML")
    return form


def accepted(accept: str | None) -> Form:
    """Return the form that ``Accept`` prefers; where it leaves a choice, XML before the others.

    Raises :class:`NotAcceptable`.
    """
    wanted = list(_ranges(accept or ""))
    if not wanted:
        return Form.XML
    # For each form the narrowest range that takes it in decides, whatever wider ones say.
    found: dict[Form, tuple[int, float, int]] = {}
    for place, (forms, narrowness, quality) in enumerate(wanted):
        for form in forms:
            known = found.get(form)
            if known is None or (narrowness, quality) > known[:2]:
                found[form] = (narrowness, quality, -place)
    # Best quality; then what was named over what a range took in; then what was named first.
    best = max(
        (form for form in Form if form in found),
        key=lambda form: (found[form][1], found[form][0], found[form][2]),
        default=None,
    )
    if best is None or found[best][1] == 0:
        raise NotAcceptable("answers are XML, JSON or YAML")
    return best


def _ranges(accept: str) -> Iterator[tuple[tuple[Form, ...], int, float]]:
    for entry in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        if not media_range:
            continue
        quality = _quality(parameters)
        if quality is None:
            continue
        if media_range in _RANGES:
            yield _RANGES[media_range], 0 if media_range == "*/*" else 1, quality
        else:
            form = _form(media_range)
            yield (() if form is None else (form,)), 2, quality


def _quality(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            text = value.strip()
            return float(text) if _QUALITY.fullmatch(text) else None
    return 1.0


def _form(media_type: str) -> Form | None:
    if not _MEDIA_TYPE.fullmatch(media_type):
        return None
    return _NAMED.get(media_type) or _SUFFIXES.get(media_type.rpartition("+")[2])
