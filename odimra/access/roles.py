"""The roles: the standard's from the configuration, one's own from the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import yaml

from odimra.access.model import (
    PRIVILEGES,
    Role,
    RoleExists,
    RoleInUse,
    RoleMissing,
    RolePredefined,
    role_of,
)
from odimra.resources import data_path
from odimra.store import (
    CHANGED,
    NEWS,
    Document,
    DocumentMissing,
    LimitReached,
    News,
    Script,
    Store,
    VersionMismatch,
)

STEP = Script.from_package("odimra.access", "lua/role.lua", header=NEWS)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST = 100


def standard_roles() -> Mapping[str, Role]:
    """Return the roles of ``config/roles.yaml``."""
    text = data_path("config", "roles.yaml").read_text(encoding="utf-8")
    return {
        name: Role(name, frozenset(privileges), True)
        for name, privileges in yaml.safe_load(text).items()
    }


class Roles:
    """All roles of a store."""

    def __init__(self, store: Store, standard: Mapping[str, Role]) -> None:
        self._store = store
        self.standard = standard
        self._index = store.keys.index("roles")

    def _key(self, role_id: str) -> str:
        return self._store.keys.of("role", role_id)

    async def get(self, role_id: str) -> Role | None:
        """Return a role, or None."""
        if role_id in self.standard:
            return self.standard[role_id]
        document = await self._store.documents.read(self._key(role_id))
        return None if document is None else role_of(role_id, document)

    def peek(self, role_id: str) -> Role | None:
        """Return a role if it is in the cache."""
        if role_id in self.standard:
            return self.standard[role_id]
        key = self._key(role_id)
        return self._store.cache.derive(
            key, "role", "document", lambda document: role_of(role_id, document)
        )

    async def names(self) -> list[str]:
        """Return the ids of all roles, the standard's first."""
        return [*self.standard, *await self._store.documents.members(self._index, 0, MOST)]

    async def create(self, role_id: str, privileges: Iterable[str]) -> Role:
        """Make a role. Raises :class:`RoleExists`, ``LimitReached``."""
        if role_id in self.standard:
            raise RoleExists(role_id)
        change: dict[str, Any] = {"op": "create", "limit": MOST, "privileges": _stored(privileges)}
        return role_of(role_id, Document.from_reply(await self._step(role_id, change)))

    async def update(
        self, role_id: str, privileges: Iterable[str], *, expect: Iterable[int] | None
    ) -> Role:
        """Change a role's privileges.

        Raises :class:`RolePredefined`, :class:`RoleMissing`, ``VersionMismatch``.
        """
        if role_id in self.standard:
            raise RolePredefined(role_id)
        try:
            document = await self._store.documents.update(
                self._key(role_id),
                {"privileges": _stored(privileges)},
                expect=expect,
                news=News(CHANGED, "Role", role_id),
            )
        except DocumentMissing:
            raise RoleMissing(role_id) from None
        return role_of(role_id, document)

    async def delete(self, role_id: str, *, expect: Iterable[int] | None = None) -> None:
        """Remove a role that no account has.

        Raises :class:`RolePredefined`, :class:`RoleMissing`, :class:`RoleInUse`,
        ``VersionMismatch``.
        """
        if role_id in self.standard:
            raise RolePredefined(role_id)
        change: dict[str, Any] = {"op": "delete"}
        if expect is not None:
            change["expect"] = sorted(expect)
        await self._step(role_id, change)

    async def _step(self, role_id: str, change: dict[str, Any]) -> Any:
        change["keep"] = self._store.options.max_events
        reply = await self._store.script(
            STEP,
            keys=[self._key(role_id)],
            args=[self._store.keys.root, role_id, orjson.dumps(change)],
            touches=[self._index],
        )
        outcome = reply[0]
        if outcome == b"exists":
            raise RoleExists(role_id)
        if outcome == b"limit":
            raise LimitReached(role_id)
        if outcome == b"missing":
            raise RoleMissing(role_id)
        if outcome == b"version":
            raise VersionMismatch(int(reply[1]))
        if outcome == b"used":
            raise RoleInUse(role_id)
        return reply[1]


def _stored(privileges: Iterable[str]) -> str:
    held = set(privileges)
    return orjson.dumps([name for name in PRIVILEGES if name in held]).decode()
