"""One emulated BMC: a Redfish service of its own, as far as clients of BMCs need one.

It is asked and answers; who listens for it is :mod:`.serving`. It keeps the time by being told it.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odimra.clock import iso_seconds
from odimra.emulation.bmcs.events import Subscriptions
from odimra.emulation.bmcs.tasks import ENDS, MONITORS, TASKS, BmcTask, BmcTasks
from odimra.emulation.bmcs.tree import BOOT_ORDER, ROOT, Body, Tree, collection, resource
from odimra.emulation.scenarios import Refusal, Request, Scenario, Scenarios

SESSION_SERVICE = f"{ROOT}/SessionService"
SESSIONS = f"{SESSION_SERVICE}/Sessions"
TASK_SERVICE = f"{ROOT}/TaskService"
EVENT_SERVICE = f"{ROOT}/EventService"
SUBSCRIPTIONS = f"{EVENT_SERVICE}/Subscriptions"
UPDATE_SERVICE = f"{ROOT}/UpdateService"
SIMPLE_UPDATE = f"{UPDATE_SERVICE}/Actions/UpdateService.SimpleUpdate"
#: Sessions that it keeps; the oldest goes.
MOST_SESSIONS = 32
RETRY_AFTER = "1"
#: What a reset leads to; others leave the power as it is.
POWER = {"On": "On", "ForceOff": "Off", "GracefulShutdown": "Off", "ForceOn": "On"}
#: What PATCH may not change.
FIXED = ("@odata.id", "@odata.type", "Id", "Name", "PowerState", "Actions", "Links", "UUID")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``body`` is its JSON value, None for none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


@dataclass(slots=True)
class Reply:
    """An answer."""

    status: int
    body: Body | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in."""

    user: str
    password: str = field(repr=False)


def refusal(status: int, key: str, said: str) -> Reply:
    """Return an error."""
    info = {"MessageId": f"Base.1.18.{key}", "Message": said, "MessageSeverity": "Critical"}
    error = {"code": f"Base.1.18.{key}", "message": said, "@Message.ExtendedInfo": [info]}
    return Reply(status, {"error": error})


