"""Starfort's own rules find what they are for, and leave alone what only looks like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from starfort._engine import RuleSet
from starfort.config.rules import Rules
from starfort.threats.rulesets.overlay import compile_rules
from tests.unit.threats.cases import request

CASES: dict[int, dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))
RULES = {level: compile_rules(Rules(sets=[], paranoia=level), Path()) for level in (1, 2)}
BOUND = range(9_531_000, 9_535_000)
HINTS = {9_531_000, 9_533_011}
"""Rules that say something and score nothing."""


@pytest.fixture(scope="module")
def engines() -> dict[int, RuleSet]:
    """The rules at each paranoia level."""
    return {level: RuleSet(rules.compiled.data) for level, rules in RULES.items()}


def cases(kind: str) -> list[Any]:
    """Every case of a kind, named by rule and number."""
    return [
        pytest.param(rule, entry.get("paranoia", 1), case, id=f"{rule}-{number}")
        for rule, entry in CASES.items()
        for number, case in enumerate(entry[kind], 1)
    ]


def found(engine: RuleSet, case: Any) -> dict[int, str]:
    """Ids and log data of what is found."""
    return {
        match["id"]: match["logdata"] for match in engine.inspect(request(case))["matched"] if match["log"]
    }


@pytest.mark.parametrize(("rule", "level", "case"), cases("attacks"))
def test_attack_is_found(rule: int, level: int, case: Any, engines: dict[int, RuleSet]) -> None:
    """By the rule that is for it."""
    assert rule in found(engines[level], case)


@pytest.mark.parametrize(("rule", "level", "case"), cases("lookalikes"))
def test_lookalike_passes(rule: int, level: int, case: Any, engines: dict[int, RuleSet]) -> None:
    """Not only that rule: none of ours may take it for an attack at its level."""
    hits = found(engines[level], case)
    assert rule not in hits
    assert not {number for number in hits if number in BOUND} - HINTS or level > 1


@pytest.mark.parametrize("level", [1, 2])
def test_every_rule_has_cases(level: int) -> None:
    """Attacks and lookalikes, and at the level that its tag names."""
    for rule in RULES[level].compiled.rules:
        if rule.id in BOUND:
            assert CASES[rule.id]["attacks"]
            assert CASES[rule.id]["lookalikes"]
            assert f"paranoia-level/{CASES[rule.id].get('paranoia', 1)}" in rule.tags


def test_rules_stay_within_their_ids() -> None:
    """So that they meet no other rule set's."""
    assert all(9_530_000 <= rule.id < 9_540_000 for rules in RULES.values() for rule in rules.compiled.rules)


@pytest.mark.parametrize("rule", sorted(HINTS))
def test_hints_do_not_score(rule: int, engines: dict[int, RuleSet]) -> None:
    """They are findings: what else is found decides."""
    for case in CASES[rule]["attacks"]:
        answer = engines[1].inspect(request(case))
        others = {match["id"] for match in answer["matched"] if match["id"] in BOUND} - HINTS
        assert others or answer["interruption"] is None


def test_a_score_over_the_threshold_asks_for_a_refusal(engines: dict[int, RuleSet]) -> None:
    """Without CRS too."""
    attack = {"json": {"password": {"$ne": None}}}
    answer = engines[1].inspect(request(attack))
    assert answer["interruption"]["id"] == 9_530_091
    assert engines[1].inspect(request({"json": {"password": "x"}}))["interruption"] is None
