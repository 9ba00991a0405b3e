"""Documents as the truth of discovery."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.discovery.documents import read

CONTENT = {
    "openapi": "3.0.0",
    "servers": [{"url": "https://api.example.com/base/v1/"}],
    "paths": {
        "/users/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/U"}}}}
                }
            },
        },
        "/v{version}/a#x": {"post": {}},
        "/v{api-version}/a#y": {"post": {}},
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "schema": {"enum": ["a", "b"]}}},
        "schemas": {
            "U": {"properties": {"name": {"type": "string"}, "self": {"$ref": "#/components/schemas/U"}}}
        },
    },
}


def test_operations_are_read(tmp_path: Path) -> None:
    """With the server's base path, resolved references, and versions as fixed segments; broken files are left out."""
    (tmp_path / "shop.json").write_text(json.dumps(CONTENT))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text("[]")
    (document,) = read(tmp_path)
    users, post = document.operations
    assert (document.name, document.provider) == ("shop", "shop")
    assert (users.method, users.template, users.skeleton) == (
        "GET",
        "/base/v1/users/{id}",
        "/base/v1/users/{}",
    )
    assert users.answer
    assert (post.method, post.template) == ("POST", "/base/v1/v1/a")
