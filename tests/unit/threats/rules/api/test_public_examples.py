"""Examples in OpenAPI documents are no attacks: none of Starfort's rules takes one for an attack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from starfort._engine import RuleSet
from starfort.config.rules import Rules
from starfort.threats.rulesets.overlay import compile_rules
from tests.support.corpora import OWN_DOCUMENTS, needs_corpus, parsed, public_documents
from tests.unit.threats.rules.test_rules import found

MAX_BYTES = 200_000


def examples(node: Any) -> Iterator[Any]:
    """Objects and arrays that stand as example or default anywhere in a document."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in {"example", "default", "value"} and isinstance(value, dict | list):
                yield value
            yield from examples(value)
    elif isinstance(node, list):
        for value in node:
            yield from examples(value)


@pytest.mark.parametrize(
    ("documents", "least"),
    [
        pytest.param(OWN_DOCUMENTS, 4, id="own"),
        pytest.param(public_documents(), 1000, id="public", marks=needs_corpus("openapi")),
    ],
)
def test_examples_pass(documents: list[Path], least: int) -> None:
    """Sent as JSON bodies at paranoia level 1, no example is found by a rule."""
    engine = RuleSet(compile_rules(Rules(sets=[]), Path()).compiled.data)
    count = 0
    for document in documents:
        for example in examples(parsed(document)):
            if len(json.dumps(example)) < MAX_BYTES:
                count += 1
                # examples of answers, from developers' own machines, have their addresses
                assert not found(engine, {"json": example}).keys() - {9_530_241, 9_530_243, 9_530_091}, (
                    document.name
                )
    assert count >= least
