"""Rules that ask for what matched."""

from __future__ import annotations

import pytest

from tests.unit.threats.seclang.support import unpacked

_QUIET = 'SecRule ARGS "@rx a" "id:1,phase:2,nolog,pass"\n'


@pytest.mark.parametrize(
    "asking",
    [
        'SecRule MATCHED_VAR|ARGS "@rx a" "id:2,phase:2,nolog,pass"',
        'SecRule MATCHED_VARS_NAMES "@rx a" "id:2,phase:2,nolog,pass"',
        'SecAction "id:2,phase:2,nolog,pass,setvar:tx.x=%{MATCHED_VAR}"',
        "SecAction \"id:2,phase:2,nolog,pass,logdata:'%{RULE.msg}'\"",
    ],
)
def test_a_rule_that_asks_about_earlier_ones_makes_all_note(asking: str) -> None:
    """Targets are looked at before the rule has matched, and a `SecAction` matches nothing."""
    made = unpacked(_QUIET + asking)
    assert made["reads_earlier"]
    assert [rule["notes"] for rule in made["rules"]] == [True, True]


@pytest.mark.parametrize(
    ("asking", "at_match"),
    [
        ('SecRule ARGS "@rx a" "id:2,phase:2,nolog,pass,setvar:tx.x=%{MATCHED_VAR}"', True),
        ('SecRule ARGS "@streq %{MATCHED_VAR}" "id:2,phase:2,nolog,pass"', True),
        ('SecRule ARGS "@rx a" "id:2,phase:2,nolog,pass,msg:\'%{MATCHED_VAR}\'"', False),
    ],
)
def test_a_rule_may_ask_about_itself(asking: str, at_match: bool) -> None:
    """Then it notes what it matched, and others need not. A message is made when the whole chain has matched."""
    made = unpacked(_QUIET + asking)
    assert not made["reads_earlier"]
    assert [rule["notes"] for rule in made["rules"]] == [False, True]
    assert made["rules"][1]["links"][0]["reads_matched"] is at_match


def test_a_rule_that_is_reported_notes_what_it_matched() -> None:
    """The log and the audit log show it."""
    rules = unpacked(_QUIET + 'SecRule ARGS "@rx a" "id:2,phase:2,log,pass"')["rules"]
    assert [rule["notes"] for rule in rules] == [False, True]
