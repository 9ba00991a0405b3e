"""Checks over the API: how they run, their details, and one run of an own one."""

import httpx
import pytest

from starfort.store import Store
from tests.support.events import event, stream

OWN = """/*
name: debug_left_on
title: "{subject} answers debug requests: {calls}"
why: Debug output tells attackers how an API is built.
fix: Switch it off.
severity: medium
bastion: data
window: 1h
thresholds:
  min_calls: {default: 3, minimum: 1, description: such calls within the window}
*/
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, concat(any(method), ' ', any(template)) AS subject,
    min(time) AS first_seen, max(time) AS last_seen, count() AS calls
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time <= {until:DateTime64(6, 'UTC')} AND e.api = 'api-checks'
GROUP BY api, endpoint_id
HAVING calls >= {min_calls:UInt32}
"""


async def test_checks_are_listed_with_how_they_run(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """Checks by query and those of the catalogue are one list, and each says which of the two it is."""
    rows = (await client.get("/api/v1/checks", headers=tokens["viewer"])).json()
    found = {row["name"]: row for row in rows}
    assert found["open_endpoint"]["bastion"] == "access"
    assert (found["open_endpoint"]["source"], found["open_endpoint"]["severity"]) == (
        "query",
        ["medium", "high"],
    )
    assert found["forgotten_endpoint"]["source"] == "catalogue"


async def test_detail_has_settings_and_query(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A check's thresholds in force come with their defaults and what they mean; the catalogue's has no query."""
    found = (await client.get("/api/v1/checks/volume_to_caller", headers=tokens["viewer"])).json()
    settings = {each["name"]: each for each in found["settings"]}
    assert settings["min_values"]["value"] == settings["min_values"]["default"] == 1000
    assert found["sql"].lstrip().startswith("--")
    assert (found["builtin"], found["file"], found["window_s"]) == (True, "", 3600)
    assert (await client.get("/api/v1/checks/new_endpoint", headers=tokens["viewer"])).json()["sql"] == ""
    assert (await client.get("/api/v1/checks/none", headers=tokens["viewer"])).status_code == 404


async def test_an_own_check_is_tried_and_not_kept(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], store: Store
) -> None:
    """An administrator runs a text once: its findings come back, and none is on the list afterwards."""
    rows = [event(api="api-checks", endpoint_id="debug", template="/debug")] * 3
    rows += [event(api="api-checks", endpoint_id="calm", template="/calm")] * 2
    store.insert_arrow(stream(rows), token="api-checks")
    body = {"text": OWN, "file": "debug.sql"}
    assert (
        await client.post("/api/v1/checks/test", json=body, headers=tokens["operator"])
    ).status_code == 403
    found = (await client.post("/api/v1/checks/test", json=body, headers=tokens["admin"])).json()
    (row,) = found["findings"]
    assert (row["title"], row["severity"]) == ("GET /debug answers debug requests: 3", "medium")
    kept = (await client.get("/api/v1/findings/apis?api=api-checks", headers=tokens["viewer"])).json()
    assert kept["items"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("severity: medium", "severity: bad"), "debug.sql:6:11: severity"),
        (
            ("FROM events", "FROM url('http://a/', 'CSV')"),
            "url() leaves the store; a check reads its tables only",
        ),
        (("count() AS calls", "count() AS calls, file('/etc/passwd')"), "file() leaves the store"),
        (("min(time) AS first_seen", "1 AS first_seen"), "first_seen of type int is no time"),
        (("concat(any(method), ' ', any(template)) AS subject", "1 AS x"), "returns no column subject"),
        (("HAVING calls >= {min_calls:UInt32}", "HAVING throwIf({min_calls:UInt32} > 0)"), "the query fails"),
    ],
)
async def test_mistakes_are_explained(
    client: httpx.AsyncClient,
    tokens: dict[str, dict[str, str]],
    store: Store,
    change: tuple[str, str],
    words: str,
) -> None:
    """What is wrong with a check is said with its place, or with what its query returned."""
    store.insert_arrow(stream([event(api="api-checks", endpoint_id="debug", template="/debug")] * 3))
    body = {"text": OWN.replace(*change), "file": "debug.sql"}
    answer = await client.post("/api/v1/checks/test", json=body, headers=tokens["admin"])
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]


async def test_the_catalogue_has_no_query_to_run(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A check that the catalogue answers cannot be tried, and that is said."""
    answer = await client.post(
        "/api/v1/checks/test", json={"name": "new_endpoint"}, headers=tokens["operator"]
    )
    assert answer.status_code == 422
    assert "answered by the catalogue" in answer.json()["detail"]
