"""How rating fails, one class per way. Faces translate these; none of them names a status."""

from __future__ import annotations

from collections.abc import Sequence


class RatingError(Exception):
    """What was asked is not possible; the text says why."""


class ScopeExists(RatingError):
    """There is such a scope already."""


class ScopeMissing(RatingError):
    """There is no such scope."""


class RuleExists(RatingError):
    """There is a rule, or a part of one, that says the same."""


class RuleMissing(RatingError):
    """There is no such rule; ``kind`` is what it was thought to be."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"No such {kind}: {id}")
        self.kind = kind
        self.id = id


class BadRule(RatingError):
    """What was given is no rule."""


class TooMany(RatingError):
    """There are as many as may be."""


class WindowRefused(RatingError):
    """A window cannot be rated again. ``scopes`` are those that it is about."""

    def __init__(self, why: str, scopes: Sequence[str], values: Sequence[int] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.scopes = tuple(scopes)
        self.values = tuple(values)
