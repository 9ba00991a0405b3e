"""Documents as text, for the tests of everything that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starfort.contracts import Contract, Operation, Schema, documents
from starfort.contracts.documents import ReadDocument


def read(folder: Path, text: str, **others: str) -> ReadDocument:
    """A document with the text, and files beside it (`models_yaml="…"` is `models.yaml`)."""
    for name, content in others.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    file = folder / "api.yaml"
    file.write_text(text, encoding="utf-8")
    return documents.read(file)


def contract(folder: Path, text: str, **others: str) -> Contract:
    """The contract of a document that is right."""
    found = read(folder, text, **others)
    assert not found.problems, found.problems
    return found.contract


def operation(folder: Path, text: str, version: str = "3.1.0", **others: str) -> Operation:
    """The one operation of a document with these fields of its `post`."""
    made = contract(folder, f"openapi: {version}\npaths:\n  /a/{{id}}:\n    post:\n{text}", **others)
    return made.operations[0]


def schema_of(folder: Path, schema: Any, version: str = "3.0.3") -> Schema:
    """What becomes of a schema of a body."""
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    text = json.dumps({"openapi": version, "paths": {"/a": {"post": body}}})
    found = contract(folder, text).operations[0].body
    assert found is not None
    return found.content[0].schema
