"""The risk of an endpoint: it grows with findings, and says why."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.base.severity import SEVERITIES, Severity
from starfort.catalogue.model import Endpoint
from starfort.posture.finding import PostureFinding
from starfort.posture.risk import NO_RISK, Risk, level_of, risk_of

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PLAIN = Endpoint("e", "shop", "*", "GET", "/orders", "learned")
EXPOSED = Endpoint("e", "shop", "*", "GET", "/orders", "learned", sensitive=("card_number",), open_since=NOW)


def _finding(severity: Severity, code: str = "verbose_errors") -> PostureFinding:
    return PostureFinding(code, severity, "shop", "e", f"{code} {severity}", {}, NOW, NOW)


def _risk(endpoint: Endpoint, *severities: Severity) -> Risk:
    return risk_of(endpoint, [_finding(one) for one in severities], {"verbose_errors": "API8:2023"})


@pytest.mark.parametrize("severity", [one for one in SEVERITIES if one != "info"])
def test_one_finding_gives_its_own_level(severity: Severity) -> None:
    """A high finding alone makes a high risk, and so for each severity."""
    assert _risk(PLAIN, severity).level == severity


def test_without_findings_exposure_is_no_risk() -> None:
    """Data and open answers make a finding worse; by themselves they are how an API may be meant."""
    assert risk_of(EXPOSED, [], {}) == NO_RISK
    assert _risk(EXPOSED, "info").score == 0


def test_exposure_raises_a_risk_and_is_named() -> None:
    """The same finding counts more where severe data leaves and anybody may call."""
    assert _risk(EXPOSED, "medium").score > _risk(PLAIN, "medium").score
    reasons = {reason.code: reason for reason in _risk(EXPOSED, "medium").reasons}
    assert set(reasons) == {"verbose_errors", "exposed_data", "exposed_to_anybody"}
    assert reasons["verbose_errors"].owasp == "API8:2023"
    assert "card_number" in reasons["exposed_data"].title


@given(st.lists(st.sampled_from(SEVERITIES), max_size=20), st.sampled_from(SEVERITIES))
def test_a_further_finding_never_lowers_a_risk(severities: list[Severity], more: Severity) -> None:
    """The score stays within 0 and 100, and its level follows it."""
    before, after = _risk(PLAIN, *severities), _risk(PLAIN, *severities, more)
    assert 0 <= before.score <= after.score <= 100
    assert after.level == level_of(after.score)


def test_ten_low_findings_weigh_less_than_a_critical_one() -> None:
    """Many small things do not hide the one that matters."""
    assert _risk(PLAIN, *["low"] * 10).score < _risk(PLAIN, "critical").score
