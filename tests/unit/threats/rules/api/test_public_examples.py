"""What public APIs show as examples is no attack: none of Starfort's rules takes one for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from starfort._engine import RuleSet
from starfort.config.model import Rules
from starfort.threats.rulesets.overlay import compile_rules
from tests.unit.threats.rules.test_rules import found

CORPUS = Path(os.environ.get("STARFORT_CORPORA", Path(__file__).parents[6] / "shared/corpora")) / "openapi"
DOCUMENTS = sorted(CORPUS.glob("*.json"))
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


@pytest.mark.skipif(not DOCUMENTS, reason=f"no documents at {CORPUS}; set STARFORT_CORPORA")
def test_examples_pass() -> None:
    """At paranoia level 1, as JSON bodies."""
    engine = RuleSet(compile_rules(Rules(sets=[]), Path()).compiled.data)
    count = 0
    for document in DOCUMENTS:
        for example in examples(json.loads(document.read_text(encoding="utf-8"))):
            if len(json.dumps(example)) < MAX_BYTES:
                count += 1
                # examples of answers, from developers' own machines, have their addresses
                assert not found(engine, {"json": example}).keys() - {9_530_241, 9_530_243, 9_530_091}, (
                    document.name
                )
    assert count > 1000
