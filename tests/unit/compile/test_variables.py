"""The variables of policies and their page."""

from __future__ import annotations

import re
from pathlib import Path

from starfort.compile.variables import plain_variables

PAGE = Path(__file__).parents[3] / "docs" / "policies.md"


def test_every_variable_is_documented_with_its_type() -> None:
    """docs/policies.md has each variable with its CEL type, and none that is not there."""
    table = PAGE.read_text().split("## What a condition may use")[1].split("Operators and functions")[0]
    documented = {
        name: kind
        for names, kind in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert documented.pop("signals.KIND.score") == "double"
    assert documented.pop("signals.KIND.active") == "bool"
    types = {name: _written(str(kind)) for name, (_, kind) in plain_variables().items()}
    assert documented == types


def _written(kind: str) -> str:
    """`map(string, string)` for `MAP<STRING, STRING>`."""
    return kind.lower().replace("<", "(").replace(">", ")")
