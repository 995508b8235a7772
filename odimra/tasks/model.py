"""What a task is: the record kept in its hash, and what one is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from odimra.store import News
from odimra.tasks import states

#: In a stored message, the task's own id (kept short: every task has several).
OWN_ID = "@"


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """An entry of a task's ``Messages`` (Message v1_3_0).

    ``text`` is empty for messages of a registry that this service carries: they are worded when
    they are shown.
    """

    message_id: str
    args: tuple[str, ...] = ()
    severity: str = "OK"
    text: str = ""

    def stored(self) -> tuple[str, str]:
        """Return severity and stored form, as the atomic steps take them."""
        record: dict[str, Any] = {"i": self.message_id, "s": self.severity}
        if self.args:
            record["a"] = self.args
        if self.text:
            record["t"] = self.text
        return self.severity, orjson.dumps(record).decode()

    @classmethod
    def load(cls, stored: str | bytes, task_id: str) -> TaskMessage:
        """Read the stored form of a message of the task ``task_id``."""
        record = orjson.loads(stored)
        args = tuple(task_id if arg == OWN_ID else arg for arg in record.get("a", ()))
        return cls(record["i"], args, record["s"], record.get("t", ""))


@dataclass(frozen=True, slots=True)
class Result:
    """What the operation would have answered synchronously; the task monitor replays it."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> str:
        """Return the stored form."""
        record: dict[str, Any] = {"s": self.status}
        if self.headers:
            record["h"] = dict(self.headers)
        if self.body is not None:
            record["b"] = self.body
        return orjson.dumps(record).decode()

    @classmethod
    def load(cls, stored: str | bytes) -> Result:
        """Read the stored form."""
        record = orjson.loads(stored)
        return cls(record["s"], record.get("b"), record.get("h", {}))


@dataclass(frozen=True, slots=True)
class Payload:
    """The request that started a task, as ``Payload`` shows it; secrets are masked already."""

    http_operation: str
    target_uri: str
    http_headers: tuple[str, ...] = ()
    json_body: str = "{}"

    def stored(self) -> str:
        """Return the stored form."""
        record = [self.http_operation, self.target_uri, self.http_headers, self.json_body]
        return orjson.dumps(record).decode()

    @classmethod
    def load(cls, stored: str | bytes) -> Payload:
        """Read the stored form."""
        operation, uri, headers, body = orjson.loads(stored)
        return cls(operation, uri, tuple(headers), body)


