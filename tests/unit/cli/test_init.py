"""`starfort init` and `starfort config schema`."""

from __future__ import annotations

import json
from pathlib import Path

from starfort.config import load
from tests.unit.cli.conftest import Run


def test_written_file_is_right_as_it_is(run: Run) -> None:
    """What `init` writes passes `check`, and names a schema that is beside it."""
    assert run("init").code == 0
    text = Path("starfort.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./starfort.schema.json\n")
    schema = json.loads(Path("starfort.schema.json").read_text())
    assert "policies" in schema["properties"]
    checked = run("check")
    assert checked.code == 0, checked.out + checked.err
    assert load(Path("starfort.yaml")).config.policies[0].mode == "observe"


def test_nothing_is_overwritten_unasked(run: Run) -> None:
    """A file that is there stays, unless `--force` says otherwise."""
    Path("starfort.yaml").write_text("mine")
    result = run("init")
    assert result.code == 1
    assert "--force" in result.err
    assert Path("starfort.yaml").read_text() == "mine"
    assert run("init", "--force", "--no-schema").code == 0
    assert Path("starfort.yaml").read_text().startswith("# Starfort's configuration")
    assert not Path("starfort.schema.json").exists()


def test_folder_and_unwritable_place(run: Run) -> None:
    """A folder gets `starfort.yaml`; a place that is not there is one sentence."""
    Path("conf").mkdir()
    assert run("init", "conf").code == 0
    assert Path("conf/starfort.yaml").exists()
    result = run("init", "nowhere/starfort.yaml")
    assert result.code == 1
    assert "cannot be written" in result.err


def test_schema_is_printed_or_written(run: Run) -> None:
    """The schema goes to stdout, or to a file with the line for editors on stderr."""
    printed = run("config", "schema")
    assert json.loads(printed.out)["properties"]["listeners"]
    written = run("config", "schema", "--output", "s.json")
    assert json.loads(Path("s.json").read_text()) == json.loads(printed.out)
    assert "yaml-language-server: $schema=./s.json" in written.err
