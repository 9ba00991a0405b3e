"""What is said of the disks where Starfort writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from starfort.runtime import disk


class Room:
    """What statvfs says."""

    def __init__(self, size: int, free: int, *, files: int = 100, read_only: bool = False) -> None:
        self.f_frsize, self.f_blocks, self.f_bavail = 1, size, free
        self.f_files, self.f_favail = 1000, files
        self.f_flag = os.ST_RDONLY if read_only else 0


GIB = 1 << 30


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (Room(100 * GIB, 90 * GIB), ""),
        (Room(500 * GIB, 15 * GIB), ""),
        (Room(4 * GIB, GIB), ""),
        (Room(0, 0), ""),
        (Room(100 * GIB, GIB), "nearly full"),
        (Room(4 * GIB, GIB // 10), "nearly full"),
        (Room(100 * GIB, 1 << 20), "is full"),
        (Room(1 << 20, 0), "is full"),
        (Room(100 * GIB, 90 * GIB, files=0), "no inodes"),
        (Room(100 * GIB, 90 * GIB, read_only=True), "read-only"),
    ],
)
def test_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: Room, said: str) -> None:
    """A disk with room is fine however large it is; one that is nearly full, full or read-only is named."""
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    (found,) = disk.look([tmp_path])
    assert bool(found.problem) == bool(said)
    assert said in found.problem
    assert not said or str(tmp_path) in found.problem


def test_each_file_system_is_looked_at_once(tmp_path: Path) -> None:
    """Directories of one file system are one; what is not there is left out."""
    (tmp_path / "run").mkdir()
    found = disk.look([tmp_path, tmp_path / "run", tmp_path / "missing"])
    assert [status.path for status in found] == [str(tmp_path)]


def test_a_full_disk_of_its_own_is_named(tmp_path: Path) -> None:
    """A small file system under the data directory that has no room is told apart from the one around it."""
    spool = tmp_path / "spool"
    spool.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(spool)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to mount a small tmpfs")
    try:
        (spool / "filler").write_bytes(b"x" * (1 << 20))
        found = {status.path: status.problem for status in disk.look([tmp_path, spool])}
        assert "is full" in found[str(spool)]
        assert not found[str(tmp_path)]
    finally:
        subprocess.run(["umount", "--lazy", str(spool)], check=True)
