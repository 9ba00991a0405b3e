"""Rules in words."""

from __future__ import annotations

from pathlib import Path

from starfort.threats.seclang.explain import explain
from starfort.threats.seclang.load import load_rules
from tests.unit.threats.seclang.support import load


def test_a_rule_in_words(tmp_path: Path) -> None:
    """Where, what, why, what it costs, how to take it out."""
    file = tmp_path / "r.conf"
    file.write_text(
        "# ------\n# of another rule\n\nSecMarker X\n#\n# Finds apples.\n# Source: a book\n# ------------\n"
        'SecRule ARGS|!ARGS:safe|&REQUEST_COOKIES "!@pm apple pear" \\\n'
        "    \"id:5,phase:2,deny,status:406,t:none,t:lowercase,msg:'Fruit',severity:ERROR,tag:'paranoia-level/3',"
        "logdata:'%{MATCHED_VAR_NAME}',setvar:tx.seen=1,"
        "setvar:'tx.inbound_anomaly_score_pl3=+%{tx.error_anomaly_score}'\"\n"
    )
    words = explain(load_rules([file]).rules[0])
    assert words.location == f"{file}:9"
    assert words.message == "Fruit"
    assert words.why == "Finds apples.\nSource: a book"
    assert (words.paranoia, words.severity) == (3, "error")
    assert words.score == ("inbound_anomaly_score_pl3 +error",)
    assert " ".join(words.looks_at) == (
        "ARGS (arguments of query and body); the number of REQUEST_COOKIES (cookies); but not ARGS:safe; "
        "after lowercase (upper case ASCII letters to lower case); where @pm apple pear does not hold "
        "(one of these phrases is in it, in any case)"
    )
    assert words.does == (
        "asks to refuse with 406",
        "in phase 2 (request body)",
        "shows %{MATCHED_VAR_NAME}",
        "setvar:tx.seen=1",
    )
    assert "- rule: 5\n" in words.exclusion
    assert "parameter: NAME" in words.exclusion


def test_chains_redirects_and_texts() -> None:
    """Each link is told; a rule without a file has no comment."""
    words = explain(
        load('SecAction "id:1,nolog,redirect:https://x/,chain"\nSecRule TX:a "@eq 1" "t:none"').rules[0]
    )
    assert words.looks_at[0] == "always"
    assert words.looks_at[1].startswith("TX:a (")
    assert words.does == ("asks to redirect to https://x/", "in phase 2 (request body)", "without a finding")
    assert words.why == ""
    assert "parameter" not in words.exclusion
