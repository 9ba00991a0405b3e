"""Patterns that Python asks."""

from __future__ import annotations

import re

import pytest

from starfort.threats.seclang.patterns import compiled
from tests.unit.threats.seclang.support import load


@pytest.mark.parametrize("pattern", ["[[a]", "[a&&b]", "[a||b]"])
def test_sets_within_sets_are_read_in_silence(pattern: str) -> None:
    """PCRE has none, so there is nothing to warn of; warnings are errors in tests."""
    assert compiled(pattern)
    assert load(f'SecRuleRemoveByTag "{pattern}"\nSecAction "id:1,pass"').rules


def test_what_is_no_pattern_is_an_error() -> None:
    """Whoever asks says where it stands."""
    with pytest.raises(re.error):
        compiled("(")
