"""The spool: what survives a crash, and what is set aside."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from starfort.events import segment
from starfort.events import spool as spool_module
from starfort.events.errors import SpoolError
from starfort.events.segment import Record
from starfort.events.spool import MAX_SET_ASIDE, Spool


def record(sequence: int, payload: bytes = b"payload", instance: str = "i") -> Record:
    """Give a record of node `n`."""
    return Record("n", instance, sequence, 1, payload)


def test_what_was_appended_is_there_after_a_crash(tmp_path: Path) -> None:
    """Records of an unsealed and a sealed segment are found by the next start, in order, with their marks."""
    spool = Spool.open(tmp_path)
    spool.append([record(1), record(2)])
    spool.seal()
    spool.append([record(3)])
    again = Spool.open(tmp_path)
    found = [r for s in again.sealed for r in segment.read(s.path).records]
    assert [r.sequence for r in found] == [1, 2, 3]
    assert again.rows == 3
    assert again.is_known(("n", "i"), 3)
    assert not again.is_known(("n", "i"), 4)
    assert not again.is_known(("n", "other"), 1)


def test_marks_outlive_the_segments(tmp_path: Path) -> None:
    """A batch whose segment went to the store is still known after a restart."""
    spool = Spool.open(tmp_path)
    spool.append([record(7)])
    spool.seal()
    spool.done(spool.sealed[:])
    assert list(tmp_path.glob("*.segment")) == []
    assert Spool.open(tmp_path).is_known(("n", "i"), 7)


def test_a_torn_tail_is_cut_off_and_counted(tmp_path: Path) -> None:
    """A record cut anywhere disappears, the ones before it stay."""
    first, second = record(1).encode(), record(2).encode()
    for cut in range(1, len(second)):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / "1.segment").write_bytes(segment.MAGIC + first + second[:cut])
        spool = Spool.open(directory)
        assert [r.sequence for s in spool.sealed for r in segment.read(s.path).records] == [1]
        assert (spool.counters.torn_segments, spool.counters.corrupt_segments) == (1, 0)


def test_a_corrupt_segment_is_set_aside_with_what_could_be_read_kept(tmp_path: Path) -> None:
    """A flipped bit in a middle record: the records before go on, a copy of the file is kept and counted."""
    data = bytearray(segment.MAGIC + record(1).encode() + record(2).encode() + record(3).encode())
    data[len(segment.MAGIC) + len(record(1).encode()) + 20] ^= 1
    (tmp_path / "1.segment").write_bytes(data)
    spool = Spool.open(tmp_path)
    assert [r.sequence for s in spool.sealed for r in segment.read(s.path).records] == [1]
    assert spool.counters.corrupt_segments == spool.counters.set_aside == 1
    kept = tmp_path / "set-aside" / "1.segment"
    assert kept.read_bytes() == data
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_segment_torn_in_the_past_is_no_torn_tail(tmp_path: Path) -> None:
    """Only the newest segment can be cut by a crash; an older one that is cut was damaged."""
    (tmp_path / "1.segment").write_bytes((segment.MAGIC + record(1).encode())[:-1])
    (tmp_path / "2.segment").write_bytes(segment.MAGIC + record(2).encode())
    spool = Spool.open(tmp_path)
    assert spool.counters.set_aside == 1
    assert [s.path.name for s in spool.sealed] == ["2.segment"]


def test_set_aside_is_bounded(tmp_path: Path) -> None:
    """Of broken files the newest are kept, the dropped ones counted."""
    for number in range(MAX_SET_ASIDE + 5):
        (tmp_path / f"{number:03d}.segment").write_bytes(b"nonsense of some length")
    spool = Spool.open(tmp_path)
    names = sorted(p.name for p in (tmp_path / "set-aside").iterdir())
    assert names == [f"{number:03d}.segment" for number in range(5, MAX_SET_ASIDE + 5)]
    assert spool.counters.dropped_set_aside == 5


def test_a_full_spool_takes_nothing_more(tmp_path: Path) -> None:
    """At its size the spool refuses as a full disk does, and takes again once there is room."""
    spool = Spool.open(tmp_path, max_bytes=1000)
    spool.append([record(1, b"x" * 600)])
    with pytest.raises(OSError, match="1000 bytes") as caught:
        spool.append([record(2, b"x" * 600)])
    assert caught.value.errno == 28
    assert not spool.is_known(("n", "i"), 2)
    spool.seal()
    spool.done(spool.sealed[:])
    spool.append([record(2, b"x" * 600)])
    assert spool.is_known(("n", "i"), 2)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails inside a record, the earlier ones stay, and the next start agrees."""
    spool = Spool.open(tmp_path)
    spool.append([record(1)])
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        real(descriptor, bytes(data)[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module.os, "write", half)
    with pytest.raises(OSError, match="No space"):
        spool.append([record(2)])
    monkeypatch.setattr(spool_module.os, "write", real)
    spool.append([record(2)])
    again = Spool.open(tmp_path)
    assert [r.sequence for s in again.sealed for r in segment.read(s.path).records] == [1, 2]
    assert again.counters.torn_segments == 0


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    """Segments and marks have mode 0600, the directory 0700."""
    spool = Spool.open(tmp_path / "spool")
    spool.append([record(1)])
    spool.seal()
    spool.append([record(2)])
    spool.done(spool.sealed[:])
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    for path in (tmp_path / "spool").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """A file in the place of the directory is reported with its path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="needs a directory"):
        Spool.open(tmp_path / "file")


def test_broken_marks_count_as_none(tmp_path: Path) -> None:
    """Marks that cannot be read never stop the start."""
    (tmp_path / "marks.json").write_text('[["n", "i"]]')
    assert Spool.open(tmp_path).marks == {}


def test_marks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest silent source is forgotten first."""
    monkeypatch.setattr(spool_module, "MAX_MARKS", 3)
    spool = Spool.open(tmp_path)
    for name in ("a", "b", "c", "a", "d"):
        spool.append([record(1, instance=name)])
    assert [source[1] for source in spool.marks] == ["c", "a", "d"]
