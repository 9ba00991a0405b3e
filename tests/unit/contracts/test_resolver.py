"""References."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.contracts.support import contract, read


def test_references_lead_to_definitions(tmp_path: Path) -> None:
    """Through other files, pointers with escapes, anchors and schemas with an `$id`; each once, by its name."""
    found = contract(
        tmp_path,
        "openapi: 3.1.0\npaths:\n  /a:\n    $ref: paths/a.yaml#/a\n  /b: {get: {responses: {200: {$ref: '#/components/responses/Ok'}}}}\n"
        "components:\n  responses: {Ok: {content: {a/b: {schema: {$ref: '#/components/schemas/Order'}}}}}\n"
        "  schemas:\n    Order: {properties: {next: {$ref: '#/components/schemas/Order'}, tag: {$ref: '#tag'}, own: {$ref: '#/components/schemas/Own'}}}\n"
        "    Tag: {$anchor: tag, type: string}\n"
        "    Own: {$id: 'https://a.example/own', items: {$ref: '#/$defs/b~1c'}, $defs: {b/c: {type: integer}}}\n",
        paths__a_yaml="a:\n  get:\n    parameters: [{$ref: '../models.yaml#/parameters/Q'}]\n"
        "    responses: {200: {content: {a/b: {schema: {$ref: '../models.yaml#/Order'}}}}}\n",
        models_yaml="parameters: {Q: {name: q, in: query, schema: {$ref: '#/Order'}}}\nOrder: {type: object}\n",
    )  # fmt: skip
    first, second = found.operations
    assert first.parameters[0].schema == {"$ref": "#/$defs/Order"}
    assert first.responses[0].content[0].schema == {"$ref": "#/$defs/Order"}
    assert first.location == "a.yaml#/a/get"
    assert second.location == "#/paths/~1b/get"
    assert second.responses[0].content[0].schema == {"$ref": "#/$defs/Order_2"}
    assert found.definitions["Order"] == {"type": "object"}
    assert found.definitions["Order_2"] == {
        "properties": {
            "next": {"$ref": "#/$defs/Order_2"},
            "tag": {"$ref": "#/$defs/Tag"},
            "own": {"$ref": "#/$defs/Own"},
        }
    }
    assert found.definitions["b_c"] == {"type": "integer"}


@pytest.mark.parametrize(
    "reference", ["../secret.yaml", "/etc/hosts", "file:///etc/hosts", "https://a.example/x.yaml", "link.yaml", "a%2F..%2F..%2Fsecret.yaml"]
)  # fmt: skip
def test_nothing_outside_the_folder_is_read(tmp_path: Path, reference: str) -> None:
    """By dots, as a root path, as a URL, through a link, or with escapes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("get: {operationId: secret}\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    found = read(folder, f"openapi: 3.1.0\npaths: {{/a: {{$ref: '{reference}'}}}}\n")
    assert len(found.problems) == 1
    assert "secret" not in repr(found.contract)
