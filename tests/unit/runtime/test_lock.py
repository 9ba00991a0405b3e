"""The data directory is this user's alone."""

import os
from pathlib import Path

import pytest

from starfort.runtime.lock import DataDirectory, StartError


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o702, 0o1777])
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """With what mends it; after that it is taken."""
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(StartError, match=f"chmod go-w {path}"):
        DataDirectory(path)
    assert list(path.iterdir()) == []
    path.chmod(mode & ~0o022)
    DataDirectory(path).release()


def test_a_group_of_several_people_is_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write rights of a group that only this user is in harm nobody; of any other they are refused."""
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(0o770)
    DataDirectory(path).release()
    monkeypatch.setattr("starfort.runtime.lock._is_private_group", lambda _: False)
    with pytest.raises(StartError, match="chmod go-w"):
        DataDirectory(path)


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_others_may_look(tmp_path: Path, mode: int) -> None:
    """Directories that others may read are taken: what is in them is private by itself."""
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(mode)
    DataDirectory(path).release()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    """Its owner could change everything in it."""
    path = tmp_path / "data"
    path.mkdir(mode=0o755)
    os.chown(path, 12345, 12345)
    with pytest.raises(StartError, match="belongs to another user"):
        DataDirectory(path)