class EmulatedBmc:
    """A BMC: its number, what it is made of, who may log in, how its operations go."""

    def __init__(
        self,
        number: int,
        tree: Callable[[], Tree],
        account: Account,
        scenarios: Scenarios,
        *,
        factor: float = 1.0,
        forgets: bool = False,
        on_operation: Callable[[BmcTask], None] | None = None,
    ) -> None:
        self.number = number
        self.account = account
        self.subscriptions = Subscriptions()
        self.tasks = BmcTasks()
        self._make = tree
        self._tree: Tree | None = None
        self._changed: dict[str, Body] = {}
        self._scenarios = scenarios
        self._factor = factor
        self._forgets = forgets
        #: Told of each operation that begins.
        self.on_operation = on_operation
        self._sessions: dict[str, str] = {}
        self._session_number = 0
        self._counts: dict[tuple[str, str], int] = {}

    # Asking

    def answer(self, ask: Ask, now: float) -> Reply:
        """Return the answer to a request at ``now`` (seconds)."""
        self.tasks.settle(now)
        path = ask.path.rstrip("/") or "/"
        if path == "/redfish":
            return Reply(200, {"v1": f"{ROOT}/"})
        opens = (ask.method, path) == ("POST", SESSIONS)
        public = path == ROOT and ask.method == "GET"
        if not (opens or public or self._known(ask.headers)):
            reply = refusal(401, "NoValidSession", "There is no valid session.")
            reply.headers["WWW-Authenticate"] = 'Basic realm="bmc"'
            return reply
        if ask.method in ("GET", "HEAD"):
            return self._get(path, now)
        if ask.method == "POST":
            return self._post(path, ask.body, now)
        if ask.method == "PATCH":
            return self._patch(path, ask.body)
        if ask.method == "DELETE":
            return self._delete(path, now)
        return refusal(405, "OperationNotAllowed", "The method is not allowed here.")

    def _known(self, headers: Mapping[str, str]) -> bool:
        token = headers.get("X-Auth-Token")
        if token is not None:
            return token in self._sessions
        scheme, _, encoded = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        return given == f"{self.account.user}:{self.account.password}"

    # Resources

    @property
    def tree(self) -> Tree:
        """What it is made of."""
        if self._tree is None:
            self._tree = self._make()
        return self._tree

    def resource(self, path: str) -> Body | None:
        """Return a resource as it is now, or None."""
        return self._changed.get(path) or self.tree.get(path)

    def _change(self, path: str, values: Mapping[str, Any]) -> None:
        body = self._changed.get(path)
        if body is None:
            body = self._changed[path] = copy.deepcopy(self.tree[path])
        _merge(body, values)
        self.subscriptions.tell(
            "ResourceEvent.1.4.ResourceChanged", "ResourceChanged", path, "OK", ()
        )

    def _get(self, path: str, now: float) -> Reply:
        if path.startswith(MONITORS + "/"):
            return self._monitor(path.rpartition("/")[2], now)
        body = self._service(path, now) or self.resource(path)
        if body is None:
            return refusal(404, "ResourceMissingAtURI", f"There is no resource at {path}.")
        if path == ROOT:
            body = {**body, **_ROOT_LINKS}
        tag = hashlib.sha256(repr(body).encode()).hexdigest()[:16]
        return Reply(200, body, {"ETag": f'"{tag}"'})

    def _service(self, path: str, now: float) -> Body | None:
        if path in _SERVICES:
            return _SERVICES[path]
        if path == SESSIONS:
            return collection(path, "Session", [f"{SESSIONS}/{one}" for one in self._ids()])
        if path.startswith(SESSIONS + "/") and path.rpartition("/")[2] in self._ids():
            return resource(path, "Session.v1_7_0.Session", "Session", UserName=self.account.user)
        if path == TASKS:
            return collection(path, "Task", [one.uri for one in self.tasks.all()])
        if path.startswith(TASKS + "/"):
            task = self._task(path.rpartition("/")[2])
            return None if task is None else task.represent(now)
        if path == SUBSCRIPTIONS:
            return collection(path, "EventDestination", self.subscriptions.uris(SUBSCRIPTIONS))
        if path.startswith(SUBSCRIPTIONS + "/"):
            return self.subscriptions.represent(path)
        return None

    def _ids(self) -> list[str]:
        return list(self._sessions.values())

    def _patch(self, path: str, body: Any) -> Reply:
        found = self.resource(path)
        if found is None:
            return refusal(404, "ResourceMissingAtURI", f"There is no resource at {path}.")
        if not isinstance(body, dict) or not body:
            return refusal(400, "MalformedJSON", "The body is no JSON object with a property.")
        for name in body:
            if name in FIXED:
                return refusal(400, "PropertyNotWritable", f"{name} cannot be written.")
            if name not in found:
                return refusal(400, "PropertyUnknown", f"There is no property {name} here.")
        self._change(path, body)
        return self._get(path, 0)

    # Sessions, subscriptions, operations

    def _post(self, path: str, body: Any, now: float) -> Reply:
        if not isinstance(body, dict):
            body = {}
        if path == SESSIONS:
            return self._login(body)
        if path == SUBSCRIPTIONS:
            uri = self.subscriptions.add(SUBSCRIPTIONS, body)
            if uri is None:
                return refusal(400, "PropertyMissing", "Destination is missing.")
            return Reply(201, self.subscriptions.represent(uri), {"Location": uri})
        if path == SIMPLE_UPDATE:
            image = body.get("ImageURI")
            if not isinstance(image, str):
                return refusal(400, "ActionParameterMissing", "ImageURI is missing.")
            return self._start("UpdateService.SimpleUpdate", UPDATE_SERVICE, {"Image": image}, now)
        target, _, action = path.partition("/Actions/")
        found = self.resource(target)
        actions = (found or {}).get("Actions", {})
        if action == BOOT_ORDER and f"#{action}" in actions:
            order = self.tree[target].get("Boot", {}).get("BootOrder", [])
            self._change(target, {"Boot": {"BootOrder": list(order)}})
            return Reply(204)
        if found is None or f"#{action}" not in actions or not action.endswith(".Reset"):
            return refusal(404, "ResourceMissingAtURI", f"There is no resource at {path}.")
        allowed = actions[f"#{action}"].get("ResetType@Redfish.AllowableValues") or list(POWER)
        reset = body.get("ResetType", "ForceRestart")
        if reset not in allowed:
            said = f"{str(reset)[:80]} is not in the list of ResetType."
            return refusal(400, "ActionParameterValueNotInList", said)
        return self._start(action, target, {"ResetType": reset}, now)

    def _login(self, body: Mapping[str, Any]) -> Reply:
        given = (body.get("UserName"), body.get("Password"))
        if given != (self.account.user, self.account.password):
            return refusal(401, "ResourceAtUriUnauthorized", "The credentials are not valid.")
        self._session_number += 1
        id_ = str(self._session_number)
        token = hashlib.sha256(f"{id(self)}\0{id_}".encode()).hexdigest()[:32]
        if len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[token] = id_
        uri = f"{SESSIONS}/{id_}"
        shown = resource(uri, "Session.v1_7_0.Session", "Session", UserName=self.account.user)
        return Reply(201, shown, {"X-Auth-Token": token, "Location": uri})

    def _start(self, operation: str, target: str, values: dict[str, str], now: float) -> Reply:
        count = self._counts[operation, target] = self._counts.get((operation, target), 0) + 1
        names = (target, f"bmc-{self.number}")
        decided, chance = self._scenarios.decide(Request(operation, names, count, values))
        if isinstance(decided, Refusal):
            reply = refusal(decided.status, "ServiceTemporarilyUnavailable", "It is busy.")
            reply.headers["Retry-After"] = str(decided.retry_after)
            return reply
        task = self._operation(operation, target, values, decided, chance, now)
        self.tasks.add(task, now)
        if self.on_operation is not None:
            self.on_operation(task)
        shown = task.represent(now)
        headers = {"Location": task.monitor, "Retry-After": RETRY_AFTER}
        return Reply(202, shown, headers)

    def _operation(
        self,
        operation: str,
        target: str,
        values: dict[str, str],
        scenario: Scenario,
        chance: Any,
        now: float,
    ) -> BmcTask:
        id_ = self.tasks.next_id()

        def effect() -> None:
            power = POWER.get(values.get("ResetType", ""))
            if operation.endswith(".Reset"):
                seen = {"LastResetTime": iso_seconds(int(task.ends * 1000))}
                if not operation.startswith("Manager"):
                    seen["PowerState"] = power or "On"
                self._change(target, seen)
            self.subscriptions.tell(
                "TaskEvent.1.0.TaskCompletedOK", "The task is done.", f"{TASKS}/{id_}", "OK", (id_,)
            )

        filled = {
            "target": target,
            "reset_type": values.get("ResetType", ""),
            "image": values.get("Image", ""),
        }
        task = BmcTask(
            id_, f"{operation} of {target}", now, scenario, chance, effect, filled, self._factor
        )
        return task

    def _monitor(self, id_: str, now: float) -> Reply:
        task = self._task(id_)
        if task is None:
            return refusal(404, "ResourceMissingAtURI", "There is no such task monitor.")
        state = task.settle(now)
        if state not in ENDS:
            headers = {"Location": task.monitor, "Retry-After": RETRY_AFTER, "Allow": "DELETE"}
            return Reply(202, task.represent(now), headers)
        if state == "Cancelled":
            return refusal(404, "ResourceMissingAtURI", "There is no such task monitor.")
        status = task.result()
        if status < 400:
            return Reply(status)
        said = "The operation has failed."
        texts = [one.fill(task.values).text for one in task.scenario.messages]
        return refusal(status, "OperationFailed", texts[-1] if texts else said)

    def _task(self, id_: str) -> BmcTask | None:
        # One that forgets its tasks does so as soon as somebody asks how they are.
        return None if self._forgets else self.tasks.get(id_)

    def _delete(self, path: str, now: float) -> Reply:
        id_ = path.rpartition("/")[2]
        if path.startswith(SESSIONS + "/"):
            tokens = [token for token, one in self._sessions.items() if one == id_]
            if not tokens:
                return refusal(404, "ResourceMissingAtURI", "There is no such session.")
            del self._sessions[tokens[0]]
            return Reply(204)
        if path.startswith(SUBSCRIPTIONS + "/"):
            if self.subscriptions.remove(path):
                return Reply(204)
            return refusal(404, "ResourceMissingAtURI", "There is no such subscription.")
        if path.startswith((MONITORS + "/", TASKS + "/")):
            task = self._task(id_)
            if task is None:
                return refusal(404, "ResourceMissingAtURI", "There is no such task.")
            if task.settle(now) in ENDS or path.startswith(TASKS + "/"):
                self.tasks.remove(id_)
                return Reply(204)
            if task.scenario.cancel_after is None:
                return refusal(405, "OperationNotAllowed", "It cannot be cancelled.")
            task.cancelled = now
            return Reply(202, task.represent(now), {"Location": task.monitor})
        return refusal(405, "OperationNotAllowed", "The method is not allowed here.")

    def reboot(self) -> None:
        """Lose what a BMC loses when it restarts: its sessions."""
        self._sessions.clear()


