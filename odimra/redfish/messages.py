"""Messages by the registries in ``config/registries``: an id cannot be misspelt unnoticed.

The identifiers, arguments and severities are the published ones, the wording is ours. What no
published registry has a message for is in a registry of our own, ``Odimra``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from odimra.resources import data_path

REGISTRIES = ("Base", "TaskEvent", "JobEvent", "ResourceEvent", "HeartbeatEvent", "Odimra")
ARGUMENT = re.compile(r"%(\d)")


class UnknownMessage(Exception):
    """No registry has that message, or not with that many arguments."""


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """A message of a registry; ``args`` holds the type of each argument."""

    message_id: str
    text: str
    severity: str
    args: tuple[str, ...]
    resolution: str
    clears: tuple[str, ...]
    clears_all: bool


@dataclass(frozen=True, slots=True)
class MessageRegistry:
    """One registry; ``version`` has three parts, message ids carry the first two (DSP0266)."""

    prefix: str
    version: str
    description: str
    owner: str
    messages: Mapping[str, MessageEntry]

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> MessageRegistry:
        """Read a registry from its YAML document."""
        prefix, version = document["prefix"], document["version"]
        short = ".".join(version.split(".")[:2])
        entries = {
            key: MessageEntry(
                f"{prefix}.{short}.{key}",
                entry["text"],
                entry["severity"],
                tuple(entry.get("args", ())),
                entry.get("fix", "None."),
                tuple(entry.get("clears", ())),
                entry.get("clears_all", False),
            )
            for key, entry in document["messages"].items()
        }
        return cls(prefix, version, document["description"], document.get("owner", "DMTF"), entries)


class Messages:
    """All registries that this service carries."""

    def __init__(self, registries: Iterable[MessageRegistry]) -> None:
        self.registries = {registry.prefix: registry for registry in registries}

    @classmethod
    def load(cls) -> Messages:
        """Read the registries of ``config/registries``."""
        return cls(
            MessageRegistry.load(
                yaml.safe_load(
                    data_path("config", "registries", f"{name}.yaml").read_text(encoding="utf-8")
                )
            )
            for name in REGISTRIES
        )

    def entry(self, key: str) -> MessageEntry:
        """Return the entry of ``Prefix.Key``. Raises :class:`UnknownMessage`."""
        prefix, _, name = key.partition(".")
        try:
            return self.registries[prefix].messages[name]
        except KeyError:
            raise UnknownMessage(key) from None

    def build(self, key: str, *args: object, related: Iterable[str] = ()) -> dict[str, Any]:
        """Return a Message object (Message v1_3_0) of the entry ``Prefix.Key``.

        ``related`` are JSON pointers of the properties that it is about. Raises
        :class:`UnknownMessage`, also when the number of arguments is wrong.
        """
        entry = self.entry(key)
        if len(args) != len(entry.args):
            raise UnknownMessage(f"{key} takes {len(entry.args)} arguments, not {len(args)}")
        texts = [str(arg) for arg in args]
        message: dict[str, Any] = {
            "@odata.type": "#Message.v1_3_0.Message",
            "MessageId": entry.message_id,
            "Message": ARGUMENT.sub(lambda found: texts[int(found[1]) - 1], entry.text),
            "MessageArgs": texts,
            "MessageSeverity": entry.severity,
            "Resolution": entry.resolution,
        }
        pointers = list(related)
        if pointers:
            message["RelatedProperties"] = pointers
        return message
