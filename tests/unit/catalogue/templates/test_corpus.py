"""Templates of OpenAPI documents, our own and public ones, are found again in traffic made from them."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from faker import Faker

from starfort.catalogue.evidence import Calls
from starfort.catalogue.segments import shape_of
from starfort.catalogue.templates import learn, skeleton
from tests.support.corpora import OWN_DOCUMENTS, needs_corpus, parsed, public_documents

CALLS = 30
"""Calls of each method of each templated path; values of words are drawn from 60."""

METHODS = ("get", "post", "put", "patch", "delete")
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

DOCUMENTS = pytest.mark.parametrize(
    "documents",
    [
        pytest.param(OWN_DOCUMENTS, id="own"),
        pytest.param(public_documents(), id="public", marks=needs_corpus("openapi")),
    ],
)


class Document:
    """One document as traffic.

    Args:
        path: the document.
        seed: of the values.
    """

    def __init__(self, path: Path, seed: int = 1) -> None:
        self.content: dict[str, Any] = parsed(path)
        self.random = random.Random(seed)  # noqa: S311 (the same traffic each time)
        self.faker = Faker()
        self.faker.seed_instance(seed)
        self.shapes: dict[str, dict[str, Calls]] = {}
        self.truth: set[str] = set()
        self.of_ids: set[str] = set()
        for template, item in self.content.get("paths", {}).items():
            self._expand(template.partition("?")[0].rstrip("/") or "/", item)

    def _expand(self, template: str, item: dict[str, Any]) -> None:
        methods = [method for method in METHODS if method in item]
        if not methods or "//" in template:
            return
        schemas = self._schemas([item, *(item[method] for method in methods)])
        names = re.findall(r"\{([^}]*)\}", template)
        values = {name: self._values(name, schemas.get(name, {})) for name in names}
        self.truth.add(skeleton(template))
        if not any("enum" in schemas.get(name, {}) for name in names):
            self.of_ids.add(skeleton(template))
        for method in methods:
            for _ in range(CALLS if names else 3):
                path = re.sub(r"\{([^}]*)\}", lambda found: values[found[1]](), template)
                shape = shape_of(path)
                if shape is not None:
                    methods = self.shapes.setdefault(shape, {})
                    known = methods.get(method.upper(), Calls(0))
                    methods[method.upper()] = replace(known, calls=known.calls + 1)

    def _schemas(self, operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found = {}
        for operation in operations:
            for reference in operation.get("parameters", []):
                parameter = self._resolve(reference)
                if parameter.get("in") == "path":
                    found[parameter["name"]] = self._resolve(parameter.get("schema", {}))
        return found

    def _resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in value:
            return value
        found: Any = self.content
        for part in value["$ref"][2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return dict(found)

    def _values(self, name: str, schema: dict[str, Any]) -> Callable[[], str]:  # noqa: PLR0911 (a line a kind)
        chance, low = self.random, name.lower()
        if schema.get("enum"):
            return lambda: str(chance.choice(schema["enum"]))
        if low == "version":
            return lambda: "1"
        if schema.get("format") == "uuid":
            return lambda: str(uuid.UUID(int=chance.getrandbits(128)))
        if "date" in low:
            return lambda: f"20{chance.randint(10, 26)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}"
        if schema.get("type") in ("integer", "number"):
            return lambda: str(chance.randint(1, 99_999))
        if (
            low.endswith("id")
            or low.startswith("id")
            or any(word in low for word in ("key", "token", "hash"))
        ):
            return chance.choice(
                [
                    lambda: str(chance.randint(1, 10**6)),
                    lambda: str(uuid.UUID(int=chance.getrandbits(128))),
                    lambda: f"{chance.getrandbits(96):024x}",
                    lambda: "".join(chance.choices(ID_LETTERS, k=22)),
                ]
            )
        make = self.faker.user_name if "name" in low or "user" in low else self.faker.slug
        pool = [make() for _ in range(60)]
        return lambda: chance.choice(pool)


@DOCUMENTS
def test_templates_are_found_again(documents: list[Path]) -> None:
    """Most templates come back, and most of what comes back is one of theirs.

    What is missed are above all parameters with a handful of fixed values (`/severity/{critical, high}`): traffic
    can't tell them from fixed segments.
    """
    right = found = wanted = ids_right = ids_wanted = 0
    worst: list[tuple[float, str]] = []
    for path in documents:
        document = Document(path)
        templates = {skeleton(learned.template) for learned in learn(document.shapes).values()}
        good = len(templates & document.truth)
        right, found, wanted = right + good, found + len(templates), wanted + len(document.truth)
        ids_right += len(templates & document.of_ids)
        ids_wanted += len(document.of_ids)
        worst.append((good / max(1, len(templates)), path.name))
    precision, recall, of_ids = right / found, right / wanted, ids_right / ids_wanted
    print(f"\nprecision {precision:.3f}, recall {recall:.3f} of {wanted}, {of_ids:.3f} without enumerations")  # noqa: T201 (the measure)
    print("least precise:", ", ".join(f"{name} {share:.2f}" for share, name in sorted(worst)[:8]))  # noqa: T201
    assert precision > PRECISION
    assert recall > RECALL
    assert of_ids > RECALL_OF_IDS


PRECISION = 0.8
RECALL = 0.9
RECALL_OF_IDS = 0.93
"""A little under what was measured."""


@DOCUMENTS
def test_declared_templates_are_found_exactly(documents: list[Path]) -> None:
    """With the document declared, every path lands on a template of it, under the document's names."""
    missed = total = 0
    for path in documents[:: max(1, len(documents) // 15)]:
        document = Document(path)
        declared = [template.partition("?")[0] for template in document.content.get("paths", {})]
        templates = {skeleton(learned.template) for learned in learn(document.shapes, declared).values()}
        missed += len(document.truth - templates)
        total += len(document.truth)
    print(f"\n{missed} of {total} missed")  # noqa: T201 (the measure)
    assert missed < 0.1 * total
