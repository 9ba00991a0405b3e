"""What the parts found becomes rows and lists."""

from __future__ import annotations

import pytest
from benchmarks.quality.judge import Verdict
from benchmarks.quality.report import Blame, found_share, share
from benchmarks.quality.sample import Sample

SAMPLE = Sample("uploads: png", "chrome: a.png", "POST", "/v1/files", (("host", "a"),), b"x")


def test_a_refused_share_is_held_from_above_and_a_found_share_from_below() -> None:
    """In percent of all, with how many they are."""
    assert share("a", [True, False, False, False], 20.0).ok is False
    assert found_share("a", [True, True, True, False], 99.0).ok is False
    assert share("a", [False], 0.0).ok is True
    assert share("a", [True, False]).value == 50.0
    assert share("a", [True, False]).unit == "% of 2 refused"


def test_blame_counts_rules_and_those_that_refused_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With one example of each, whose value is masked as events mask it."""
    blame = Blame()
    blame.add(
        Verdict(
            SAMPLE,
            refused=True,
            rules=(942100, 942190),
            evidence=((942100, "ARGS:q", "a{3}"),),
            policy="rules",
        )
    )
    blame.add(Verdict(SAMPLE, refused=True, rules=(942100,), policy="rules"))
    blame.add(Verdict(SAMPLE, refused=True, policy="limits"))
    blame.print("uploads", 5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:3] == ["942100", "2", "("]
    assert "ARGS:q: a{3}" in lines[2]
    assert any("policy limits" in line for line in lines)


def test_a_sample_is_sent_as_it_is_described() -> None:
    """The bytes on the wire and what the engine is asked are one request."""
    assert SAMPLE.wire() == b"POST /v1/files HTTP/1.1\r\nhost: a\r\n\r\nx"
    assert SAMPLE.described()["url"] == "https://a/v1/files"
