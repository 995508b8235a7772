"""Types of objects: what midPoint's clients call them, and where their records are kept.

``UserType`` are the records of ``managed/user``, and so on for any name; machines have types of
their own, and so does whoever names the type of record itself (``managed/alpha_user``). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

#: Machines: type of the resource, type of the records, name of one, name of the collection.
_MACHINES = (
    ("ComputerSystemType", "redfish/Systems", "computerSystem", "computerSystems"),
    ("ChassisType", "redfish/Chassis", "chassis", "chassis"),
    ("ManagerType", "redfish/Managers", "manager", "managers"),
)
#: Collections whose names are none of a type with an "s" behind it.
_PLURALS = {
    "valuePolicies": "valuePolicy",
    "securityPolicies": "securityPolicy",
    "accessCertificationPolicies": "accessCertificationPolicy",
    "functionLibraries": "functionLibrary",
}
_SINGULARS = {one: many for many, one in _PLURALS.items()}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
#: Types that no object is of: each is what several others have in common.
ABSTRACT = frozenset({"ObjectType", "FocusType", "AssignmentHolderType", "AbstractRoleType"})


class UnknownObjectType(ValueError):
    """There are no objects of that type; the text may be shown."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A type of objects: its name, the type of its records, one of them, the collection."""

    name: str
    records: str
    element: str
    collection: str

    @property
    def machine(self) -> bool:
        """Whether they are machines: Redfish resources, which change by PATCH and actions."""
        return self.records.startswith("redfish/")


_BY_NAME = {one[0]: ObjectType(*one) for one in _MACHINES}
_BY_RECORDS = {one.records: one for one in _BY_NAME.values()}


def of_name(name: str) -> ObjectType:
    """Return the type that is called ``name``. Raises :class:`UnknownObjectType`."""
    if "/" in name:
        return of_records(name)
    full = name if name.endswith("Type") else f"{name}Type"
    if full in _BY_NAME:
        return _BY_NAME[full]
    if full in ABSTRACT:
        raise UnknownObjectType(f"no object is of the type {full} itself, name one that is")
    if full == "TaskType":
        raise UnknownObjectType("tasks are no objects that scripts work on")
    begin = full.removesuffix("Type")
    if not _NAME.fullmatch(begin):
        raise UnknownObjectType(f"there is no type of objects '{name[:80]}'")
    return _of_element(begin[0].lower() + begin[1:])


@lru_cache(maxsize=1024)
def of_records(records: str) -> ObjectType:
    """Return the type whose records are of the type ``records``, such as ``managed/user``."""
    if records in _BY_RECORDS:
        return _BY_RECORDS[records]
    place, _, element = records.partition("/")
    if place != "managed" or not _NAME.fullmatch(element):
        raise UnknownObjectType(f"there is no type of objects '{records[:80]}'")
    return _of_element(element)


def of_collection(name: str) -> ObjectType:
    """Return the type of a collection (``users``). Raises :class:`UnknownObjectType`."""
    for one in _BY_NAME.values():
        if one.collection == name:
            return one
    element = _PLURALS.get(name) or name.removesuffix("s")
    if element == name or not _NAME.fullmatch(element):
        raise UnknownObjectType(f"there is no collection '{name[:80]}'")
    return _of_element(element)


def _of_element(element: str) -> ObjectType:
    return ObjectType(
        f"{element[0].upper()}{element[1:]}Type",
        f"managed/{element}",
        element,
        _SINGULARS.get(element) or f"{element}s",
    )
