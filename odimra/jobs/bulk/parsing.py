"""From plain data to a script.

What the language has no word for, and what this service cannot do, is refused with the name of the
element. The data are those of midPoint's JSON, names without namespaces. Called where a script
comes in, so that its author hears of mistakes at once, and by the worker that runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.jobs.bulk import language
from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.language import Expression, Script
from odimra.jobs.bulk.parameters import action, local
from odimra.jobs.bulk.paths import Path, parse_path
from odimra.jobs.bulk.query import BadQuery, Query, parse_query
from odimra.jobs.bulk.reading import boolean, listed, members, only_known, text
from odimra.jobs.bulk.types import UnknownObjectType, of_name

#: How deep expressions may be nested.
DEEPEST = 32
#: Expressions that one script may have.
MOST = 1000
#: Values that a script may bring as its input.
MOST_INPUT = 10_000

#: Typed actions, with the names that the same ones have as parameters of ``action``.
ACTIONS: Mapping[str, str] = {
    **{
        name: name
        for name in (
            *("add", "modify", "delete", "enable", "disable", "assign", "unassign"),
            *("recompute", "log", "notify", "validate"),
        )
    },
    "resolveReference": "resolve",
    "execute": "execute-script",
    # What midPoint has and this service has not: known by name, so that it can be said.
    "resume": "resume",
    "applyDefinition": "apply-definition",
    "evaluateExpression": "evaluate-expression",
    "generateValue": "generate-value",
    "testResource": "test-resource",
    "purgeSchema": "purge-schema",
}
_SHAPES = ("pipeline", "sequence", "search", "select", "filter", "filterContent", "foreach")
EXPRESSIONS = frozenset({*_SHAPES, "action", *ACTIONS})
#: What schema types of expressions are called as elements.
_OF_TYPES = {
    "ExpressionPipelineType": "pipeline",
    "ExpressionSequenceType": "sequence",
    "ActionExpressionType": "action",
}


def parse_script(name: str, data: Any) -> Script:
    """Return the script that is the document ``name``: an executeScript, or a bare expression.

    Raises :class:`~odimra.jobs.bulk.errors.BadScript`.
    """
    if name in EXPRESSIONS:
        return Script(_Parser({}).expression(name, data, name, 0))
    if name != "executeScript":
        raise BadScript(name[:80], "is neither executeScript nor an expression of the language")
    given = members(data, "executeScript")
    only_known(
        given,
        {"scriptingExpression", "input", "options", "variables", *EXPRESSIONS},
        "executeScript",
    )
    options = members(given.get("options") or {}, "options")
    only_known(options, {"continueOnAnyError", "hideOperationResults"}, "options")
    parser = _Parser(_variables(given.get("variables")))
    return Script(
        parser.inner(given, "executeScript", 0),
        _input(given.get("input")),
        boolean(options.get("continueOnAnyError", False), "options/continueOnAnyError"),
        boolean(options.get("hideOperationResults", False), "options/hideOperationResults"),
    )


def _input(data: Any) -> tuple[Any, ...]:
    if data is None:
        return ()
    given = members(data, "input")
    only_known(given, {"value"}, "input")
    values = tuple(listed(given.get("value")))
    if len(values) > MOST_INPUT:
        raise BadScript("input", f"has more than {MOST_INPUT} values")
    return values


def _variables(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    given = members(data, "variables")
    only_known(given, {"variable"}, "variables")
    found: dict[str, Any] = {}
    for one in listed(given.get("variable")):
        variable = members(one, "variables/variable")
        only_known(variable, {"name", "description", "type", "maxOccurs", "expression"}, "variable")
        name = text(variable.get("name"), "variables/variable/name")
        if name in found:
            raise BadScript(f"variables/{name}", "is there twice")
        element = f"variables/{name}/expression"
        expression = members(variable.get("expression"), element)
        only_known(expression, {"value"}, element)
        found[name] = expression.get("value")
    return found


class _Parser:
    """Reads the expressions of one script."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._count = 0

    def inner(self, given: Mapping[str, Any], element: str, depth: int) -> Expression:
        """Return the one expression among the members of ``given``."""
        found = list(self._expressions(given, element))
        if len(found) != 1:
            said = "has no expression" if not found else "has more than one expression"
            raise BadScript(element, said)
        name, data = found[0]
        return self.expression(name, data, f"{element}/{name}", depth + 1)

    def _expressions(self, given: Mapping[str, Any], element: str) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for name, data in given.items():
            if name == "scriptingExpression":
                found += [self._named(one, f"{element}/{name}") for one in listed(data)]
            elif name in EXPRESSIONS:
                many = name not in ("pipeline", "sequence") and isinstance(data, list)
                found += [(name, one) for one in data] if many else [(name, data)]
        return found

    def _named(self, data: Any, element: str) -> tuple[str, Any]:
        """Return an expression that says itself what it is, with its name."""
        given = members(data, element)
        name = given.get("@element")
        if name is None or name == "scriptingExpression":
            kind = str(given.get("@type", ""))
            begin = kind.removesuffix("Type").removesuffix("Action").removesuffix("Expression")
            name = _OF_TYPES.get(kind) or begin.removesuffix("Action")[:1].lower() + begin[1:]
            name = name.removesuffix("Action").removesuffix("Expression")
        if not isinstance(name, str) or not name:
            # Without a name it can still hold just one expression by its own name.
            inner = self._expressions(given, element)
            if len(inner) == 1:
                return inner[0]
            raise BadScript(element, "says by no @element which expression it is")
        if "@value" in given:  # a list within a list
            return name, given["@value"]
        return name, {key: value for key, value in given.items() if key != "@element"}

    def expression(self, name: str, data: Any, element: str, depth: int) -> Expression:
        """Return one expression. Raises :class:`BadScript`."""
        self._count += 1
        if depth > DEEPEST:
            raise BadScript(element[:200], f"expressions are nested more than {DEEPEST} deep")
        if self._count > MOST:
            raise BadScript("", f"the script has more than {MOST} expressions")
        match name:
            case "pipeline" | "sequence":
                children = self._children(data, element, depth)
                return (language.Pipeline if name == "pipeline" else language.Sequence)(children)
            case "search":
                return self._search(members(data, element), element, depth)
            case "select":
                return language.Select(_path(data, element))
            case "filter":
                return self._filter(members(data, element), element)
            case "filterContent":
                return _filter_content(members(data, element), element)
            case "foreach":
                given = members(data, element)
                only_known(given, {"scriptingExpression", *EXPRESSIONS}, element)
                return language.Foreach(self.inner(given, element, depth))
            case "action":
                given = members(data, element)
                called = text(given.get("type"), f"{element}/type")
                if called == "search":
                    return self._search_action(given, element, depth)
                return action(called, given, element, dynamic=True)
            case _ if name in ACTIONS:
                given = members({} if data in (None, "") else data, element)
                return action(ACTIONS[name], given, element, dynamic=False)
        raise BadScript(element[:200], "is no expression of the language")

    def _children(self, data: Any, element: str, depth: int) -> tuple[Expression, ...]:
        if isinstance(data, Mapping):
            only_known(data, {"scriptingExpression", *EXPRESSIONS}, element)
            found = self._expressions(data, element)
        else:
            found = [self._named(one, element) for one in listed(data)]
        if not found:
            raise BadScript(element, "has no expression")
        return tuple(
            self.expression(name, one, f"{element}/{number}/{name}", depth + 1)
            for number, (name, one) in enumerate(found, 1)
        )

    def _search(self, given: Mapping[str, Any], element: str, depth: int) -> Expression:
        known = {"type", "query", "searchFilter", "parameter", "options", "aggregateOutput"}
        only_known(given, {*known, "scriptingExpression", "variable", *EXPRESSIONS}, element)
        if "variable" in given:
            raise BadScript(f"{element}/variable", "is not supported by this service")
        for one in listed(given.get("parameter")):
            parameter = members(one, f"{element}/parameter")
            # It asks for less than is there, of objects which are kept elsewhere: none is here.
            if parameter.get("name") != "noFetch":
                called = str(parameter.get("name"))[:80]
                raise BadScript(f"{element}/parameter/{called}", "is no parameter of a search")
        if given.get("options") not in (None, "", {}):
            raise BadScript(f"{element}/options", "are not supported by this service")
        search = language.Search(
            _type(given.get("type"), f"{element}/type"), self._query(given, element)
        )
        if not self._expressions(given, element):
            return search
        keep = boolean(given.get("aggregateOutput", True), f"{element}/aggregateOutput")
        # Midpoint runs the child on each object as it is found: that is a loop over what is found.
        return language.Pipeline(
            (search, language.Foreach(self.inner(given, element, depth), keep))
        )

    def _search_action(self, given: Mapping[str, Any], element: str, depth: int) -> Expression:
        flat: dict[str, Any] = {}
        for one in listed(given.get("parameter")):
            parameter = members(one, f"{element}/parameter")
            name = text(parameter.get("name"), f"{element}/parameter/name")
            flat[name] = parameter.get("value")
        return self._search(flat, element, depth)

    def _filter(self, given: Mapping[str, Any], element: str) -> Expression:
        asked = {name: one for name, one in given.items() if not name.startswith("@")}
        if "query" not in asked and "searchFilter" not in asked:
            # The clause stands in it just so.
            asked = {"searchFilter": asked.get("filter", asked)}
        query = self._query(asked, element)
        if query.test is None:
            raise BadScript(element, "says nothing of what is to be kept")
        if query.order or query.offset or query.max_size is not None:
            raise BadScript(f"{element}/query/paging", "is for searches only")
        return language.Filter(query)

    def _query(self, given: Mapping[str, Any], element: str) -> Query:
        named = [name for name in ("query", "searchFilter") if given.get(name) not in (None, "")]
        if len(named) > 1:
            raise BadScript(element, "has both query and searchFilter")
        if not named:
            return Query(None)
        try:
            return parse_query(given[named[0]], self._variables)
        except BadQuery as error:
            raise BadScript(f"{element}/{named[0]}", str(error)) from None


def _type(value: Any, element: str) -> str:
    try:
        return of_name(local(text(value, element))).records
    except UnknownObjectType as error:
        raise BadScript(element, str(error)) from None


def _path(data: Any, element: str) -> Path:
    if isinstance(data, Mapping):
        only_known(data, {"path"}, element)
        data = data.get("path")
        element = f"{element}/path"
    return parse_path(text(data, element), element)


def _filter_content(given: Mapping[str, Any], element: str) -> Expression:
    only_known(given, {"keep", "remove"}, element)
    keep, remove = (
        tuple(
            parse_path(text(one, f"{element}/{name}"), f"{element}/{name}")
            for one in listed(given.get(name))
        )
        for name in ("keep", "remove")
    )
    if bool(keep) == bool(remove):
        raise BadScript(element, "has to say either what to keep or what to remove")
    return language.FilterContent(keep, remove)
