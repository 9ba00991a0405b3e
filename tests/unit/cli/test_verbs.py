"""A command is found from its own file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from starfort.cli import verbs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of `starfort/cli`."""
    monkeypatch.setattr(verbs, "FOLDER", tmp_path)
    for found in (verbs.verbs, verbs.nouns):
        found.cache_clear()
        monkeypatch.setattr(verbs, found.__name__, found.__wrapped__)
    return tmp_path


COMMAND = '''"""`starfort {words}`."""

from x import y

LIMIT = 1


def _helper() -> None:
    """Not this one."""


@online
def {name}(
    client: AdminClient,
    *,
    json: Json = False,
) -> None:
    """Show what
    there is.

    More of it.
    """


def other() -> None:
    """Nor this one."""
'''


def test_a_file_is_a_command(folder: Path) -> None:
    """The first line names the command, the first public function is it, its first paragraph is the help."""
    (folder / "later.py").write_text(COMMAND.format(words="later", name="run"))
    (folder / "status.py").write_text(COMMAND.format(words="status", name="status"))
    (folder / "helper.py").write_text(
        '"""Helps `starfort status`."""\n\n\ndef help() -> None:\n    """Help."""\n'
    )
    assert verbs.verbs() == {
        "status": verbs.Verb("status:status", "Show what there is."),
        "later": verbs.Verb("later:run", "Show what there is."),
    }


def test_a_folder_is_a_noun(folder: Path) -> None:
    """Its `__init__.py` says what it is about; its files are its commands, in the order of the help."""
    for name in ("keys", "helpers"):
        (folder / name).mkdir()
    (folder / "keys/__init__.py").write_text('"""`starfort keys`: keys of doors."""\n')
    (folder / "helpers/__init__.py").write_text('"""What commands share."""\n')
    for name in ("zap", "show", "list"):
        (folder / f"keys/{name}.py").write_text(COMMAND.format(words=f"keys {name}", name="run"))
    found = verbs.nouns()
    assert list(found) == ["keys"]
    assert found["keys"].help == "Keys of doors."
    assert {name: verb.place for name, verb in found["keys"].verbs.items()} == {
        "list": "keys.list:run",
        "show": "keys.show:run",
        "zap": "keys.zap:run",
    }
    assert list(found["keys"].verbs) == ["list", "show", "zap"]


def test_a_command_without_a_function(folder: Path) -> None:
    """A file that begins like a command and has none is a mistake that is named."""
    (folder / "empty.py").write_text('"""`starfort empty`."""\n')
    with pytest.raises(RuntimeError, match=r"empty\.py"):
        verbs.verbs()


def test_commands_are_found_without_importing_them() -> None:
    """The help lists every command, and none of their modules is loaded for it."""
    before = set(sys.modules)
    assert len(verbs.verbs()) > 8
    assert len(verbs.nouns()) > 8
    assert all(noun.help and noun.verbs for noun in verbs.nouns().values())
    assert not {name for name in set(sys.modules) - before if name.startswith("starfort.cli.")}
