"""Judges what subscribers heard against what the store says was said, and what the tasks say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

PROGRESS = "TaskProgressChanged"


@dataclass(frozen=True)
class Said:
    """An entry of the stream: its id and what it says of which task or other resource."""

    id: str
    message: str
    task: str
    percent: str
    resource: str


@dataclass(frozen=True)
class Verdict:
    """What one subscriber heard: how much, how much of it again, and what is wrong with it."""

    events: int
    duplicates: int
    wrong: Sequence[str]


def stream(url: str, namespace: str = "odimra") -> list[Said]:
    """Return all that is on the stream of the store at ``url``, oldest first."""
    with Redis.from_url(url, decode_responses=True) as store:
        entries: Any = store.xrange(f"{{{namespace}}}:events")
    return [
        Said(
            entry,
            fields["message"],
            *(fields.get(name, "") for name in ("task", "percent", "resource")),
        )
        for entry, fields in entries
    ]


def order(event_id: str) -> tuple[int, int]:
    """Return the place of an event on the stream."""
    ms, _, number = event_id.partition("-")
    return int(ms), int(number)


def since(said: Sequence[Said], subscription: str) -> list[Said]:
    """Return what was said since a subscription was created: its subscriber hears all of that."""
    created = next(
        number
        for number, one in enumerate(said)
        if (one.resource, one.message) == (subscription, "ResourceCreated")
    )
    return list(said[created + 1 :])


def judge(records: Iterable[Mapping[str, Any]], said: Sequence[Said]) -> Verdict:
    """Compare what was heard with all of ``said``: nothing missing, in order, nothing made up.

    An event may come again; it counts when it comes first. What was said later is left out.
    """
    heard: dict[str, Mapping[str, Any]] = {}
    duplicates = 0
    wrong = []
    last = (0, 0)
    for record in records:
        event = str(record["EventId"])
        if event in heard:
            duplicates += 1
            continue
        heard[event] = record
        if order(event) < last:
            wrong.append(f"{event} came behind a later one")
        last = max(last, order(event))
    for one in said:
        record = heard.pop(one.id, {})
        if not record:
            wrong.append(f"{one.id} {one.message} of {one.task or one.resource} is missing")
        elif record["MessageId"].rpartition(".")[2] != one.message:
            wrong.append(f"{one.id} is {record['MessageId']}, not {one.message}")
        elif one.task and record["MessageArgs"][:1] != [one.task]:
            wrong.append(f"{one.id} is about {record['MessageArgs']}, not {one.task}")
    end = order(said[-1].id) if said else (0, 0)
    wrong += [f"{event} was never said" for event in heard if order(event) <= end]
    return Verdict(len(said), duplicates, wrong)


def disagreements(said: Sequence[Said], tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Compare the stream with the tasks' own ``Messages``: no change without its event.

    ``tasks`` are the bodies of tasks that have ended, by id.
    """
    told: dict[str, list[str]] = defaultdict(list)
    percent: dict[str, list[int]] = defaultdict(list)
    for one in said:
        if one.message == PROGRESS:
            percent[one.task].append(int(one.percent))
        elif one.task and one.message != "TaskRemoved":
            told[one.task].append(one.message)
    wrong = []
    for task, body in tasks.items():
        changes = [
            entry["MessageId"].rpartition(".")[2]
            for entry in body["Messages"]
            if entry["MessageId"].startswith("TaskEvent.") and entry["MessageArgs"][:1] == [task]
        ]
        if changes != told[task]:
            wrong.append(f"{task} has {changes}, the stream {told[task]}")
        rising = percent[task]
        last = rising[-1] if rising else 0
        if rising != sorted(set(rising)) or last != body["PercentComplete"]:
            wrong.append(f"{task} ended at {body['PercentComplete']} %, the stream says {rising}")
    return wrong
