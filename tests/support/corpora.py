"""Documents that tests read: a few of our own, and the public ones that `STARFORT_CORPORA` names.

What a test proves with thousands of public documents it should also prove with the few here, because nobody needs to
have the public ones.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

OWN_DOCUMENTS = sorted(
    [
        *(Path(__file__).parent / "documents").glob("*.yaml"),
        Path(__file__).parents[2] / "examples/shop/openapi.yaml",
    ]
)
"""OpenAPI documents of this repository."""


def corpus(name: str) -> Path:
    """The folder of a public collection; when `STARFORT_CORPORA` is not set, a path where nothing is."""
    return Path(os.environ.get("STARFORT_CORPORA") or "$STARFORT_CORPORA") / name


def needs_corpus(name: str) -> pytest.MarkDecorator:
    """Skip a test, and say why, when a public collection is not here."""
    folder = corpus(name)
    return pytest.mark.skipif(not folder.is_dir(), reason=f"{folder} is missing: set STARFORT_CORPORA")


def public_documents() -> list[Path]:
    """Public OpenAPI documents, none when they are not here."""
    return sorted(corpus("openapi").glob("*.json"))


def parsed(document: Path) -> dict[str, Any]:
    """What an OpenAPI document says."""
    text = document.read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text) if document.suffix == ".json" else yaml.safe_load(text)
    return content
