"""The language in which an operation that does not really happen is told (docs/scenarios.md).

A scenario file names scenarios and rules; the first rule that matches a request decides what
becomes of it: refused, or accepted and played by a scenario. What is left to chance depends only on
the seed, the operation, the target and how many requests there were on that target, so that
every process comes to the same answer. Used by :mod:`odimra.emulation.operations` (to refuse) and
:mod:`odimra.emulation.player` (to play); reads a file once and must never import a face.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from odimra.emulation.files import BadEmulationFile, parse, read

SCHEMA = "scenarios.json"
#: What ``$name`` in a message may stand for; empty where the operation has no such thing.
VARIABLES = frozenset(
    {"target", "machine", "reset_type", "image", "component", "version", "old_version"}
)
COMPLETED, EXCEPTION, CANCELLED, NEVER = "Completed", "Exception", "Cancelled", "never"


class Chance:
    """Numbers that look random and are the same for the same ``key``, in every process."""

    def __init__(self, *key: object) -> None:
        self._key = "\0".join(map(str, key))
        self._drawn = 0

    def draw(self) -> float:
        """Return the next number, 0 <= number < 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._key}\0{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:7], "big") / (1 << 56)


@dataclass(frozen=True, slots=True)
class Range:
    """Seconds, fixed or between two bounds."""

    low: float = 0.0
    high: float = 0.0

    @classmethod
    def load(cls, value: Any, where: str) -> Range:
        """Read a number or ``{min, max}``."""
        if isinstance(value, Mapping):
            if value["max"] < value["min"]:
                raise BadEmulationFile(f"{where}: 'max' is less than 'min'")
            return cls(float(value["min"]), float(value["max"]))
        return cls(float(value), float(value))

    def pick(self, chance: Chance) -> float:
        """Return the seconds; draws only when there is a choice."""
        if self.low == self.high:
            return self.low
        return self.low + (self.high - self.low) * chance.draw()


@dataclass(frozen=True, slots=True)
class Words:
    """A message of a scenario, in which ``$target`` and the like are yet to be filled in."""

    id: str
    text: str
    args: tuple[str, ...] = ()
    severity: str = "OK"

    @classmethod
    def load(cls, value: Mapping[str, Any], where: str) -> Words:
        """Read a message; raises :class:`BadEmulationFile` for an unknown variable."""
        words = cls(
            value["id"], value["text"], tuple(value.get("args", ())), value.get("severity", "OK")
        )
        for text in (words.text, *words.args):
            template = Template(text)
            unknown = set(template.get_identifiers()) - VARIABLES
            if not template.is_valid() or unknown:
                names = ", ".join(f"${name}" for name in sorted(VARIABLES))
                raise BadEmulationFile(
                    f"{where}: '{text}' has a variable that is not one of {names} ($$ is a dollar)"
                )
        return words

    def fill(self, values: Mapping[str, str]) -> Words:
        """Return the message with the variables filled in."""
        known = {name: values.get(name, "") for name in VARIABLES}

        def say(text: str) -> str:
            return Template(text).substitute(known)

        return Words(self.id, say(self.text), tuple(map(say, self.args)), self.severity)


