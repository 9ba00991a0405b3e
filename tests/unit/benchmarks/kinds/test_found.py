"""What the benchmarks send is, to CRS, what they say it is."""

from __future__ import annotations

import pytest
from benchmarks.kinds import Kind, kinds
from benchmarks.mix import mix

from starfort import _engine
from starfort.config.rules import Rules
from starfort.threats.rulesets.crs import install_from
from starfort.threats.rulesets.overlay import compile_rules
from tests.crs.suite import CORPUS
from tests.support.corpora import needs_corpus

pytestmark = needs_corpus("crs")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> _engine.RuleSet:
    """CRS and Starfort's own rules at paranoia level 1."""
    folder = tmp_path_factory.mktemp("rulesets")
    install_from(CORPUS, folder)
    section = Rules.model_validate({"sets": ["crs"], "paranoia": 1})
    return _engine.RuleSet(compile_rules(section, folder, folder).compiled.data)


def _refused(rules: _engine.RuleSet, raw: bytes) -> bool:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, protocol = line.split(b" ")
    request = {
        "method": method, "uri": target, "protocol": protocol, "body": body, "remote_addr": "198.18.0.1",
        "headers": [tuple(field.split(b": ", 1)) for field in fields],
    }  # fmt: skip
    return rules.inspect(request)["interruption"] is not None


@pytest.mark.parametrize("kind", kinds(mix()), ids=lambda kind: kind.name)
def test_attacks_are_found_and_nothing_else(rules: _engine.RuleSet, kind: Kind) -> None:
    """Every one of them; a rule set that lets some pass would look cheap."""
    wrong = [raw for raw in kind.requests if _refused(rules, raw) != kind.malicious]
    assert wrong == []
