"""`starfort rules …`, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from starfort.cli import app, options, target
from starfort.cli.admin_client import AdminClient
from tests.unit.threats.rulesets.support import folder, tar
from tests.unit.threats.rulesets.test_tune import event

RULE = "# Why it is there.\nSecRule ARGS \"@rx x\" \"id:5,phase:2,deny,msg:'X found',tag:'paranoia-level/1',severity:CRITICAL\"\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A rule file."""
    file = tmp_path / "mine.conf"
    file.write_text(RULE)
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    try:
        app.main(list(arguments))
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_check_says_what_is_right(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And as JSON for programs."""
    code, out, err = run(capsys, "rules", "check", str(rules))
    assert (code, out) == (0, "")
    assert "The rules are right: 1 rules of 1 files" in err
    assert json.loads(run(capsys, "rules", "check", "--json", str(rules))[1])["rules"] == 1


def test_check_shows_every_problem(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its place, the line, and what to do."""
    rules.write_text(RULE + "SecFoo on\nSecRuleScript x.lua\n")
    code, out, err = run(capsys, "rules", "check", str(rules))
    assert code == 1
    assert f"{rules}:3:1: unknown directive SecFoo" in out
    assert "fix: no program runs inside the proxy" in out
    assert "2 problems in the rules" in err


def test_check_shows_notes_when_asked(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else how many there are."""
    rules.write_text(RULE + "SecAuditEngine On\n")
    assert "1 notes" in run(capsys, "rules", "check", str(rules))[2]
    assert "SecAuditEngine has no effect" in run(capsys, "rules", "check", "--notes", str(rules))[1]


def test_explain(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words; an unknown rule is an error."""
    code, out, _ = run(capsys, "rules", "explain", "5", str(rules))
    assert code == 0
    for part in ("X found", f"{rules}:2", "critical", "Why it is there.", "ARGS (arguments", "- rule: 5"):
        assert part in out
    assert json.loads(run(capsys, "rules", "explain", "5", str(rules), "--json")[1])["paranoia"] == 1
    code, _, err = run(capsys, "rules", "explain", "6", str(rules))
    assert code == 1
    assert "there is no rule 6" in err


def test_install_and_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is installed is listed, and a change of it is seen."""
    sets = tmp_path / "sets"
    code, _, err = run(capsys, "rules", "install", "crs", "--from", str(tar(tmp_path)), "--folder", str(sets))
    assert code == 0
    assert "crs 9.1.0 is installed" in err
    listed = run(capsys, "rules", "list", "--folder", str(sets))[1]
    assert "9.1.0" in listed
    assert "as installed" in listed
    changed = next(sets.glob("crs-*/rules/words.data"))
    changed.write_text("other\n")
    assert "1 files changed" in run(capsys, "rules", "list", "--folder", str(sets))[1]


def test_install_that_fails_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says why."""
    wrong = [
        "rules",
        "install",
        "crs",
        "--from",
        str(folder(tmp_path / "in", {"a.conf": "x"})),
        "--folder",
        str(tmp_path / "s"),
    ]
    code, _, err = run(capsys, *wrong)
    assert code == 1
    assert "no CRS in it" in err
    assert run(capsys, "rules", "list", "--folder", str(tmp_path / "s"))[2].startswith(
        "No rule set is installed"
    )
    assert run(capsys, "rules", "install", "crs", "--from", str(tmp_path), "--version", "4.0.0")[0] == 2


class FakeClient(AdminClient):
    """A control plane with events on two pages."""

    def __init__(self, _: object) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, path: str, /, **parameters: Any) -> Any:
        """Pages of six events each."""
        assert path == "/events"
        assert parameters["limit"] <= 200
        first = parameters["before"] is None
        numbers = range(6) if first else range(6, 12)
        return {"items": [event(number) for number in numbers], "next": "more" if first else None}


def test_tune_proposes(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From all pages; as a table and as configuration."""
    monkeypatch.setattr(options, "AdminClient", FakeClient)
    monkeypatch.setattr(target, "find", lambda *_: None)
    code, out, _ = run(capsys, "rules", "tune", "--rules", str(rules))
    assert code == 0
    assert "POST /comments/{id}" in out
    assert "12 requests, 12 addresses, 12 answered below 400" in out
    assert "- rule: 942100" in out
    found = json.loads(run(capsys, "rules", "tune", "--json")[1])
    assert [(one["rule"], one["parameter"], one["likely"]) for one in found] == [(942100, "text", True)]
    assert json.loads(run(capsys, "rules", "tune", "--json", "--rule", "1")[1]) == []