@dataclass(frozen=True, slots=True)
class Beat:
    """A step with its time: ``at`` seconds since the task began to run."""

    at: float
    percent: int | None
    message: Words | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A scenario whose chances are drawn: what happens when. Times in seconds of the scenario."""

    starting: float
    duration: float
    beats: tuple[Beat, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """How one operation goes. ``cancel_after`` None: it cannot be cancelled at all."""

    starting: Range = Range()
    duration: Range = Range()
    steps: tuple[tuple[float | None, int | None, Words | None], ...] = ()
    end: str = COMPLETED
    messages: tuple[Words, ...] = ()
    status: int | None = None
    cancel_after: float | None = 0.0

    @classmethod
    def load(cls, value: Mapping[str, Any], where: str) -> Scenario:
        """Read a scenario; raises :class:`BadEmulationFile`."""
        steps = []
        last_at, last_percent = 0.0, 0
        for number, step in enumerate(value.get("steps", ())):
            place = f"{where}.steps[{number}]"
            at, percent = step.get("at"), step.get("percent")
            if at is not None and at < last_at:
                raise BadEmulationFile(f"{place}.at: earlier than the step before it")
            if percent is not None and percent < last_percent:
                raise BadEmulationFile(f"{place}.percent: PercentComplete never falls")
            last_at = last_at if at is None else float(at)
            last_percent = last_percent if percent is None else percent
            message = step.get("message")
            words = Words.load(message, f"{place}.message") if message else None
            steps.append((None if at is None else float(at), percent, words))
        end = value.get("end", COMPLETED)
        status = value.get("result", {}).get("status")
        if status is not None and (status < 400) != (end == COMPLETED):
            raise BadEmulationFile(f"{where}.result.status: {status} does not fit the end '{end}'")
        cancel_after = value.get("cancel_after", 0)
        return cls(
            starting=Range.load(value.get("starting", 0), f"{where}.starting"),
            duration=Range.load(value.get("duration", 0), f"{where}.duration"),
            steps=tuple(steps),
            end=end,
            messages=tuple(
                Words.load(one, f"{where}.messages[{number}]")
                for number, one in enumerate(value.get("messages", ()))
            ),
            status=status,
            cancel_after=None if cancel_after == NEVER else float(cancel_after),
        )

    def timeline(self, chance: Chance) -> Timeline:
        """Draw the chances and give each step its time.

        Steps without a time are spread evenly between those that have one, and the end.
        """
        starting = self.starting.pick(chance)
        duration = self.duration.pick(chance)
        beats: list[Beat] = []
        count = len(self.steps)
        index, before = 0, 0.0
        while index < count:
            ahead = index
            while ahead < count and self.steps[ahead][0] is None:
                ahead += 1
            fixed = self.steps[ahead][0] if ahead < count else None
            until = max(before, duration if fixed is None else fixed)
            gap = (until - before) / (ahead - index + 1)
            for number in range(index, ahead):
                _, percent, words = self.steps[number]
                beats.append(Beat(before + gap * (number - index + 1), percent, words))
            if ahead < count:
                _, percent, words = self.steps[ahead]
                beats.append(Beat(until, percent, words))
            index, before = ahead + 1, until
        return Timeline(starting, max(duration, before if count else duration), tuple(beats))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not accepted: its status, and seconds for ``Retry-After``."""

    status: int = 503
    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests it is for, and the weighted choices for them."""

    operation: str | None
    targets: tuple[re.Pattern[str], ...]
    parameters: Mapping[str, frozenset[str]]
    first: int | None
    choices: tuple[tuple[float, Scenario | Refusal], ...]

    def matches(self, request: Request) -> bool:
        """Tell whether the rule is for this request."""
        if self.operation is not None and self.operation != request.operation:
            return False
        if self.first is not None and request.ordinal > self.first:
            return False
        if self.targets and not any(
            pattern.match(name) for pattern in self.targets for name in request.targets
        ):
            return False
        return all(
            request.parameters.get(name) in allowed for name, allowed in self.parameters.items()
        )

    def choose(self, chance: Chance) -> Scenario | Refusal:
        """Return one of the choices by weight; draws only when there are several."""
        if len(self.choices) == 1:
            return self.choices[0][1]
        point = chance.draw() * sum(weight for weight, _ in self.choices)
        *others, (_, last) = self.choices
        for weight, choice in others:
            point -= weight
            if point < 0:
                return choice
        return last


@dataclass(frozen=True, slots=True)
class Request:
    """One operation on one target.

    ``targets`` are the names the target goes by, the first being the one that requests are counted
    under; ``ordinal`` says the how many-th request it is on that target, from 1.
    """

    operation: str
    targets: tuple[str, ...]
    ordinal: int
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenarios:
    """The rules of a scenario file, with the seed that decides what is left to chance."""

    rules: tuple[Rule, ...] = ()
    seed: int = 1

    def decide(self, request: Request) -> tuple[Scenario | Refusal, Chance]:
        """Return what becomes of ``request``, and the chance for what its scenario leaves open.

        A request that no rule is for completes at once.
        """
        chance = Chance(self.seed, request.operation, request.targets[0], request.ordinal)
        for rule in self.rules:
            if rule.matches(request):
                return rule.choose(chance), chance
        return Scenario(), chance


def _rule(value: Mapping[str, Any], named: Mapping[str, Scenario], where: str) -> Rule:
    def choice(entry: Mapping[str, Any], place: str) -> Scenario | Refusal:
        if "refuse" in entry:
            given = entry["refuse"]
            return Refusal(given.get("status", 503), given.get("retry_after", 1))
        play = entry["play"]
        if isinstance(play, str):
            if play not in named:
                raise BadEmulationFile(f"{place}.play: there is no scenario '{play}'")
            return named[play]
        return Scenario.load(play, f"{place}.play")

    if "choose" in value:
        choices = tuple(
            (float(one.get("weight", 1)), choice(one, f"{where}.choose[{number}]"))
            for number, one in enumerate(value["choose"])
        )
    else:
        choices = ((1.0, choice(value, where)),)
    targets = _strings(value.get("target", ()))
    return Rule(
        operation=value.get("operation"),
        targets=tuple(re.compile(fnmatch.translate(target)) for target in targets),
        parameters={
            name: frozenset(_strings(allowed))
            for name, allowed in value.get("parameters", {}).items()
        },
        first=value.get("first"),
        choices=choices,
    )


def _strings(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def _build(content: Any, seed: int, origin: str) -> Scenarios:
    named = {
        name: Scenario.load(value, f"{origin}: scenarios.{name}")
        for name, value in content.get("scenarios", {}).items()
    }
    rules = tuple(
        _rule(value, named, f"{origin}: rules[{number}]")
        for number, value in enumerate(content.get("rules", ()))
    )
    return Scenarios(rules, seed)


def load(path: Path, seed: int) -> Scenarios:
    """Read a scenario file; raises :class:`BadEmulationFile` with one line that names the place."""
    return _build(read(path, SCHEMA), seed, str(path))


def loads(text: str, seed: int = 1, origin: str = "scenarios") -> Scenarios:
    """Read scenarios from YAML text; raises :class:`BadEmulationFile`."""
    return _build(parse(text, SCHEMA, origin), seed, origin)
