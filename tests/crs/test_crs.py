"""Every regression test of CRS ends as it says, in-process, or is listed with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from starfort._engine import RuleSet
from tests.crs.suite import CORPUS, Stage, compiled, failures, stages
from tests.support.corpora import needs_corpus

pytestmark = needs_corpus("crs")

EXCEPTIONS: dict[str, str] = YAML(typ="safe").load(Path(__file__).with_name("exceptions.yaml")) or {}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """CRS as the suite wants it."""
    return RuleSet(compiled().data)


def _by_rule() -> dict[str, list[Stage]]:
    grouped: dict[str, list[Stage]] = {}
    for stage in stages() if CORPUS.is_dir() else ():
        grouped.setdefault(stage.id.partition("-")[0], []).append(stage)
    return grouped


BY_RULE = _by_rule()


@pytest.mark.parametrize("rule", BY_RULE)
def test_rule(rule: str, rules: RuleSet) -> None:
    """A rule's tests end as they say; those that are listed do not."""
    wrong = {stage.id: failures(stage, rules.inspect) for stage in BY_RULE[rule]}
    unexpected = {name: problems for name, problems in wrong.items() if problems and name not in EXCEPTIONS}
    assert not unexpected
    stale = [name for name, problems in wrong.items() if not problems and name in EXCEPTIONS]
    assert not stale, "these pass: take them out of exceptions.yaml"


def test_exceptions_are_of_this_suite() -> None:
    """Each exception names a stage that exists, and has a reason."""
    names = {stage.id for grouped in BY_RULE.values() for stage in grouped}
    assert set(EXCEPTIONS) <= names
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())


def test_the_whole_suite_is_run() -> None:
    """As many tests as the corpus has."""
    assert sum(len(grouped) for grouped in BY_RULE.values()) >= 4972
    assert sum(stage.positive for grouped in BY_RULE.values() for stage in grouped) > 3900
