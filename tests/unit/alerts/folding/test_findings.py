"""New posture findings as alerts: one for all serious ones of a check and an API."""

from __future__ import annotations

import datetime as dt

from starfort.alerts.folding.findings import alerts_of_findings
from starfort.alerts.folding.groups import MAX_EVIDENCE_ROWS
from starfort.base.severity import Severity
from starfort.posture.finding import PostureFinding

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _finding(code: str, api: str, endpoint: str, severity: Severity = "high") -> PostureFinding:
    evidence = {"subject": f"GET /{endpoint}", "calls": 3}
    return PostureFinding(code, severity, api, endpoint, f"{endpoint} is open", evidence, NOW, NOW)


def test_findings_of_one_check_and_api_are_one_alert() -> None:
    """The most severe finding gives title and severity, the number of the others is said, and all are evidence."""
    alerts = alerts_of_findings(
        [
            _finding("open", "shop", "a"),
            _finding("open", "shop", "b", "critical"),
            _finding("open", "bank", "c"),
            _finding("leak", "shop", "d"),
        ]
    )
    found = {(alert.kind, alert.title): alert for alert in alerts}
    assert set(found) == {
        ("open", "b is open and 1 more like it"),
        ("open", "c is open"),
        ("leak", "d is open"),
    }
    both = found["open", "b is open and 1 more like it"]
    assert (both.severity, both.subject, both.key) == ("critical", "GET /b", "finding:open:shop:b")
    assert [row["endpoint_id"] for row in both.evidence] == ["a", "b"]


def test_mild_findings_call_nobody() -> None:
    """What can wait is seen on the page Findings."""
    assert (
        alerts_of_findings([_finding("open", "shop", "a", "medium"), _finding("x", "shop", "b", "info")])
        == []
    )


def test_a_flood_of_findings_is_bounded() -> None:
    """An alert says how many there are and shows some of them."""
    (alert,) = alerts_of_findings([_finding("open", "shop", f"e{number}") for number in range(500)])
    assert alert.title.endswith("and 499 more like it")
    assert len(alert.evidence) == MAX_EVIDENCE_ROWS
