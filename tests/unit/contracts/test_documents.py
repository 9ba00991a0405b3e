"""Documents of APIs as contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from starfort.contracts import documents
from starfort.contracts.documents import Documents
from tests.support.corpora import OWN_DOCUMENTS
from tests.unit.contracts.support import read


@pytest.mark.parametrize(
    ("text", "line", "pointer"),
    [
        ("openapi: 3.1.0\npaths:\n  /a:\n    get: 7\n", 4, "#/paths/~1a/get"),
        ('{"openapi": "3.1.0",\n"paths": {\n"/a": {"get": []}}}', 3, "#/paths/~1a/get"),
        ("openapi: 3.1.0\npaths:\n  a: {}\n", 3, "#/paths/a"),
        ("openapi: '5'\n", 1, "#/openapi"),
        ("swagger: 1.2\n", 1, "#/swagger"),
    ],
)
def test_problems_have_line_and_pointer(tmp_path: Path, text: str, line: int, pointer: str) -> None:
    """In YAML and in JSON."""
    (problem,) = read(tmp_path, text).problems
    assert (problem.line, problem.pointer) == (line, pointer)


def test_a_broken_file_beside_is_a_problem_there(tmp_path: Path) -> None:
    """With the line of that file; the document is not used."""
    found = read(tmp_path, "openapi: 3.1.0\npaths: {/a: {$ref: b.yaml}}\n", b_yaml="get:\n  - {\n")
    assert (tmp_path / "b.yaml", 3) in [(one.file, one.line) for one in found.problems]


def test_unchanged_documents_are_the_same_object(tmp_path: Path) -> None:
    """Until one of their files changes, appears or goes."""
    text = "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {$ref: 'b.yaml'}}}}}\n"
    first = read(tmp_path, text, b_yaml="description: x\n")
    kept = Documents()
    one = kept.read(first.file)
    assert kept.read(first.file) is one
    (tmp_path / "b.yaml").write_text("content: {a/b: {}}\n")
    other = kept.read(first.file)
    assert other is not one
    assert other.contract.operations[0].responses[0].content
    (tmp_path / "b.yaml").unlink()
    gone = kept.read(first.file)
    assert gone.warnings
    (tmp_path / "b.yaml").write_text("content: {a/b: {}}\n")
    assert not kept.read(first.file).warnings


@pytest.mark.parametrize("document", OWN_DOCUMENTS, ids=lambda path: path.stem)
def test_yaml_and_json_are_one_contract(document: Path, tmp_path: Path) -> None:
    """The same document in either form says the same."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(yaml.safe_load(document.read_text(encoding="utf-8")), default=str))
    assert documents.read(file).contract == documents.read(document).contract
