"""The OpenAPI description is complete."""

import httpx
import pytest

from tests.unit.api.test_access import ROUTES


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, object]:
    """The description, as anybody can read it."""
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


async def test_every_route_is_described(document: dict) -> None:  # type: ignore[type-arg]
    """Each operation has summary, description, tag, answer, errors, security and role."""
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {(method, route.path) for method, route in ROUTES}
    for (method, path), operation in operations.items():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        assert "security" in operation, where
        success = [code for code in operation["responses"] if code.startswith("2")]
        assert len(success) == 1, where
        if success != ["204"]:
            content = operation["responses"][success[0]]["content"]
            assert all(media.get("schema") for media in content.values()), where
        if operation["security"]:
            assert operation["x-required-role"] in ("viewer", "operator", "admin"), where
            assert {"401", "403"} <= set(operation["responses"]), where
        for parameter in operation.get("parameters", []):
            assert parameter.get("description") or parameter["schema"].get("description"), (
                where,
                parameter["name"],
            )


async def test_references_resolve(document: dict) -> None:  # type: ignore[type-arg]
    """No reference leads nowhere."""

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                target: object = document
                for step in node["$ref"].removeprefix("#/").split("/"):
                    target = target[step]  # type: ignore[index]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