@dataclass(frozen=True, slots=True)
class Tally:
    """What adds up with time in a hash, as fast as the value of its field ``of`` says.

    A step that changes that field adds to the field ``total`` what has come together by then:
    ``rates`` units per millisecond, from the time in the field ``at``, or ``since`` (both in ms
    since the epoch). So nobody has to count while nothing changes. Totals are whole numbers, exact
    below 2^53.
    """

    of: str
    rates: Mapping[str, int]
    since: int
    total: str
    at: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Fields of a hash that are written in the same step as the end of a task.

    With those that differ its version grows and the ``news`` is told; ``absent`` says what fields
    are taken for that are not stored. What has added up by then goes into the ``tally``. Fields of
    ``unset`` are taken away, with ``gone`` the hash as a whole. Its ``place`` is the key of a
    sorted set, its member there and the score, None to leave it.
    """

    key: str
    set: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    news: News | None = None
    tally: Tally | None = None
    unset: Sequence[str] = ()
    gone: bool = False
    place: tuple[str, str, float | None] | None = None

    def stored(self) -> dict[str, Any]:
        """Return the effect as the atomic step takes it."""
        return {
            "key": self.key,
            "set": dict(self.set),
            "absent": dict(self.absent),
            **({} if self.news is None else {"news": asdict(self.news)}),
            **({} if self.tally is None else {"tally": asdict(self.tally)}),
            **({"unset": list(self.unset)} if self.unset else {}),
            **({"gone": True} if self.gone else {}),
            **self._placed(),
        }

    def _placed(self) -> dict[str, Any]:
        if self.place is None:
            return {}
        key, member, score = self.place
        return {"place": [key, member] if score is None else [key, member, score]}


@dataclass(frozen=True, slots=True)
class Once:
    """A mark by which a task is created once, even if it is gone again when it is tried anew.

    The creation sets ``field`` of the hash ``key`` to ``number``, which is more than 0, in the same
    step; where it is as much already, or the hash is gone, nothing is created.
    """

    key: str
    field: str
    number: int


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a task is created from.

    ``args`` is what its job kind needs, ``target`` names what no two tasks may work on at once.
    Sub-tasks are created in the same step; a task with sub-tasks has no work of its own. ``keys``
    of the store are removed with the task, those of ``scratch`` when it ends already. With
    ``again`` it keeps its arguments when it ends, so that it can be run once more. It is handed
    over after ``delay_ms``; ``id`` is that of a sub-task, made up when it is empty. Of the tasks of
    a ``queue`` so many run at a time as ``queue_limit`` says. ``run_of`` is the scheduled job whose
    run it is.
    """

    kind: str
    owner: str
    name: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    payload: Payload | None = None
    target: str | None = None
    hide_payload: bool = False
    description: str = ""
    estimated_duration: str = ""
    subtasks: Sequence[NewTask] = ()
    keys: Sequence[str] = ()
    scratch: Sequence[str] = ()
    again: bool = False
    delay_ms: int = 0
    id: str = ""
    queue: str = ""
    queue_limit: int = 0
    run_of: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """What decides in the step that creates a task whether it may, and notes something with it.

    ``source`` is Lua that defines ``guard(g)``: it returns why not (a list), or nil and a function
    that notes what is to be noted. It finds what the steps on tasks share.
    """

    source: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is stored. Times in milliseconds since the epoch, percentages 0 to 100.

    ``request`` is the id of the request that began it, until it has ended (:mod:`odimra.trail`).
    """

    id: str
    kind: str
    owner: str
    task_state: str
    start_time: int
    version: int
    name: str = ""
    description: str = ""
    parent: str | None = None
    target: str | None = None
    task_status: str | None = None
    percent_complete: int = 0
    end_time: int | None = None
    epoch: int = 0
    submission: int = 0
    desired: str = states.RUN
    args: Mapping[str, Any] = field(default_factory=dict, repr=False)
    checkpoint: Any = None
    payload: Payload | None = field(default=None, repr=False)
    hide_payload: bool = False
    result: Result | None = field(default=None, repr=False)
    messages: tuple[TaskMessage, ...] = ()
    children: int = 0
    children_failed: int = 0
    worst_status: int = 0
    estimated_duration: str = ""
    created_resources: tuple[str, ...] = ()
    monitor_expires: int | None = None
    monitor_gone: bool = False
    run_of: str = ""
    request: str = ""

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.task_state in states.FINAL

    @classmethod
    def load(cls, task_id: str, reply: Mapping[bytes, bytes] | Sequence[bytes]) -> Task:
        """Read the hash of the task ``task_id`` as the server returns it."""
        if not isinstance(reply, Mapping):
            reply = dict(zip(reply[::2], reply[1::2], strict=True))
        text = {name.decode(): value.decode() for name, value in reply.items()}
        count = int(text.get("messages", 0))
        kept = (text.get(f"message:{number}") for number in range(1, count + 1))
        state = text["task_state"]
        return cls(
            id=task_id,
            kind=text["kind"],
            owner=text["owner"],
            # Deprecated by Task v1_7_0 in favour of Cancelled; never produced here.
            task_state=states.CANCELLED if state == "Killed" else state,
            start_time=int(text["start_time"]),
            version=int(text["version"]),
            name=text.get("name", ""),
            description=text.get("description", ""),
            parent=text.get("parent"),
            target=text.get("target"),
            task_status=text.get("task_status"),
            percent_complete=int(text.get("percent_complete", 0)),
            end_time=int(text["end_time"]) if "end_time" in text else None,
            epoch=int(text.get("epoch", 0)),
            submission=int(text.get("submission", 0)),
            desired=text.get("desired", states.RUN),
            args=orjson.loads(text["args"]) if "args" in text else {},
            checkpoint=orjson.loads(text["checkpoint"]) if "checkpoint" in text else None,
            payload=Payload.load(text["payload"]) if "payload" in text else None,
            hide_payload="hide_payload" in text,
            result=Result.load(text["result"]) if "result" in text else None,
            messages=tuple(TaskMessage.load(one, task_id) for one in kept if one is not None),
            children=int(text.get("children", 0)),
            children_failed=int(text.get("children_failed", 0)),
            worst_status=int(text.get("worst_status", 0)),
            estimated_duration=text.get("estimated_duration", ""),
            created_resources=tuple(orjson.loads(text["created"])) if "created" in text else (),
            monitor_expires=int(text["monitor_expires"]) if "monitor_expires" in text else None,
            monitor_gone="monitor_gone" in text,
            run_of=text.get("run_of", ""),
            request=text.get("request", ""),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a task: what is None stays as it is.

    ``epoch`` is the worker's (a newer one refuses it), ``sequence`` its number of the step (done
    once, however often it is sent), ``version`` what the writer saw.
    """

    state: str | None = None
    percent: int | None = None
    messages: Sequence[TaskMessage] = ()
    checkpoint: Any = None
    result: Result | None = None
    effects: Sequence[Effect] = ()
    created_resources: Sequence[str] = ()
    epoch: int | None = None
    sequence: int | None = None
    version: int | None = None

    def stored(self) -> bytes:
        """Return the change as the atomic step takes it."""
        change: dict[str, Any] = {}
        if self.state is not None:
            change["state"] = self.state
        if self.percent is not None:
            change["percent"] = self.percent
        if self.messages:
            change["messages"] = [message.stored() for message in self.messages]
        if self.checkpoint is not None:
            change["checkpoint"] = orjson.dumps(self.checkpoint).decode()
        if self.result is not None:
            change["result"] = self.result.stored()
            change["status"] = self.result.status
        if self.effects:
            change["effects"] = [one.stored() for one in self.effects]
        if self.created_resources:
            change["created"] = orjson.dumps(list(self.created_resources)).decode()
        if self.epoch is not None:
            change["epoch"] = self.epoch
        if self.sequence is not None:
            change["seq"] = self.sequence
        if self.version is not None:
            change["version"] = self.version
        return orjson.dumps(change)
