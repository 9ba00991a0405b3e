"""Reads OpenAPI documents as the truth that is to be found again in their traffic."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

METHODS: Final = ("get", "post", "put", "patch", "delete")
MAX_REFERENCES: Final = 20
"""References that lead to references are followed this far."""

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
_VERSION: Final = re.compile(
    r"^((?:/(?:api|apis|rest|public|internal))*/v?)\{(?:api[-_]?)?version\}", re.IGNORECASE
)
"""A version before all resources; `/groups/{id}/versions/{version}` has a parameter."""


@dataclass(frozen=True)
class Operation:
    """One method of one template.

    Attributes:
        method: upper case.
        template: path template from the root, with the base path of the first server.
        parameters: the schema of each path parameter by name; empty where the document has none.
        request: what requests look like: names of query parameters and of fields of the body.
        answer: what answers look like: media type and names of fields.
    """

    method: str
    template: str
    parameters: Mapping[str, Mapping[str, Any]]
    request: str
    answer: str

    @property
    def skeleton(self) -> str:
        """The template without the names of its parameters."""
        return _PARAMETER.sub("{}", self.template)


@dataclass
class Document:
    """One API.

    Attributes:
        name: the file's path below the folder, without `.json`.
        operations: in the document's order.
    """

    name: str
    operations: list[Operation] = field(default_factory=list)

    @property
    def provider(self) -> str:
        """Who publishes the API: the first part of the name."""
        return re.split(r"/|__|\.json$", self.name)[0]


def read(folder: Path) -> Iterator[Document]:
    """Every document of a folder and its folders, by name; those that are no OpenAPI are left out."""
    for path in sorted(folder.rglob("*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and isinstance(content.get("paths"), dict):
            document = _Reader(content).document(str(path.relative_to(folder)).removesuffix(".json"))
            if document.operations:
                yield document


class _Reader:
    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    def document(self, name: str) -> Document:
        base = self._base()
        found: dict[tuple[str, str], Operation] = {}
        for path, item in self._content["paths"].items():
            # Some documents tell operations of one path apart by what stands behind `#` or `?`.
            # A version that is a parameter has one value in all traffic, so it is a fixed segment there.
            template = base + _VERSION.sub(r"\g<1>1", re.split(r"[?#]", path)[0].rstrip("/"), count=1)
            resolved = self._resolve(item)
            if "//" in template or not path.startswith("/"):
                continue
            for method in METHODS:
                if isinstance(resolved.get(method), dict):
                    operation = self._operation(method, template or "/", resolved)
                    found.setdefault((method, operation.skeleton), operation)
        return Document(name, list(found.values()))

    def _base(self) -> str:
        servers = self._content.get("servers")
        first = servers[0].get("url", "") if isinstance(servers, list) and servers else ""
        path = urlsplit(str(first)).path.rstrip("/")
        return path if path.startswith("/") and not set("{}<> ") & set(path) else ""

    def _operation(self, method: str, template: str, item: dict[str, Any]) -> Operation:
        operation = item[method]
        parameters, query = {}, []
        for reference in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]:
            parameter = self._resolve(reference)
            if parameter.get("in") == "path":
                parameters[str(parameter.get("name"))] = self._resolve(parameter.get("schema", parameter))
            elif parameter.get("in") == "query":
                query.append(str(parameter.get("name")))
        named = {name: parameters.get(name, {}) for name in _PARAMETER.findall(template)}
        body = self._look(self._resolve(operation.get("requestBody", {})))
        return Operation(method.upper(), template, named, _hash(body, *query), self._answer(operation))

    def _answer(self, operation: dict[str, Any]) -> str:
        responses = operation.get("responses")
        if not isinstance(responses, dict):
            return ""
        for status in sorted(responses, key=str):
            if str(status).startswith(("2", "default")):
                return _hash(self._look(self._resolve(responses[status])))
        return _hash("")

    def _look(self, holder: dict[str, Any]) -> str:
        """Media type and names of fields, two levels deep."""
        content = holder.get("content")
        if not isinstance(content, dict) or not content:
            return ""
        media = next(iter(content))
        schema = content[media].get("schema", {}) if isinstance(content[media], dict) else {}
        return f"{media} {self._fields(schema, 2)}"

    def _fields(self, schema: object, depth: int) -> str:
        found = self._resolve(schema)
        if "items" in found:
            return f"[{self._fields(found['items'], depth)}]"
        properties: dict[str, Any] = {}
        for part in [found, *(found.get("allOf") or [])]:
            of_part = self._resolve(part).get("properties")
            properties |= of_part if isinstance(of_part, dict) else {}
        if not properties or not depth:
            return str(found.get("type", ""))
        return (
            "{"
            + ",".join(f"{name}:{self._fields(properties[name], depth - 1)}" for name in sorted(properties))
            + "}"
        )

    def _resolve(self, value: object) -> dict[str, Any]:
        for _ in range(MAX_REFERENCES):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._follow(reference)
        return {}

    def _follow(self, reference: str) -> object:
        found: Any = self._content
        for part in reference.partition("#/")[2].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError):
                return {}
        return found


def _hash(*parts: str) -> str:
    text = "\n".join(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else ""
