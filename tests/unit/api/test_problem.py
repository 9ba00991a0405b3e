"""One shape of errors, on every route."""

import httpx
import pytest

from starfort.api.problem import MEDIA_TYPE, Problem
from tests.unit.api.test_access import IDS, ROUTES, address


def check(answer: httpx.Response) -> Problem:
    """The answer is a problem, and says its own status."""
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.text
    problem = Problem.model_validate_json(answer.text)
    assert problem.status == answer.status_code
    assert problem.type.startswith("urn:starfort:problem:")
    assert problem.detail
    return problem


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)
async def test_errors_of_every_route(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], method: str, route: object
) -> None:
    """Without credentials, with nonsense, and with a wrong method the answer is a problem."""
    path = address(route)  # type: ignore[arg-type]  # only APIRoutes are in ROUTES
    bare = await client.request(method, path)
    if bare.status_code >= 400:
        check(bare)
    nonsense = await client.request(
        method, path + "?limit=x&range=%00&nonsense=1", content=b"{", headers=tokens["admin"]
    )
    if nonsense.status_code >= 400:
        check(nonsense)
    check(await client.request("TRACE", path, headers=tokens["admin"]))


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/status", "/api", "/api/v1/alerts/zz"])
async def test_unknown_paths(client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], path: str) -> None:
    """What does not exist is a problem too."""
    check(await client.get(path, headers=tokens["admin"]))


async def test_validation_names_the_place_and_not_the_value(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A value that cannot be accepted is named by place; the value itself is not repeated."""
    body = {"name": "x", "password": ["hunter2-hunter2"], "role": "emperor"}
    answer = await client.post("/api/v1/users", json=body, headers=tokens["admin"])
    problem = check(answer)
    assert answer.status_code == 422
    assert {part.where for part in problem.invalid} == {"body.password", "body.role"}
    assert "hunter2" not in answer.text


async def test_unexpected_failure(
    client: httpx.AsyncClient,
    tokens: dict[str, dict[str, str]],
    desk: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug is a 500 problem without its inner text."""

    def explode() -> None:
        raise RuntimeError("secret inner text")

    monkeypatch.setattr(desk.insight._runtime, "status", explode)  # type: ignore[attr-defined]
    answer = await client.get("/api/v1/status", headers=tokens["viewer"])
    assert check(answer).status == 500
    assert "secret" not in answer.text


async def test_large_bodies_are_refused(client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]) -> None:
    """No request of the API needs 64 KiB."""
    answer = await client.post("/api/v1/users", content=b"x" * 70_000, headers=tokens["admin"])
    assert check(answer).status == 413
