"""Lists are bounded."""

import httpx
import pytest

from tests.unit.api.test_access import IDS, ROUTES

LISTS = {
    "GET /traffic/apis", "GET /catalogue", "GET /catalogue/deviations", "GET /events", "GET /clients", "GET /signals", "GET /alerts",
    "GET /findings/apis", "GET /findings/contract", "GET /findings/requests", "GET /audit",
}  # fmt: skip
BOUNDED = {
    "GET /nodes", "GET /attention", "GET /policies", "GET /detectors", "GET /checks",
    "GET /alerts/series",
    "GET /alerts/mutes",
    "GET /catalogue/usage", "GET /catalogue/versions", "GET /catalogue/segments",
    "POST /catalogue/{endpoint_id}/segments",
    "GET /users", "GET /tokens", "GET /sessions",
}  # fmt: skip
"""Lists whose length the configuration or a limit on making entries bounds."""


def test_every_list_is_bounded() -> None:
    """A route that answers with a list has a limit, or is known to be bounded."""
    found = set()
    for name, (_, route) in zip(IDS, ROUTES, strict=True):
        answer = str(route.response_model)
        if "list[" in answer or "Page" in answer:
            found.add(name)
    assert found == LISTS | BOUNDED


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e9", "x"])
async def test_limits(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], name: str, limit: str
) -> None:
    """No list gives more than 200 at once."""
    answer = await client.get(
        "/api/v1" + name.split(" ")[1], params={"limit": limit}, headers=tokens["admin"]
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("before", ["x", "2026-01-01T00:00:00Z", "2026-01-01~a", "9999-99-99~x", "~"])
async def test_forged_cursor(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], before: str
) -> None:
    """A cursor that no page gave is refused."""
    answer = await client.get("/api/v1/events", params={"before": before}, headers=tokens["viewer"])
    assert answer.status_code == 422


async def test_unknown_filters_are_refused(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A typing error in a filter does not show everything."""
    answer = await client.get("/api/v1/events", params={"adress": "192.0.2.1"}, headers=tokens["viewer"])
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("/endpoints", "/catalogue"),
        ("/endpoints/counts", "/catalogue/counts"),
        ("/endpoints/tree", "/catalogue/tree"),
        ("/endpoints/00ff", "/catalogue/00ff"),
        ("/posture", "/findings/apis"),
        ("/findings", "/findings/requests"),
    ],
)
async def test_former_paths_answer_the_same(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], former: str, present: str
) -> None:
    """Scripts of the version before go on; the description has one path for each thing; rights are the same."""
    answers = [await client.get(f"/api/v1{path}", headers=tokens["viewer"]) for path in (former, present)]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].json() == answers[1].json()
    assert (await client.get(f"/api/v1{former}")).status_code == 401
    described = (await client.get("/api/v1/openapi.json", headers=tokens["viewer"])).json()["paths"]
    assert f"/api/v1{former}" not in described
    assert former not in described


@pytest.mark.parametrize("before", ["0", "-1", "9223372036854775808", "9" * 30])
async def test_number_beyond_the_database(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], before: str
) -> None:
    """An id that SQLite cannot hold is refused, and no fault of ours."""
    answer = await client.get("/api/v1/audit", params={"before": before}, headers=tokens["admin"])
    assert answer.status_code == 422
