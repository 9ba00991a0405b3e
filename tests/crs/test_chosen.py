"""Rules as they are chosen for traffic find what all rules find, and leave the same behind."""

from __future__ import annotations

from typing import Any

import pytest

from starfort._engine import RuleSet
from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import load_rules
from starfort.threats.seclang.parse import Snippet
from tests.crs.backend import answer
from tests.crs.request import read, wire
from tests.crs.suite import CORPUS, as_request, as_response, stages
from tests.support.corpora import needs_corpus

pytestmark = needs_corpus("crs")


@pytest.mark.parametrize("paranoia", [1, 2, 4])
def test_chosen_rules_find_what_all_do(paranoia: int) -> None:
    """For every request of the suite, at levels at which others are left out."""
    level = Snippet(
        "level",
        f'SecAction "id:900005,phase:1,nolog,pass,t:none,setvar:tx.blocking_paranoia_level={paranoia}"\n',
    )
    paths = [BASE_RULES, CORPUS / "crs-setup.conf.example", level, CORPUS / "rules"]
    rules = RuleSet(load_rules(paths).data)
    different, found = [], 0
    for stage in stages():
        raw = read(wire(stage.input))
        request, response = as_request(raw), as_response(answer(raw))
        chosen = _told(rules.inspect(request, response, verbose=False))
        found += bool(chosen["matched"])
        if chosen != _told(rules.inspect(request, response, exhaustive=True)):
            different.append(stage.id)
    assert not different
    assert found > 1000, "the suite is attacks"


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """What is the same, however rules were chosen: not what rules say that are not for the log."""
    matched = [match for match in found["matched"] if match["log"] or match["audit_log"]]
    return {**found, "matched": matched}
