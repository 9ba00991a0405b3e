"""Kinds of attacks."""

from __future__ import annotations

import pytest

from starfort.threats.seclang.attacks import attacks_of


@pytest.mark.parametrize(
    ("rule", "tags", "attacks"),
    [
        (1, ["attack-sqli", "language-multi"], ["sql"]),
        (1, ["attack-injection-generic", "language-java"], ["java", "script"]),
        (1, ["language-java"], []),
        (1, ["attack-protocol"], []),
        (921110, ["attack-protocol"], ["lines"]),
        (1, [], []),
    ],
)
def test_tags_say_what_a_rule_looks_for(rule: int, tags: list[str], attacks: list[str]) -> None:
    """A language alone is no attack, and rules about the protocol are weighed only where they look for lines."""
    assert attacks_of(rule, tags) == attacks
