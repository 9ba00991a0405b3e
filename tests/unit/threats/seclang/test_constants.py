"""Rules that need never run."""

from __future__ import annotations

import pytest

from starfort.threats.seclang.wire import Constants
from tests.unit.threats.seclang.support import unpacked


def _constants(text: str) -> tuple[list[int], dict[str, str | int]]:
    """Ids of the rules that are left out, and the variables that are set from the start."""
    unpacked_rules = unpacked(text)
    worked_out: Constants = unpacked_rules["constants"]
    ids = [rule["id"] for rule in unpacked_rules["rules"]]
    initial: dict[str, str | int] = {}
    for name, value in worked_out["initial"]:
        initial[name] = value["text"] if "text" in value else value["integer"]
    return [ids[index] for index in worked_out["dead"]], initial


def test_rules_of_a_higher_level_are_left_out() -> None:
    """A level that a constant sets decides on a skip, and the skip on the rules that it passes over."""
    dead, initial = _constants(
        'SecAction "id:1,phase:1,nolog,pass,setvar:tx.level=1"\n'
        'SecRule TX:LEVEL "@lt 2" "id:2,phase:1,nolog,pass,skipAfter:END"\n'
        'SecRule ARGS "@rx a" "id:3,phase:1,log,pass"\n'
        "SecMarker END\n"
        'SecRule ARGS "@rx b" "id:4,phase:1,log,pass"\n'
    )
    assert dead == [1, 2, 3]
    assert initial == {"level": "1"}


def test_counts_and_sums_are_followed() -> None:
    """`=+` makes a number of a text, `&TX:x` counts 0 or 1, and `!` unsets."""
    dead, initial = _constants(
        'SecAction "id:1,phase:1,nolog,pass,setvar:tx.a=4,setvar:tx.a=+3"\n'
        'SecRule &TX:a "@eq 1" "id:2,phase:1,nolog,pass,setvar:tx.b=%{tx.a}"\n'
        'SecAction "id:3,phase:1,nolog,pass,setvar:!tx.a"\n'
        'SecRule TX:b "@ge 8" "id:4,phase:2,log,pass"\n'
    )
    assert dead == [1, 2, 3, 4]
    assert initial == {"b": "7"}


@pytest.mark.parametrize(
    ("between", "why"),
    [
        ('SecRule ARGS "@rx a" "id:2,phase:1,nolog,pass,setvar:tx.level=3"', "a request may change it"),
        ('SecRule ARGS:x "@rx (.*)" "id:2,phase:1,pass,capture,setvar:tx.%{tx.1}=3"', "it may be any"),
        ('SecRule TX:starfort_api "@streq x" "id:2,phase:1,pass,setvar:tx.level=3"', "the engine sets it"),
        (
            'SecRule TX:level "@rx ^1" "id:2,phase:1,pass,setvar:tx.level=3"',
            "a matcher would have to be asked",
        ),
        ('SecRule TX:level "@eq 1" "id:2,phase:1,pass,t:lowercase,setvar:tx.level=3"', "it is transformed"),
        ('SecRule ARGS "@rx a" "id:2,phase:1,pass,ctl:ruleRemoveById=3"', "the rule may be taken out"),
    ],
)
def test_what_depends_on_a_request_is_unknown(between: str, why: str) -> None:
    """Nothing is left out that a transaction might run."""
    dead, _ = _constants(
        'SecAction "id:1,phase:1,nolog,pass,setvar:tx.level=1"\n'
        f"{between}\n"
        'SecRule TX:level "@eq 1" "id:3,phase:1,nolog,pass,setvar:tx.seen=1"\n'
        'SecRule TX:seen "@eq 0" "id:4,phase:2,log,pass"\n'
    )
    assert 4 not in dead, why


def test_a_skip_that_another_rule_passes_over_is_not_counted_on() -> None:
    """The rules between are run by transactions that skip the skip."""
    dead, _ = _constants(
        'SecRule ARGS "@rx a" "id:1,phase:1,nolog,pass,skip:1"\n'
        'SecAction "id:2,phase:1,nolog,pass,skipAfter:END"\n'
        'SecRule ARGS "@rx b" "id:3,phase:1,log,pass"\n'
        "SecMarker END\n"
    )
    assert dead == []


def test_a_variable_that_an_earlier_rule_needs_is_not_set_from_the_start() -> None:
    """The earlier rule would see it too soon."""
    dead, initial = _constants(
        'SecRule ARGS "@rx a" "id:1,phase:1,log,pass,msg:\'%{tx.late}\'"\n'
        'SecAction "id:2,phase:1,nolog,pass,setvar:tx.late=1"\n'
    )
    assert (dead, initial) == ([], {})


def test_numbers_stay_within_64_bits() -> None:
    """The engine stops at the ends, so the same happens here."""
    _, initial = _constants(
        'SecAction "id:1,phase:1,nolog,pass,setvar:tx.a=9223372036854775807,setvar:tx.a=+99999999999999999999"\n'
        'SecAction "id:2,phase:1,nolog,pass,setvar:tx.b=-3x,setvar:tx.b=-2"\n'
    )
    assert initial == {"a": 2**63 - 1, "b": -5}
