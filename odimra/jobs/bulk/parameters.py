"""The parameters of actions: which there are, and what each has to be.

A parameter may stand in the element of a typed action or in a ``parameter`` with its name; the
latter wins. Used by :mod:`.parsing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from odimra.jobs.bulk.deltas import parse_delta
from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.language import Action
from odimra.jobs.bulk.query import BadQuery, Query, parse_query
from odimra.jobs.bulk.reading import boolean, listed, members, only_known, text
from odimra.jobs.bulk.types import UnknownObjectType, of_name

#: What the actions that change objects have in common.
COMMON = frozenset({"dryRun", "raw", "skipApprovals", "options", "executeOptions"})
#: Of midPoint's options of an execution, those that mean something here. There are no approvals
#: and nothing that would have to be reconciled: to skip these is what happens anyway.
OPTIONS = frozenset({"raw", "overwrite", "force", "skipApprovals"})
#: Redfish resources whose actions can be called.
MACHINES = ("ComputerSystem", "Chassis", "Manager")
LEVELS = ("trace", "debug", "info", "warn", "error")
#: Longest script, in characters; as long as one that is run elsewhere may be.
LONGEST_SCRIPT = 262_144

_LANGUAGES = ("ecmascript", "javascript")


def action(name: str, given: Mapping[str, Any], element: str, *, dynamic: bool) -> Action:
    """Return an action. Raises :class:`~odimra.jobs.bulk.errors.BadScript`."""
    if dynamic:
        only_known(given, {"type", "parameter"}, element)
    own = {"type"} if dynamic else set()
    found = {
        key: value
        for key, value in given.items()
        if key not in own and key != "parameter" and not key.startswith("@")
    }
    found |= dynamic_parameters(given.get("parameter"), element)
    if "." in name:
        return _redfish(name, found, element)
    parse = _ACTIONS.get(name)
    if parse is None:
        said = "is no action of the language"
        if name in _KNOWN:
            said = "is an action that this service does not have"
        raise BadScript(element, f"{name[:80]} {said}")
    known, changes, read = parse
    only_known(found, known | COMMON if changes else known, element)
    options = _options(found, element) if changes else {}
    values = read({key: one for key, one in found.items() if key in known}, element)
    return Action(name, values, element=element, **options)


def _options(found: Mapping[str, Any], element: str) -> dict[str, bool]:
    inner: dict[str, Any] = {}
    for name in ("options", "executeOptions"):
        inner |= members(found.get(name), f"{element}/{name}")
        only_known(inner, OPTIONS, f"{element}/{name}")
    for name in ("raw", "skipApprovals"):
        inner |= {name: found[name]} if name in found else {}
    read = {key: boolean(value, f"{element}/{key}") for key, value in inner.items()}
    return {
        "dry_run": boolean(found.get("dryRun", False), f"{element}/dryRun"),
        **{name: read.get(name, False) for name in ("raw", "overwrite", "force")},
    }


def _redfish(name: str, found: dict[str, Any], element: str) -> Action:
    if name.partition(".")[0] not in MACHINES:
        raise BadScript(element, f"{name[:80]} is no action of {', '.join(MACHINES)}")
    dry_run = boolean(found.pop("dryRun", False), f"{element}/dryRun")
    wait = boolean(found.pop("wait", True), f"{element}/wait")
    return Action(name, {"body": found, "wait": wait}, dry_run=dry_run, element=element)


def dynamic_parameters(data: Any, element: str) -> dict[str, Any]:
    """Return the values of ``parameter`` elements by their names. Raises BadScript."""
    found: dict[str, Any] = {}
    for one in listed(data):
        parameter = members(one, f"{element}/parameter")
        name = text(parameter.get("name"), f"{element}/parameter/name")
        only_known(parameter, {"name", "value"}, f"{element}/parameter/{name[:80]}")
        if name in found:
            raise BadScript(f"{element}/parameter/{name[:80]}", "is there twice")
        found[name] = parameter.get("value")
    return found


# --- of single actions: each takes what is given and returns what the action works with ---


def _none(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    return {}


def _modify(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    if "delta" not in found:
        raise BadScript(f"{element}/delta", "is missing")
    return {"delta": parse_delta(found["delta"], f"{element}/delta")}


def _assign(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    relation = found.get("relation")
    if relation is not None:
        relation = text(relation, f"{element}/relation").rpartition("#")[2].rpartition(":")[2]
    wanted: list[dict[str, Any]] = []
    for name, kind in (("role", "RoleType"), ("targetRef", "RoleType")):
        for one in listed(found.get(name)):
            reference = _reference(one, kind, f"{element}/{name}")
            if relation is not None:
                reference["relation"] = relation
            wanted.append({"targetRef": reference})
    for name in ("resource", "resourceRef"):
        for one in listed(found.get(name)):
            reference = _reference(one, "ResourceType", f"{element}/{name}")
            wanted.append({"construction": {"resourceRef": reference}})
    for one in listed(found.get("construction")):
        inner = members(one, f"{element}/construction")
        only_known(inner, {"resourceRef"}, f"{element}/construction")
        path = f"{element}/construction/resourceRef"
        reference = _reference(inner.get("resourceRef"), "ResourceType", path)
        wanted.append({"construction": {"resourceRef": reference}})
    test: Query | None = None
    if "filter" in found:
        try:
            test = parse_query(found["filter"], {})
        except BadQuery as error:
            raise BadScript(f"{element}/filter", str(error)) from None
    if not wanted and test is None:
        raise BadScript(element, "names neither a role nor a resource")
    return {"assignments": tuple(wanted), "filter": test}


def _reference(data: Any, kind: str, element: str) -> dict[str, Any]:
    given = {"oid": data} if isinstance(data, str) else members(data, element)
    only_known(given, {"oid", "type", "relation", "description", "targetName"}, element)
    found = {"oid": text(given.get("oid"), f"{element}/oid"), "type": kind}
    if given.get("type"):
        try:
            found["type"] = of_name(local(text(given["type"], f"{element}/type"))).name
        except UnknownObjectType as error:
            raise BadScript(f"{element}/type", str(error)) from None
    if given.get("relation"):
        found["relation"] = local(text(given["relation"], f"{element}/relation"))
    return found


def local(name: str) -> str:
    """Return a qualified name without what qualifies it."""
    return name.rpartition("#")[2].rpartition(":")[2]


def _recompute(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    if boolean(found.get("triggered", False), f"{element}/triggered"):
        raise BadScript(f"{element}/triggered", "is not supported by this service")
    return {}


def _resolve(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    boolean(found.get("noFetch", False), f"{element}/noFetch")
    return {}


def _log(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    level = found.get("level", "info")
    if level not in LEVELS:
        raise BadScript(f"{element}/level", f"is none of {', '.join(LEVELS)}")
    message = found.get("message")
    return {
        "level": level,
        "message": "" if message is None else text(message, f"{element}/message"),
    }


def _notify(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    if found.get("handler") is not None:
        raise BadScript(f"{element}/handler", "is not supported by this service")
    read = {
        name: text(found.get(name, default), f"{element}/{name}")
        for name, default in (("status", "success"), ("operation", "add"))
    }
    if read["status"] not in ("success", "failure", "inProgress", "alsoSuccess", "onlyFailure"):
        raise BadScript(f"{element}/status", "is none of success, failure and inProgress")
    if read["operation"] not in ("add", "modify", "delete"):
        raise BadScript(f"{element}/operation", "is none of add, modify and delete")
    subtype = found.get("subtype")
    return {
        **read,
        "subtype": "" if subtype is None else text(subtype, f"{element}/subtype")[:200],
        "whole": boolean(found.get("forWholeInput", False), f"{element}/forWholeInput"),
    }


def _execute(found: Mapping[str, Any], element: str) -> dict[str, Any]:
    given = found.get("script")
    given = {"code": given} if isinstance(given, str) else members(given, f"{element}/script")
    given = given.get("script", given) if set(given) <= {"script", "@type"} else given
    only_known(given, {"code", "language"}, f"{element}/script")
    called = local(str(given.get("language") or "ECMAScript"))
    if called.lower() not in _LANGUAGES:
        raise BadScript(
            f"{element}/script/language", f"{called[:80]} is not supported, ECMAScript is"
        )
    code = text(given.get("code"), f"{element}/script/code")
    if len(code) > LONGEST_SCRIPT:
        raise BadScript(f"{element}/script/code", f"is longer than {LONGEST_SCRIPT} characters")
    output = any(
        found.get(name) is not None for name in ("outputItem", "outputItemName", "outputTypeName")
    )
    return {
        "code": code,
        "whole": boolean(found.get("forWholeInput", False), f"{element}/forWholeInput"),
        "quiet": boolean(found.get("quiet", False), f"{element}/quiet"),
        "output": output,
    }


_Read = Callable[[Mapping[str, Any], str], dict[str, Any]]
_ASSIGN = frozenset({"role", "resource", "relation", "targetRef", "resourceRef", "construction"})
_SCRIPT = frozenset(
    {"script", "forWholeInput", "quiet", "outputItem", "outputItemName", "outputTypeName"}
)
#: Parameters of its own, whether it changes objects, and who reads them.
_ACTIONS: Mapping[str, tuple[frozenset[str], bool, _Read]] = {
    "add": (frozenset(), True, _none),
    "modify": (frozenset({"delta"}), True, _modify),
    "delete": (frozenset(), True, _none),
    "enable": (frozenset(), True, _none),
    "disable": (frozenset(), True, _none),
    "assign": (_ASSIGN, True, _assign),
    "unassign": (_ASSIGN | {"filter"}, True, _assign),
    "recompute": (frozenset({"triggered"}), True, _recompute),
    "resolve": (frozenset({"noFetch"}), False, _resolve),
    "log": (frozenset({"level", "message"}), False, _log),
    "notify": (
        frozenset({"subtype", "handler", "status", "operation", "forWholeInput"}),
        False,
        _notify,
    ),
    "validate": (frozenset(), False, _none),
    "execute-script": (_SCRIPT, False, _execute),
}
#: What midPoint has besides.
_KNOWN = frozenset(
    {
        *("resume", "apply-definition", "evaluate-expression", "generate-value", "test-resource"),
        *("purge-schema", "discover-connectors", "reencrypt"),
    }
)
