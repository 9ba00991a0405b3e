"""Rules that the engine accepted before are not asked about again, and nothing else passes for one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.config import ConfigError
from starfort.threats.seclang import accepted, runnable
from starfort.threats.seclang.accepted import Accepted
from starfort.threats.seclang.load import load_rules

RIGHT = 'SecRule ARGS "@rx a" "id:1,phase:2,pass"\n'
WRONG = 'SecRule ARGS "@rx (?=a)" "id:2,phase:2,pass"\n'


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the engine is asked about, with no memory within the process."""
    found: list[bytes] = []
    ask = runnable._refusal.__wrapped__

    def refusal(packed: bytes) -> str | None:
        found.append(packed)
        return ask(packed)

    monkeypatch.setattr(runnable, "_refusal", refusal)
    return found


def check(folder: Path, text: str) -> None:
    """Compile rules as a command does."""
    (folder / "mine.conf").write_text(text)
    with runnable.remembering(folder / "cache" / "accepted-rules"):
        load_rules([folder / "mine.conf"])


def test_a_rule_is_asked_about_once(tmp_path: Path, asked: list[bytes]) -> None:
    """The next command asks only about what changed."""
    check(tmp_path, RIGHT)
    check(tmp_path, RIGHT)
    assert len(asked) == 1
    check(tmp_path, RIGHT + RIGHT.replace("id:1", "id:3"))
    assert len(asked) == 2


def test_a_refused_rule_is_refused_every_time(tmp_path: Path, asked: list[bytes]) -> None:
    """Only what the engine accepted is remembered, also when a command ends with problems."""
    for _ in range(2):
        with pytest.raises(ConfigError, match="look-around"):
            check(tmp_path, RIGHT + WRONG)
    assert len(asked) == 3


def test_a_start_asks_about_every_rule(tmp_path: Path, asked: list[bytes]) -> None:
    """Without `remembering` nothing is taken from the file."""
    check(tmp_path, RIGHT)
    load_rules([tmp_path / "mine.conf"])
    assert len(asked) == 2


def test_the_file_is_private_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0600 in a folder of mode 0700; a full one begins anew with what was seen last."""
    monkeypatch.setattr(accepted, "MAX_KNOWN", 3)
    file = tmp_path / "cache" / "accepted-rules"
    for number in range(5):
        known = Accepted(file)
        known.add(bytes([number]))
        known.save()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [bytes([number]) in Accepted(file) for number in range(5)] == [False, False, False, True, True]
    assert [each.name for each in file.parent.iterdir()] == ["accepted-rules"]


@pytest.mark.parametrize("harm", ["mode", "engine", "cut", "long", "gone", "folder"])
def test_a_file_that_is_not_as_written_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Others may write it, another engine wrote it, it was cut, it is too long, it is not there, it is a folder."""
    file = tmp_path / "accepted-rules"
    known = Accepted(file)
    known.add(b"rule")
    known.save()
    assert b"rule" in Accepted(file)
    content = file.read_bytes()
    if harm == "mode":
        file.chmod(0o620)
    elif harm == "engine":
        monkeypatch.setattr(accepted, "_engine_identity", lambda: bytes(16))
    elif harm == "cut":
        file.write_bytes(content[:-1])
    elif harm == "long":
        monkeypatch.setattr(accepted, "MAX_KNOWN", 0)
    else:
        file.unlink()
        if harm == "folder":
            file.mkdir()
    assert b"rule" not in Accepted(file)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A command works without its cache."""
    (tmp_path / "file").write_text("")
    known = Accepted(tmp_path / "file" / "accepted-rules")
    known.add(b"rule")
    known.save()
    assert (tmp_path / "file").read_text() == ""
