"""``$filter`` of the server-sent events (DSP0266, event message SSE stream).

The language is that of :mod:`.filter`; the properties are those of a subscription rather than of a
resource, and ``SubordinateResources eq true`` is no property of an event at all but says what
``OriginResource`` means in the conjunction that it is a part of. Pure; called by :mod:`.sse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Lark, Token, v_args

from odimra.events import Rendered
from odimra.events.model import key_of
from odimra.redfish.filter import BadFilter, Compiler, Node, above, compare, compiled, parser

MESSAGE = "MessageId"
ORIGIN = "OriginResource"
SUBORDINATE = "SubordinateResources"

#: What a filter may name, and what that is of an event.
PROPERTIES: Mapping[str, Callable[[Rendered], str]] = {
    "EventFormatType": lambda event: "Event",
    # Deprecated, yet in use.
    "EventType": lambda event: str(event.record["EventType"]),
    MESSAGE: lambda event: event.key,
    ORIGIN: lambda event: event.origin.rstrip("/"),
    "RegistryPrefix": lambda event: event.prefix,
    "ResourceType": lambda event: event.resource_type,
}
#: EventService, ``SSEFilterPropertiesSupported``; EventType is not said, as the schema has
#: deprecated the place where to say it.
SUPPORTED = {
    "EventFormatType": True,
    "MessageId": True,
    "MetricReportDefinition": False,
    "OriginResource": True,
    "RegistryPrefix": True,
    "ResourceType": True,
    "SubordinateResources": True,
}

Wanted = Callable[[Rendered], bool]


class UnknownProperty(BadFilter):
    """The expression names a property that events cannot be filtered by; the text is its name."""


class _View(Mapping[str, Any]):
    """An event as an expression sees it; ``below``: an origin stands for what is below it too."""

    def __init__(self, event: Rendered, below: bool = False) -> None:
        self.event = event
        self.below = below

    def __getitem__(self, name: str) -> Any:
        return PROPERTIES[name](self.event)

    def __iter__(self) -> Iterator[str]:
        return iter(PROPERTIES)

    def __len__(self) -> int:
        return len(PROPERTIES)


@dataclass(frozen=True, slots=True)
class _Option(Node):
    """``SubordinateResources eq true``, or the opposite (``below`` is False)."""

    below: bool = False


@v_args(inline=True)
class _EventCompiler(Compiler):
    """Compiles for :class:`_View`."""

    def property(self, token: Token) -> Node:
        name = str(token)
        if name == SUBORDINATE:
            return Node(lambda member: None, name=name)
        if name not in PROPERTIES:
            raise UnknownProperty(name)
        return Node(lambda member: member[name], name=name)

    def comparison(self, left: Node, word: str, right: Node) -> Node:
        _no_options(left, right)
        names = (left.name, right.name)
        if SUBORDINATE in names:
            other = (right if left.name == SUBORDINATE else left).value({})
            if word not in ("eq", "ne") or not isinstance(other, bool):
                raise BadFilter(f"{SUBORDINATE} is true or false")
            return _Option(lambda member: True, below=other is (word == "eq"))
        a, b = left.value, right.value
        if MESSAGE in names:
            return above(lambda view: compare(word, _key(a(view)), _key(b(view))), left, right)
        if ORIGIN in names and word in ("eq", "ne"):
            origin, root = (a, b) if left.name == ORIGIN else (b, a)
            return above(lambda view: _at(origin(view), root(view), view) is (word == "eq"), left)
        return Compiler.comparison(self, left, word, right)

    def inversion(self, inner: Node) -> Node:
        _no_options(inner)
        return Compiler.inversion(self, inner)

    def conjunction(self, *parts: Node) -> Node:
        options = {part.below for part in parts if isinstance(part, _Option)}
        if len(options) > 1:
            raise BadFilter(f"{SUBORDINATE} cannot be both")
        rest = [part for part in parts if not isinstance(part, _Option)]
        if not rest:
            return parts[0]
        inner = Compiler.conjunction(self, *rest)
        if not options:
            return inner
        below, value = options.pop(), inner.value
        return above(lambda view: value(_View(view.event, below)), inner)  # type: ignore[attr-defined]

    def disjunction(self, *parts: Node) -> Node:
        _no_options(*parts)
        return Compiler.disjunction(self, *parts)


def _no_options(*parts: Node) -> None:
    # "or" and "not" ask something of an event; this tells how to ask.
    if any(isinstance(part, _Option) for part in parts):
        raise BadFilter(f"{SUBORDINATE} goes with 'and' only")


def _key(value: Any) -> Any:
    return key_of(value) if isinstance(value, str) else value


def _at(origin: Any, root: Any, view: Mapping[str, Any]) -> bool:
    if not isinstance(root, str) or not isinstance(origin, str):
        return False
    root = root.rstrip("/")
    return origin == root or (
        isinstance(view, _View) and view.below and origin.startswith(f"{root}/")
    )


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return parser(_EventCompiler())


@lru_cache(maxsize=256)
def compile_event_filter(text: str) -> Wanted:
    """Return which events are wanted.

    Raises :class:`~odimra.redfish.filter.BadFilter`, of which :class:`UnknownProperty` is one.
    """
    evaluate = compiled(_parser(), text)

    def wanted(event: Rendered) -> bool:
        return evaluate(_View(event)) is True

    return wanted
