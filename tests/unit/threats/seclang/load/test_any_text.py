"""Whatever a rule file holds, it loads or every problem is said; nothing else comes out."""

from __future__ import annotations

import contextlib

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from starfort._engine import RuleSet
from starfort.config.problems import ConfigError
from starfort.threats.seclang.load import load_rules
from starfort.threats.seclang.parse import Snippet
from starfort.threats.seclang.reference import (
    ACTIONS,
    CTLS,
    DIRECTIVES,
    OPERATORS,
    TRANSFORMATIONS,
    VARIABLES,
)

WORDS = st.sampled_from(
    [
        *DIRECTIVES, *VARIABLES, *(f"@{name}" for name in OPERATORS), *ACTIONS, *(f"t:{name}" for name in TRANSFORMATIONS),
        *(f"ctl:{name}=On" for name in CTLS), *(f"ctl:{name}=1;ARGS:x" for name in CTLS),
        "id:1", "id:2", "phase:2", "chain", "setvar:tx.a=+%{tx.b}", "setvar:'tx.%{MATCHED_VAR}=1'", "skipAfter:END", "END",
        "msg:'x'", "severity:2", "%{TX.1}", "%{", "!ARGS:/x/", "&TX", "XML:/*", "|", ":", ",", "=", "'", '"', "\\", "\\\n", "\n",
        " ", "#", "1-5", "[", "(", "a|b", "\x00", "é", "0",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40).map("".join))
def test_any_words(text: str) -> None:
    """Words of the language in any order."""
    with contextlib.suppress(ConfigError):
        load_rules([Snippet("any", text)])


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_characters(text: str) -> None:
    """Characters in any order."""
    with contextlib.suppress(ConfigError):
        load_rules([Snippet("any", text)])


PIECES = st.sampled_from(
    [*";,:=|!&/.%{}[]()-'`\\ ", "1", "932110", "9-1", "ARGS", "XML", "x", "%{TX.1}", "%{ARGS:/(/}", "On", "tx.", "a=+", "é"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.sampled_from([*(f"ctl:{name}=" for name in CTLS), *(f"{name}:" for name in ACTIONS)]),
    st.lists(PIECES, max_size=8).map("".join),
)
def test_any_value_of_an_action(action: str, value: str) -> None:
    """An action whose value is wrong is told with its place; nothing else comes out."""
    with contextlib.suppress(ConfigError):
        load_rules([Snippet("any", f'SecAction "id:1,phase:1,pass,{action}{value}"')])


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.lists(PIECES, max_size=8).map("".join))
def test_any_targets_and_operators(targets: str, operator: str) -> None:
    """So are targets, operators, and what updates say."""
    for text in (
        f'SecRule "{targets}" "{operator}" "id:1,phase:1,pass"',
        f'SecAction "id:1,phase:1,pass"\nSecRuleUpdateTargetById "{operator}" "{targets}"',
        f'SecDefaultAction "phase:1,{operator}"\nSecRuleRemoveByTag "{targets}"',
    ):
        with contextlib.suppress(ConfigError):
            load_rules([Snippet("any", text)])


@settings(deadline=None)
@given(
    variables=st.lists(st.sampled_from([name for name, entry in VARIABLES.items() if entry.supported and "XML" not in name]), min_size=1, max_size=4),
    operator=st.sampled_from(["rx a", "pm a b", "eq 1", "within x", "detectSQLi", "ipMatch 192.0.2.0/24", "validateByteRange 1-9"]),
    transformations=st.lists(st.sampled_from(sorted(TRANSFORMATIONS)), max_size=4),
    negated=st.booleans(),
)  # fmt: skip
def test_what_loads_runs(
    variables: list[str], operator: str, transformations: list[str], negated: bool
) -> None:
    """The engine takes every rule that the compiler makes, and keeps its parts."""
    steps = "".join(f",t:{name}" for name in transformations)
    text = f'SecRule {"|".join(variables)} "{"!" if negated else ""}@{operator}" "id:1,phase:2,pass{steps}"'
    data = load_rules([Snippet("any", text)]).data
    link = msgpack.unpackb(data)["rules"][0]["links"][0]
    assert [target["variable"] for target in link["targets"]] == variables
    assert link["negated"] == negated
    RuleSet(data)
