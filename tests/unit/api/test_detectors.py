"""Detectors over the API: their details, one run, and runs over the past."""

import datetime as dt

import httpx
import pytest

from starfort.admin.trials import LONGEST
from starfort.store import Store
from tests.support.callers import campaign, hashed, slot
from tests.support.events import stream

OWN = """/*
name: coupon_guessing
kind: coupon_guessing
title: "Coupon guessing: {misses} wrong codes"
description: A session tries many coupon codes.
watches: coupons
key_type: address
window: 10m
every: 1s
severity: medium
ttl: 10m
score: always 0.7
*/
SELECT toString(address) AS key, 0.7 AS score, count() AS misses
FROM events
WHERE time >= {since:DateTime64(6, 'UTC')} AND time <= {until:DateTime64(6, 'UTC')} AND fingerprint = 'FINGERPRINT'
GROUP BY key
"""


def own(fingerprint: str) -> str:
    """A detector file that signals the callers with a fingerprint."""
    return OWN.replace("FINGERPRINT", fingerprint)


async def test_detail_has_settings_and_query(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A detector's settings in force come with their defaults and what they mean, and its query is there."""
    answer = await client.get("/api/v1/detectors/credential_stuffing", headers=tokens["viewer"])
    found = answer.json()
    settings = {each["name"]: each for each in found["settings"]}
    assert settings["min_failures"]["value"] == settings["min_failures"]["default"] > 0
    assert "log-ins" in settings["min_failures"]["description"]
    assert settings["probe"]["value"] == settings["probe"]["default"] == 0.05
    assert found["sql"].lstrip().upper().startswith(("SELECT", "WITH"))
    assert (found["builtin"], found["file"]) == (True, "")
    assert (await client.get("/api/v1/detectors/none", headers=tokens["viewer"])).status_code == 404


async def test_backtest_finds_a_past_campaign(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], store: Store
) -> None:
    """A campaign of the past is found with when it was, and a quiet hour gives nothing."""
    start, tool = slot(), hashed("api backtest")
    store.insert_arrow(stream(campaign(start, fingerprint=tool)))
    body = {
        "name": "credential_stuffing",
        "since": (start - dt.timedelta(minutes=1)).isoformat(),
        "until": (start + dt.timedelta(minutes=3)).isoformat(),
    }
    found = (await client.post("/api/v1/detectors/backtest", json=body, headers=tokens["operator"])).json()
    assert found["runs"] > 2
    assert dt.datetime.fromisoformat(found["until"]) == dt.datetime.fromisoformat(body["until"])
    hits = [hit for hit in found["hits"] if tool in hit["key"]]
    assert hits
    assert hits[0]["evidence"][0]["failures"] == 60
    quiet = body | {"until": body["since"], "since": (start - dt.timedelta(minutes=9)).isoformat()}
    answer = await client.post("/api/v1/detectors/backtest", json=quiet, headers=tokens["operator"])
    assert not [hit for hit in answer.json()["hits"] if tool in hit["key"]]


async def test_long_backtest_says_how_far_it_came(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When time runs out the answer ends earlier, at least one step on, so that asking again ends."""
    monkeypatch.setattr("starfort.admin.trials.LONGEST", -LONGEST)
    until = dt.datetime.now(dt.UTC)
    since = until - dt.timedelta(hours=1)
    body = {"name": "scraping", "since": since.isoformat(), "until": until.isoformat(), "step_s": 60}
    found = (await client.post("/api/v1/detectors/backtest", json=body, headers=tokens["operator"])).json()
    assert found["runs"] == 1
    assert dt.datetime.fromisoformat(found["until"]) == since + dt.timedelta(seconds=60)


async def test_own_text_runs_for_administrators_only(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], store: Store
) -> None:
    """A detector file that is not configured runs for an administrator, and is refused to an operator."""
    tool = hashed("api own")
    store.insert_arrow(
        stream(campaign(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), 5, fingerprint=tool))
    )
    body = {"text": own(tool), "file": "coupons.sql"}
    refused = await client.post("/api/v1/detectors/test", json=body, headers=tokens["operator"])
    assert refused.status_code == 403
    found = (await client.post("/api/v1/detectors/test", json=body, headers=tokens["admin"])).json()
    assert len(found["hits"]) == 5
    assert found["hits"][0]["title"] == "Coupon guessing: 1 wrong codes"


async def test_wrong_detector_is_explained(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """Front matter that is wrong is told with file and line, a query that fails with ClickHouse's words."""
    for text, words in (
        ("SELECT 1", "coupons.sql:1:"),
        (own("x").replace("fingerprint =", "no_such_column ="), "no_such_column"),
        (own("x").replace("0.7 AS score", "7 AS score"), "from 0 to 1"),
    ):
        if words == "from 0 to 1":
            text = text.replace("fingerprint = 'x'", "1 = 1")  # noqa: PLW2901 (some row is needed)
        body = {"text": text, "file": "coupons.sql"}
        answer = await client.post("/api/v1/detectors/test", json=body, headers=tokens["admin"])
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]
    both = await client.post("/api/v1/detectors/test", json={}, headers=tokens["admin"])
    assert both.status_code == 422
    backwards = {"name": "scraping", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    answer = await client.post("/api/v1/detectors/backtest", json=backwards, headers=tokens["admin"])
    assert "later than since" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT path AS key, 0.5 AS score FROM `file`('/etc/passwd', 'LineAsString', 'path String')",
        "SELECT file('/etc/passwd') AS key, 0.5 AS score",
        "SELECT name AS key, 0.5 AS score FROM system.tables",
        "SELECT l AS key, 0.5 AS score FROM `url`('http://127.0.0.1:1/', 'LineAsString', 'l String')",
        "SELECT name AS key, 0.5 AS score FROM merge('system', 'tables')",
    ],
)
async def test_a_text_reads_the_store_and_nothing_else(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], query: str
) -> None:
    """An administrator's text gets no file, address or table of ClickHouse's own, and is told so."""
    text = f"{OWN.partition('*/')[0]}*/\n{query} WHERE now() > {{since:DateTime64(6, 'UTC')}}"
    answer = await client.post(
        "/api/v1/detectors/test", json={"text": text, "file": "mine.sql"}, headers=tokens["admin"]
    )
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    reasons = ("privileges", "leaves the store", "not for queries", "no tables satisfied", "regexp")
    assert any(reason in detail for reason in reasons), detail
    assert "root:" not in answer.text