def _merge(body: Body, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(body.get(name), dict):
            _merge(body[name], value)
        else:
            body[name] = value


def _ref(path: str) -> dict[str, str]:
    return {"@odata.id": path}


_ROOT_LINKS = {
    "SessionService": _ref(SESSION_SERVICE),
    "Tasks": _ref(TASK_SERVICE),
    "EventService": _ref(EVENT_SERVICE),
    "UpdateService": _ref(UPDATE_SERVICE),
    "Links": {"Sessions": _ref(SESSIONS)},
}
_SERVICES: dict[str, Body] = {
    SESSION_SERVICE: resource(
        SESSION_SERVICE, "SessionService.v1_1_9.SessionService", "Session Service",
        ServiceEnabled=True, SessionTimeout=1800, Sessions=_ref(SESSIONS),
    ),
    TASK_SERVICE: resource(
        TASK_SERVICE, "TaskService.v1_2_1.TaskService", "Task Service", ServiceEnabled=True,
        CompletedTaskOverWritePolicy="Oldest", LifeCycleEventOnTaskStateChange=False,
        Tasks=_ref(TASKS),
    ),
    EVENT_SERVICE: resource(
        EVENT_SERVICE, "EventService.v1_10_3.EventService", "Event Service", ServiceEnabled=True,
        DeliveryRetryAttempts=3, EventFormatTypes=["Event"], Subscriptions=_ref(SUBSCRIPTIONS),
    ),
    UPDATE_SERVICE: resource(
        UPDATE_SERVICE, "UpdateService.v1_14_0.UpdateService", "Update Service",
        ServiceEnabled=True, Actions={"#UpdateService.SimpleUpdate": {"target": SIMPLE_UPDATE}},
    ),
}  # fmt: skip
