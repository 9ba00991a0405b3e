"""The rule set that both are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import crs

RULES = 'SecRule ARGS "@rx a" \\\n    "id:1,\\\n    deny,\\\n    chain"\n    SecRule TX:a "@eq 1"\nSecAction "id:2,pass"\n'


def test_every_directive_gets_an_empty_line_before_it() -> None:
    """And nothing else changes: continued lines stay together."""
    spaced = crs.spaced(RULES)
    assert spaced == RULES.replace("\n    SecRule", "\n\n    SecRule").replace("\nSecAction", "\n\nSecAction")
    assert spaced.replace("\n\n", "\n") == RULES


def test_the_copy_has_rules_in_order_and_data(tmp_path: Path) -> None:
    """Set-up first; data files lie beside the rules that name them."""
    source = tmp_path / "crs" / "rules"
    source.mkdir(parents=True)
    names = ("A.conf", "B.conf", "words.data")
    for name in names:
        (source / name).write_text(RULES)
    setup = tmp_path / "crs" / "setup.conf"
    setup.write_text('SecAction "id:3,pass"\n')
    found = crs.CoreRuleSet("4.25.0", setup, [source / "A.conf", source / "B.conf"])
    copies = crs.for_modsecurity(found, tmp_path / "copy")
    assert [file.name for file in copies] == ["setup.conf", "A.conf", "B.conf"]
    assert (tmp_path / "copy" / "words.data").read_text() == RULES
    assert copies[1].read_text() == crs.spaced(RULES)


def test_no_rule_set_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `starfort rules install` was never run."""
    monkeypatch.setenv("STARFORT_RULESETS", str(tmp_path))
    assert crs.installed() is None
