"""Contracts as OpenAPI documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from starfort.contracts import (
    Body,
    Contract,
    Encoding,
    Media,
    Operation,
    Parameter,
    Response,
    SecurityScheme,
    Server,
    ServerVariable,
    documents,
)
from starfort.contracts.changes import compare
from starfort.contracts.export import to_openapi
from tests.support.corpora import OWN_DOCUMENTS, needs_corpus, public_documents

INFO = {"title": "shop", "version": "1"}
FULL = Contract(
    "shop",
    operations=(
        Operation(
            "POST",
            "/a/{id}",
            parameters=(
                Parameter("id", "path", True, {"type": "integer"}, "matrix", True),
                Parameter("q", "query", False, {"type": "array"}, "pipeDelimited", False, allow_empty=True),
                Parameter("f", "query", schema={"type": "object"}, media_type="application/json"),
                Parameter("sid", "cookie", deprecated=True),
                Parameter("X-A", "header", True, {"type": "string"}, "simple", False),
            ),
            body=Body(True, (Media("multipart/form-data", {"type": "object"}, encoding={"f": Encoding(("image/png",))}),)),
            responses=(
                Response("200", (Parameter("X-N", "header", True, {"type": "integer"}, "simple", False),), (Media("application/json", {"$ref": "#/$defs/Order"}),)),
                Response("4XX"),
            ),
            security=({"key": ()}, {}),
            deprecated=True,
            operation_id="a",
            tags=("t",),
        ),
        Operation("GET", "/a/{number}/b"),
        Operation("LINK", "/odd"),
    ),
    definitions={
        "Order": {
            "type": "object",
            "properties": {"$ref": {"type": "string", "x-starfort-hashes": ["00"]}, "next": {"$ref": "#/$defs/Order"}, "any": True, "none": False},
            "discriminator": {"propertyName": "k", "mapping": {"o": "#/$defs/Order"}},
            "enum": [{"$ref": "#/$defs/not-a-reference"}],
        }
    },
    schemes={"key": SecurityScheme("apiKey", "query", "k"), "b": SecurityScheme("http", scheme="basic"), "m": SecurityScheme("mutualTLS")},
    servers=(Server("https://{r}.example.com", {"r": ServerVariable("eu", ("eu", "us"))}),),
)  # fmt: skip


def test_a_whole_contract_is_a_valid_document(tmp_path: Path) -> None:
    """And reading it gives the contract again."""
    document = to_openapi(FULL, INFO)
    OpenAPIV31SpecValidator(document).validate()
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    again = documents.read(file)
    assert not again.problems
    assert not again.warnings
    assert again.contract.operations[0].parameters == FULL.operations[0].parameters
    assert again.contract.operations[0].body == FULL.operations[0].body
    assert again.contract.servers == FULL.servers
    assert again.contract.schemes == FULL.schemes
    assert {change.code for change in compare(FULL, again.contract)} <= {
        "api-path-removed-without-deprecation",  # LINK, which OpenAPI 3.1 has no place for
        "response-non-success-status-added",  # `default`, because a document has at least one answer
        "new-request-path-parameter",  # the template's own, which the contract does not describe
    }


def test_data_is_not_taken_for_references() -> None:
    """Hashes of values stay here, a property may be called `$ref`, and listed values are data."""
    order = to_openapi(FULL, INFO)["components"]["schemas"]["Order"]
    assert order["properties"]["$ref"] == {"type": "string"}
    assert order["properties"]["next"] == {"$ref": "#/components/schemas/Order"}
    assert order["discriminator"]["mapping"] == {"o": "#/components/schemas/Order"}
    assert order["enum"] == [{"$ref": "#/$defs/not-a-reference"}]


@pytest.mark.parametrize(
    "file",
    [
        *OWN_DOCUMENTS,
        *[pytest.param(one, marks=needs_corpus("openapi")) for one in public_documents()[:12]],
    ],
    ids=lambda file: file.stem,
)
def test_documents_survive_the_way_through_a_contract(file: Path, tmp_path: Path) -> None:
    """Read, written and read again, nothing has changed for callers."""
    contract = documents.read(file).contract
    again = tmp_path / "again.json"
    again.write_text(json.dumps(to_openapi(contract, INFO)), encoding="utf-8")
    found = documents.read(again)
    assert not found.problems
    assert compare(contract, found.contract) == ()
