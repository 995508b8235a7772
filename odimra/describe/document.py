"""An OpenAPI 3.1 document from what faces declare and serve. Pure, but for the schemas' files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from odimra.describe.model import NAME, STRING, Body, Face, Operation, Reply, Schema, Served
from odimra.resources import data_path

VERSION = "3.1.0"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: What a reference to a schema begins with: in its file, in the document.
LOCAL = "#/$defs/"
COMPONENT = "#/components/schemas/"
SECURITY: Mapping[str, Schema] = {
    "basic": {"type": "http", "scheme": "basic", "description": "An account and its password."},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "The token of a Redfish session.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same token, as clients of other services send theirs.",
    },
}
TEXT = """\
What this service has beside the Redfish API, which describes itself from `/redfish/v1/` on: \
records, scheduled jobs and scans, bulk scripts, rating, submitted jobs, and paths of its own. \
HEAD goes wherever GET does. A POST that starts something may carry an `Idempotency-Key`."""


def document(faces: Sequence[Face], version: str) -> dict[str, Any]:
    """Return the document; of what is only declared, or only served, it says nothing."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for face in faces:
        schemas |= _schemas(face)
        served = {one.route: one for one in face.served}
        for operation in face.operations:
            if operation.route not in served:
                continue
            path = f"{face.root}/{operation.path}".rstrip("/") or "/"
            item = paths.setdefault(path, _item(face, operation))
            item[operation.method.lower()] = _operation(face, operation, served[operation.route])
    return {
        "openapi": VERSION,
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "odimra",
            "version": version,
            "description": TEXT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": face.name, "description": face.text} for face in faces],
        "security": [{name: []} for name in SECURITY],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": dict(SECURITY)},
    }


def _item(face: Face, operation: Operation) -> dict[str, Any]:
    item: dict[str, Any] = {}
    names, places = NAME.findall(operation.path), {**face.places, **operation.places}
    if names:
        item["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": _outward(places.get(name, {**STRING, "minLength": 1}), face),
            }
            for name in names
        ]
    if face.others:
        item["servers"] = [{"url": url} for url in ("/", *face.others)]
    return item


def _operation(face: Face, operation: Operation, served: Served) -> dict[str, Any]:
    slug = re.sub(r"\W+", "_", operation.path).strip("_")
    text = [operation.text, f"Needs the privilege {served.needs}." if served.needs else ""]
    shown: dict[str, Any] = {
        "operationId": "_".join(filter(None, (operation.method.lower(), face.name, slug))),
        "tags": [face.name],
        "summary": served.summary,
        "description": " ".join(filter(None, text)),
    }
    if operation.open:
        shown["security"] = []
    elif operation.optional:
        shown["security"] = [{}, *({name: []} for name in SECURITY)]
    parameters = [*operation.query]
    retry = face.retry if operation.method == "POST" else None
    if retry is not None and all(one.name != retry.name for one in parameters):
        parameters.append(retry)
    if parameters:
        shown["parameters"] = [
            {
                "name": one.name,
                "in": one.place,
                "required": one.required,
                "description": one.text,
                "schema": _outward(one.schema, face),
            }
            for one in parameters
        ]
    if operation.body is not None:
        shown["requestBody"] = {
            "required": operation.body.required,
            "content": _content(operation.body, face),
        }
    replies = {
        **{status: face.refusal(status, operation) for status in face.common(operation)},
        **{status: face.refusal(status, operation) for status in operation.errors},
        **operation.replies,
    }
    shown["responses"] = {str(status): _reply(replies[status], face) for status in sorted(replies)}
    return {name: value for name, value in shown.items() if value != ""}


def _reply(reply: Reply, face: Face) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": reply.text}
    if reply.headers:
        shown["headers"] = {
            name: {"description": text, "schema": dict(STRING)}
            for name, text in reply.headers.items()
        }
    if reply.schema is not None:
        shown["content"] = _content(reply, face)
    return shown


def _content(one: Body | Reply, face: Face) -> dict[str, Any]:
    """Return what a body is, in each form. The schemas are not of XML, which is only named."""
    schema = _outward(one.schema, face)
    return {media: {} if "xml" in media else {"schema": schema} for media in one.media}


def _schemas(face: Face) -> dict[str, Any]:
    """Return the schemas of a face by their names in the document."""
    return {
        f"{face.name}.{name}": _outward(one, face)
        for file in face.schemas
        for name, one in _read(file)["$defs"].items()
    }


def _read(file: str) -> Any:
    return orjson.loads(data_path("schemas", "api", f"{file}.json").read_bytes())


def _outward(schema: Any, face: Face) -> Any:
    """Return a schema with its references as they are in the document."""
    if isinstance(schema, Mapping):
        return {
            name: (
                f"{COMPONENT}{face.name}.{one.removeprefix(LOCAL)}"
                if name == "$ref" and isinstance(one, str)
                else _outward(one, face)
            )
            for name, one in schema.items()
        }
    if isinstance(schema, (list, tuple)):
        return [_outward(one, face) for one in schema]
    return schema
