"""Exclusions that traffic speaks for."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from starfort.config.rules import Rules
from starfort.threats.rulesets.tune import as_configuration, propose


def match(variable: str, rule: int = 942100, value: str = "9' OR 9=9") -> dict[str, Any]:
    """A rule that matched a variable."""
    return {"rule": rule, "message": "", "severity": "critical", "variable": variable, "value": value}


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A request in which rule 942100 matched the parameter `text`."""
    return {
        "time": f"2026-01-01T00:00:{number % 60:02}Z",
        "id": f"request-{number}",
        "api": "shop",
        "method": "POST",
        "template": "/comments/{id}",
        "path": f"/comments/{number}",
        "status": 201,
        "action": "allow",
        "bot": "none",
        "address": f"192.0.2.{number}",
        "subject": "",
        "identity_verified": False,
        "findings": ["rule:942100", "rule:949110"],
        "evidence": [match("ARGS:text"), match("", 949110, "")],
        **changes,
    }


def test_a_proposal_is_one_rule_one_endpoint_one_parameter() -> None:
    """With its evidence; rules that add up are never proposed."""
    (proposal,) = propose(event(number) for number in range(10))
    assert (proposal.rule, proposal.api, proposal.endpoint, proposal.parameter) == (
        942100,
        "shop",
        "POST /comments/{id}",
        "text",
    )
    assert proposal.likely
    assert not proposal.doubts
    assert (proposal.evidence.requests, len(proposal.evidence.callers)) == (10, 10)
    assert proposal.evidence.samples == ["request-0", "request-1", "request-2"]
    assert (proposal.evidence.first, proposal.evidence.last) == (
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:09Z",
    )


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"address": "192.0.2.7"}, "only 1 caller"),
        ({"status": 404}, "the API refused 10 of 10"),
        ({"action": "block", "status": 403}, "all were stopped"),
        ({"bot": "bad"}, "bad bots"),
    ],
)
def test_what_looks_like_an_attack_is_doubted(changes: dict[str, Any], doubt: str) -> None:
    """Few callers, refusals, bots."""
    (proposal,) = propose(event(number, **changes) for number in range(10))
    assert not proposal.likely
    assert doubt in proposal.doubts[0]


def test_few_requests_are_doubted() -> None:
    """Four show nothing."""
    (proposal,) = propose(event(number) for number in range(4))
    assert proposal.doubts == ("only 4 requests",)


def test_subjects_count_as_callers() -> None:
    """Many people behind one address are many."""
    events = [event(n, address="192.0.2.1", subject=f"u{n}", identity_verified=True) for n in range(6)]
    assert propose(events)[0].likely
    assert not propose([{**one, "identity_verified": False} for one in events])[0].likely


def test_parameters_and_endpoints_are_apart() -> None:
    """What is right for one is not for another; other collections keep their name; none is said as none."""
    events = [
        *(event(n, evidence=[match("ARGS:a")]) for n in range(6)),
        *(event(n, evidence=[match("REQUEST_COOKIES:sid")]) for n in range(7)),
        *(event(n, evidence=[], template="", path="/x") for n in range(8)),
        *(event(n, evidence=[match("ARGS:USER")]) for n in range(5)),
    ]
    found = [(one.endpoint, one.parameter, one.evidence.requests) for one in propose(events)]
    assert found == [
        ("POST /x", "", 8),
        ("POST /comments/{id}", "REQUEST_COOKIES:sid", 7),
        ("POST /comments/{id}", "a", 6),
        ("POST /comments/{id}", "ARGS:USER", 5),
    ]


def test_other_findings_are_nothing() -> None:
    """Only rules' count."""
    assert propose([event(1, findings=["schema:body", "rule:x", "rule:980170"], evidence=[])]) == []


def test_the_yaml_is_configuration() -> None:
    """It can be pasted as it is, whatever parameters are called."""
    events = [
        event(n, evidence=[match("ARGS:it's"), match("REQUEST_HEADERS:x-y", 941100, f"<a{{{n}}}>\r\nb: c")])
        for n in range(6)
    ]
    text = as_configuration(propose(events), {942100: "SQL", 941100: "XSS"})
    loaded = YAML(typ="safe").load(text)["rules"]["exclusions"]
    assert {(one["rule"], one["endpoint"], one["parameter"]) for one in loaded} == {
        (942100, "POST /comments/{id}", "it's"),
        (941100, "POST /comments/{id}", "REQUEST_HEADERS:x-y"),
    }
    Rules.model_validate({"exclusions": [one for one in loaded if "'" not in one["parameter"]]})
    assert "# SQL" in text
    masked = [line.strip() for line in text.splitlines() if "masked" in line]
    assert masked == [*(f"# masked: <a{{{n}}}>??b: c" for n in range(3)), "# masked: 9' OR 9=9"]
    assert "6 requests, 6 addresses, 6 answered below 400" in text
