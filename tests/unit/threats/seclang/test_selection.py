"""What a `ctl` takes out."""

from __future__ import annotations

import pytest

from tests.unit.threats.seclang.support import unpacked

_RULES = (
    "SecRule ARGS \"@rx a\" \"id:10,phase:2,pass,tag:'x',msg:'Hello %{tx.Name}'\"\n"
    "SecRule ARGS \"@rx a\" \"id:15,phase:2,pass,tag:'x',tag:'y'\"\n"
    'SecRule ARGS "@rx a" "id:20,phase:2,pass,tag:\'xy\'"\n'
)


@pytest.mark.parametrize(
    ("which", "indexes"),
    [
        ("ById=10-15", [1, 2]),
        ("ById=15 20-30", [2, 3]),
        ("ById=99", []),
        ("ByTag=x", [1, 2]),
        ("ByTag=X", []),
        ("ByMsg=hello %{TX.name}", [1]),
        ("ByMsg=Hello", []),
    ],
)
def test_rules_are_named_by_index(which: str, indexes: list[int]) -> None:
    """Ids by range, tags as written, messages without case."""
    rules = unpacked(f"SecAction \"id:1,phase:1,pass,nolog,ctl:'ruleRemove{which}'\"\n{_RULES}")["rules"]
    assert rules[0]["links"][0]["actions"] == [{"ctl": {"remove_rules": indexes}}]


def test_a_target_is_taken_out_of_the_rules_that_are_named() -> None:
    """One removal for each target."""
    text = f'SecAction "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=x;ARGS:a|ARGS:b"\n{_RULES}'
    actions = unpacked(text)["rules"][0]["links"][0]["actions"]
    removals = [action["ctl"]["remove_target"] for action in actions]
    assert [(rules, target["selector"]) for rules, target in removals] == [
        ([1, 2], {"name": "a"}),
        ([1, 2], {"name": "b"}),
    ]
