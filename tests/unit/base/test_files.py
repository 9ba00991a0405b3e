"""Private files: whole, durable and for their owner only."""

import os
import threading
from pathlib import Path

import pytest

from starfort.base import files
from starfort.base.files import KeyFileError, key_of_file, make_private, read_json, write_json, write_private


def test_a_file_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """The file has mode 0600 whatever stood there before and whatever the umask is."""
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        write_private(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_steps_of_writing_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content reaches the disk before the rename, and the name after it."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def traced_sync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "content")  # noqa: PTH112
        sync(descriptor)

    def traced_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", traced_sync)
    monkeypatch.setattr(Path, "replace", traced_replace)
    write_private(tmp_path / "file", b"content")
    assert steps == ["content", "rename", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails at any step leaves the old content and no half-written file."""
    path = tmp_path / "file"
    write_private(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(OSError, match="Input/output error"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """A key stays the same, and threads that ask for it at once get the same one."""
    path, found = tmp_path / "key", []
    threads = [threading.Thread(target=lambda: found.append(key_of_file(path, 32))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {path.read_bytes()}
    assert (len(found), len(found[0])) == (8, 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_is_never_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the machine stops before the key is on the disk there is no key file at all."""

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", stop)
        with pytest.raises(KeyboardInterrupt):
            key_of_file(tmp_path / "key", 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_damaged_key_is_refused(content: bytes, tmp_path: Path) -> None:
    """A key of another length is neither used nor replaced."""
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"holds {len(content)} bytes, expected 32"):
        key_of_file(path, 32)
    assert path.read_bytes() == content


def test_json_is_written_and_read(tmp_path: Path) -> None:
    """A folder that is missing is made for its owner; a damaged file counts as none."""
    path = tmp_path / "run" / "note.json"
    assert read_json(path) is None
    write_json(path, {"pid": 1})
    assert read_json(path) == {"pid": 1}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.write_text("{")
    assert read_json(path) is None


def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    """A folder that others may enter is closed to them."""
    tmp_path.chmod(0o755)
    make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_an_error_says_what_to_do() -> None:
    """A full disk is named as such, with the file and what helps."""
    assert files.explain(OSError(28, "No space", "/data/x")) == "/data/x: the disk is full; free some space"
