"""`starfort catalogue diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

OLD = "openapi: 3.1.0\nservers: [{url: /v1}]\npaths:\n  /a: {get: {parameters: [{name: q, in: query}]}}\n  /b: {get: {}}\n"
NEW = OLD.replace("in: query", "in: query, required: true").replace("/b", "/c")


@pytest.fixture(autouse=True)
def _documents() -> None:
    Path("old.yaml").write_text(OLD)
    Path("new.yaml").write_text(NEW)


def test_two_files_are_compared_without_a_control_plane(run: Run) -> None:
    """What breaks callers comes first and makes the exit code 1; each line has operation, place and code."""
    found = run("catalogue", "diff", "old.yaml", "new.yaml")
    assert found.code == 1
    lines = found.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["error", "error", "info"]
    assert "api-path-removed-without-deprecation" in found.out
    assert "query parameter q" in found.out
    assert "2 error, 1 info" in found.err


def test_levels_can_be_chosen(run: Run) -> None:
    """Those that are shown, and those that count; JSON has the same."""
    assert run("catalogue", "diff", "old.yaml", "new.yaml", "--fail-on", "none").code == 0
    shown = json.loads(run("catalogue", "diff", "old.yaml", "new.yaml", "--level", "error", "--json").out)
    assert {one["level"] for one in shown} == {"error"}
    assert run("catalogue", "diff", "old.yaml", "old.yaml").code == 0
    assert run("catalog", "diff", "old.yaml", "old.yaml").code == 0


def test_what_cannot_be_read_is_told(run: Run) -> None:
    """A broken document with its line, and a word that is nothing."""
    Path("bad.yaml").write_text("openapi: 3.1.0\npaths:\n  /a: {get: 7}\n")
    broken = run("catalogue", "diff", "old.yaml", "bad.yaml")
    assert broken.code == 1
    assert "bad.yaml:3:" in broken.err
    assert "#/paths/~1a/get" in broken.err
    assert run("catalogue", "diff", "old.yaml", "none.yaml").code == 2
