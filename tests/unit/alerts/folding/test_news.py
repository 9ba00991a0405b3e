"""News of the catalogue as alerts: bursts are one, and severity follows what is at stake."""

from __future__ import annotations

import datetime as dt

from starfort.alerts.folding.groups import MAX_EVIDENCE_ROWS
from starfort.alerts.folding.news import alerts_of_news
from starfort.catalogue.model import Endpoint, News
from tests.support.events import START


def test_a_burst_is_one_alert() -> None:
    """5,000 new endpoints of one API are one alert with a part of them as evidence; APIs are told apart."""
    news = [
        News(
            "new_endpoint",
            api,
            f"GET /{number}",
            Endpoint(str(number), api, "h", "GET", f"/{number}", "learned"),
        )
        for api, count in (("one", 5_000), ("two", 1))
        for number in range(count)
    ]
    first, second = alerts_of_news(news)
    assert first.title == "5000 new endpoints of one"
    assert len(first.evidence) == MAX_EVIDENCE_ROWS
    assert second.title == "New endpoint of two: GET /0"
    assert first.key != second.key


def test_severity_follows_what_is_at_stake() -> None:
    """Card numbers for everybody are urgent, an endpoint of an API without a document is a note."""
    plain = Endpoint("a", "x", "h", "GET", "/a", "learned")
    open_one = Endpoint("b", "x", "h", "GET", "/b", "learned", open_since=START - dt.timedelta(1))
    cases = [
        (News("new_endpoint", "x", "GET /a", plain, {"api_documented": False}), "info"),
        (News("undocumented_endpoint", "x", "GET /a", plain, {"api_documented": True}), "medium"),
        (News("sensitive_class", "x", "GET /b", open_one, {"classes": ["card_number"]}), "high"),
        (News("sensitive_class", "x", "GET /a", plain, {"classes": ["email"]}), "low"),
        (News("answers_without_credentials", "x", "GET /b", open_one, {}), "high"),
        (News("answers_without_credentials", "x", "GET /b", open_one, {"sensitive": ["us_ssn"]}), "critical"),
        (News("new_host", "x", "other.example"), "medium"),
    ]
    assert [alerts_of_news([news])[0].severity for news, _ in cases] == [severity for _, severity in cases]


def test_evidence_names_the_endpoint() -> None:
    """An alert leads to the page of each endpoint that its news are about; news of a host has none."""
    plain = Endpoint("ab12", "x", "h", "GET", "/a", "learned")
    (alert,) = alerts_of_news([News("new_endpoint", "x", "GET /a", plain, {})])
    assert alert.evidence[0]["endpoint_id"] == "ab12"
    (alert,) = alerts_of_news([News("new_host", "x", "other.example")])
    assert "endpoint_id" not in alert.evidence[0]
